/**
 * The home: the directory with all state of bgjob. It is opened only if it belongs to this user and no other
 * user can write it. A home of a newer format is refused. This file creates the home and knows its top level;
 * paths.ts knows the files of a job, a queue, a schedule and a trigger.
 *
 *     format  token                      see below
 *     seq  floor.N                       see ids.ts
 *     jobs/42/…                          one directory per job, see JobPaths
 *     live/42                            a marker of a live job, see job-index.ts
 *     ended/TIME.42.PROJECT              the same marker after the end
 *     names/PROJECT.NAME/claim.N         the owners of a name, see name-claims.ts
 *     queues/NAME/…                      one directory per queue, see QueuePaths
 *     config.json                        defaults of the user, see config.ts
 *     schedules/NAME/…  triggers/NAME/…  one directory per schedule or trigger, see TemplatePaths
 *     targets/KEY/…                      one directory per target, see TargetPaths
 *     rounds/PROJECT/…                   which ends `wait --queue` and `wait --all` reported, see job/rounds
 *     sessions/s.ID/…                    the ends that a session was not told of yet, see session-index.ts
 *
 * names, queues, schedules, triggers, targets, rounds and sessions are created with the first entry: a home of
 * an older version has none.
 */
import { realpathSync } from 'node:fs';
import { homedir } from 'node:os';
import { basename, dirname, isAbsolute, join, resolve } from 'node:path';
import { attempt, claim, writeShared } from '../../base/fs/atomic-write.ts';
import {
  type DirectoryTrouble,
  inspectDirectory,
  makeDirectory,
  makeParents,
  otherOwner,
  ownerOf,
} from '../../base/fs/directories.ts';
import { namesIn, readRecord, readText } from '../../base/fs/read-record.ts';
import { attemptQuietly } from '../../base/result.ts';
import { type Failure, fail, ok, type Result } from '../failure.ts';
import type { JobId } from '../spec.ts';
import { JobPaths, pathsIn, QueuePaths, TargetPaths, TemplatePaths } from './paths.ts';

/**
 * The format of a home without queues (0.1.0), with them, with `needs`, with targets, and with Slurm. A higher
 * one is refused.
 */
const FORMAT = 1;
const QUEUES_FORMAT = 2;
const NEEDS_FORMAT = 3;
const TARGETS_FORMAT = 4;
const SLURM_FORMAT = 5;
const SETTINGS_FORMAT = 6;
const NEWEST_FORMAT = SETTINGS_FORMAT;

export class Home extends pathsIn('path', {
  jobs: 'jobs',
  live: 'live',
  ended: 'ended',
  names: 'names',
  queues: 'queues',
  schedules: 'schedules',
  triggers: 'triggers',
  targets: 'targets',
  rounds: 'rounds',
  sessions: 'sessions',
  /** Where gc moves a job before it deletes it. */
  trash: 'trash',
  /** Everything in it may be deleted at any time. */
  cache: 'cache',
  /** A hint: the highest id so far, or a lower one. It saves reading the directory of jobs. */
  seq: 'seq',
}) {
  constructor(
    private readonly openedPath: string,
    /** Random, created once: a new home at the same path does not own the processes of the old one. */
    readonly token: string,
  ) {
    super();
  }
  get path(): string {
    return this.openedPath;
  }
  job(id: JobId): JobPaths {
    return new JobPaths(`${this.jobs}/${id}`);
  }
  queue(name: string): QueuePaths {
    return new QueuePaths(`${this.queues}/${name}`);
  }
  schedule(name: string): TemplatePaths {
    return new TemplatePaths(`${this.schedules}/${name}`);
  }
  trigger(name: string): TemplatePaths {
    return new TemplatePaths(`${this.triggers}/${name}`);
  }
  target(key: string): TargetPaths {
    return new TargetPaths(`${this.targets}/${key}`);
  }
  /** The folder of a session. Its name has the id as it is: a shell line finds it without a program. */
  session(id: string): string {
    return `${this.sessions}/s.${id}`;
  }
}

/** The path of the home: `BGJOB_HOME`, else `~/.bgjob`. Absolute; links above the last name are resolved. */
export function homePath(env: NodeJS.ProcessEnv): string {
  // homedir() throws if $HOME is not set and the user has no entry in passwd
  const asked = env['BGJOB_HOME'] || join(attemptQuietly(homedir) ?? '/', '.bgjob');
  // $PWD only if the working directory was removed: not every program sets it
  const base = () => attemptQuietly(() => process.cwd()) ?? env['PWD'] ?? '/';
  const path = isAbsolute(asked) ? resolve(asked) : resolve(base(), asked);
  return attemptQuietly(() => join(realpathSync(dirname(path)), basename(path))) ?? path;
}

/** A path may have 4095 bytes; the rest is for the names below, some of which only a supervisor creates. */
const LONGEST_PATH_BYTES = 3900;

function refuse(home: string, trouble: DirectoryTrouble, room?: string): { ok: false; failure: Failure } {
  const owner = attemptQuietly(() => ownerOf(room === undefined ? home : join(home, room)));
  return fail({
    ...{ code: 'home-refused', home, trouble },
    ...(room !== undefined && { room }),
    ...(trouble === 'foreign' && owner !== undefined && { owner }),
  });
}

/** Whether a home may be at this path. Fails if something unsafe is there. */
function inspectHome(path: string): Result<'there' | 'absent'> {
  if (Buffer.byteLength(path) > LONGEST_PATH_BYTES)
    return fail({ code: 'io', doing: 'open', path, errno: 'ENAMETOOLONG' });
  // Node replaces bytes that are not UTF-8 by this character, and would create a directory of another name
  if (path.includes('\ufffd')) return fail({ code: 'home-refused', home: path, trouble: 'not-utf-8' });
  const found = attempt('open', path, () => inspectDirectory(path));
  if (!found.ok) return found;
  if (found.value === 'absent') return ok('absent');
  // mkdir(recursive) would accept all of these
  if (found.value !== 'ours') return refuse(path, found.value);
  return ok('there');
}

/** The directories that every home has, and those that are created with their first entry. */
const ROOMS = ['jobs', 'live', 'ended', 'trash', 'cache'];
const LATER_ROOMS = ['names', 'queues', 'schedules', 'triggers', 'targets', 'rounds', 'sessions'];

/** Refuses a home with an unsafe directory in it; `make`: creates missing ones. */
function inspectRooms(home: string, make: boolean): Result<void> {
  for (const name of [...ROOMS, ...LATER_ROOMS]) {
    const path = join(home, name);
    const found = attempt('open', path, () => inspectDirectory(path));
    if (!found.ok) return found;
    if (found.value === 'absent' && make && !LATER_ROOMS.includes(name)) {
      const made = attempt('create', path, () => makeDirectory(path));
      if (!made.ok) return made;
    } else if (found.value !== 'absent' && found.value !== 'ours') {
      return refuse(home, found.value, name);
    }
  }
  return ok(undefined);
}

/**
 * Names that a killed launcher leaves, and those of a fresh file system. A directory with others is the
 * user's.
 */
const OWN_NAME = new RegExp(
  [
    `^(${[...ROOMS, ...LATER_ROOMS].join('|')}|seq|config\\.json|floor\\.\\d+`,
    '(token|format)(\\.\\d+\\.\\d+\\.tmp)?|lost\\+found)$',
  ].join('|'),
);

function create(path: string): void {
  makeParents(dirname(path));
  for (const dir of [path, ...ROOMS.map((name) => join(path, name))]) makeDirectory(dir);
  // loaded here only: it costs a few milliseconds
  const { randomBytes } = require('node:crypto') as typeof import('node:crypto');
  claim(join(path, 'token'), `${randomBytes(16).toString('hex')}\n`);
  claim(join(path, 'format'), `${FORMAT}\n`);
}

/**
 * Why a call makes no home at this path. With `sudo` and `su` HOME may be that of another user: root makes one
 * there only if BGJOB_HOME says so.
 */
export function refusalToMake(path: string, env: NodeJS.ProcessEnv): Failure | undefined {
  const owner = env['BGJOB_HOME'] ? undefined : otherOwner(path);
  if (owner === undefined) return undefined;
  return { code: 'home-refused', home: path, trouble: 'in-users-home', owner };
}

/** Opens the home of a call, and creates it. */
export function makeHome(env: NodeJS.ProcessEnv): Result<Home> {
  const path = homePath(env);
  const refusal = refusalToMake(path, env);
  if (!refusal) return openHome(path, true);
  const opened = openHome(path, false);
  if (!opened.ok) return opened;
  return opened.value ? ok(opened.value) : fail(refusal);
}

/**
 * Opens the home, and creates it with `make`. Fails if it is unsafe, damaged, or newer than this build.
 * `newest`: the highest format that is opened. The supervisor of a job opens any: a newer version may raise
 * the format while the supervisor boots, and the records of its own job are those of its own version.
 */
export function openHome(path: string, make: true): Result<Home>;
export function openHome(path: string, make: false, newest?: number): Result<Home | undefined>;
export function openHome(path: string, make: boolean, newest = NEWEST_FORMAT): Result<Home | undefined> {
  const found = inspectHome(path);
  if (!found.ok) return found;
  let format = readRecord(join(path, 'format'));
  if (format.kind === 'absent') {
    if (!make) return ok(undefined);
    const names = attempt('read', path, () => namesIn(path));
    if (!names.ok) return names;
    if (names.value.some((name) => !OWN_NAME.test(name)))
      return fail({ code: 'home-refused', home: path, trouble: 'in-use' });
    const made = attempt('create', path, () => create(path));
    if (!made.ok) return made;
    format = readRecord(join(path, 'format'));
  }
  const token = readText(join(path, 'token'));
  const damaged = fail({ code: 'home-refused', home: path, trouble: 'damaged' });
  if (format.kind !== 'text' || !/^\d{1,9}\n$/.test(format.text)) return damaged;
  if (Number(format.text) > newest)
    return fail({ code: 'home-newer', home: path, found: Number(format.text), known: NEWEST_FORMAT });
  if (!/^[0-9a-f]{32}\n$/.test(token)) return damaged;
  const rooms = inspectRooms(path, make);
  if (!rooms.ok) return rooms;
  return ok(new Home(path, token.trim()));
}

/** Durable on return. Throws system errors. */
function raiseFormat(home: Home, least: number): void {
  const path = join(home.path, 'format');
  if (Number(readText(path)) < least) writeShared(path, `${least}\n`);
}

/** Before the first queue: a build without queues would remove their jobs as lost. */
export const admitQueues = (home: Home): void => raiseFormat(home, QUEUES_FORMAT);

/** Before the first job with `needs`: a build that does not know them then refuses the home. */
export const admitNeeds = (home: Home): void => raiseFormat(home, NEEDS_FORMAT);

/** Before the first job on a target: a build that does not know them would take it for lost, and remove it. */
export const admitTargets = (home: Home): void => raiseFormat(home, TARGETS_FORMAT);

/** Before the first job on Slurm: a build that does not know it cannot read the job. */
export const admitSlurm = (home: Home): void => raiseFormat(home, SLURM_FORMAT);

/** Before the first changed limit: a build that does not know `set` would not see the job, or its limit. */
export const admitSettings = (home: Home): void => raiseFormat(home, SETTINGS_FORMAT);
