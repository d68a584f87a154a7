/**
 * The home: the directory that is all of bgjob's state, and the only file that knows its layout. It is opened only
 * if it is a directory of ours that nobody else can write; a home of a newer format is refused.
 *
 *     format  token  seq  floor.N        see below
 *     jobs/42/…                          one directory per job, see JobPaths
 *     live/42                            a marker from before the start until after the end
 *     ended/TIME.42.PROJECT              its successor: an index by time, so that `ls` need not read 10,000 records
 *     names/PROJECT.NAME/claim.N         who has a name; made with the first one
 *     queues/NAME/…                      one directory per queue, see QueuePaths; made with the first one
 *     config.json                        defaults, written by hand; see config.ts
 *     schedules/NAME/…  triggers/NAME/…  one directory for each, see TemplatePaths; made with the first one
 *     rounds/PROJECT/…                   which ends were told to `wait --queue` and `wait --all`, see job/rounds
 */
import { realpathSync } from 'node:fs';
import { homedir } from 'node:os';
import { basename, dirname, isAbsolute, join, resolve } from 'node:path';
import { attempt, claim, writeShared } from '../../base/fs/atomic-write.ts';
import { inspectDirectory, makeDirectory, makeParents } from '../../base/fs/directories.ts';
import { namesIn, readRecord } from '../../base/fs/read-record.ts';
import { ignoreSystemError } from '../../base/result.ts';
import { fail, ok, type Result } from '../failure.ts';
import type { JobId } from '../spec.ts';
import { JobPaths, QueuePaths, TemplatePaths } from './paths.ts';

/**
 * The format of a home without queues, which 0.1.0 knows; of one with them; and of one with jobs that need a program which knows
 * `needs`. A home with a higher number is refused.
 */
const FORMAT = 1;
const QUEUES_FORMAT = 2;
const NEEDS_FORMAT = 3;

/** An opened home. */
export class Home {
  private readonly given: string;
  /** Random, made once: a new home at an old place never owns the old one's processes. */
  readonly token: string;
  constructor(path: string, token: string) {
    this.given = path;
    this.token = token;
  }
  get path(): string {
    return this.given;
  }
  get jobs(): string {
    return `${this.path}/jobs`;
  }
  get live(): string {
    return `${this.path}/live`;
  }
  get ended(): string {
    return `${this.path}/ended`;
  }
  /** Made when it is needed: a home of 0.1.0 has none. */
  get names(): string {
    return `${this.path}/names`;
  }
  /** Made when it is needed. */
  get queues(): string {
    return `${this.path}/queues`;
  }
  /** Made when it is needed. */
  get schedules(): string {
    return `${this.path}/schedules`;
  }
  /** Made when it is needed. */
  get triggers(): string {
    return `${this.path}/triggers`;
  }
  /** Made when it is needed: which ends `wait --queue` and `wait --all` have told, see job/rounds. */
  get rounds(): string {
    return `${this.path}/rounds`;
  }
  /** Where gc moves a job before it deletes it. */
  get trash(): string {
    return `${this.path}/trash`;
  }
  /** What may be deleted at any time. */
  get cache(): string {
    return `${this.path}/cache`;
  }
  /** The highest id given so far, or less: a hint that saves reading the directory. */
  get seq(): string {
    return `${this.path}/seq`;
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
}

/** The user's own directory; the root where nobody knows one: $HOME is not set, and the user has no entry in passwd. */
function ownDirectory(): string {
  try {
    return homedir();
  } catch (thrown) {
    ignoreSystemError(thrown);
    return '/';
  }
}

/** The working directory; where it was removed, the name that it had. $PWD may name any other: whoever changed the directory need not have set it. */
function workingDirectory(env: NodeJS.ProcessEnv): string {
  try {
    return process.cwd();
  } catch (thrown) {
    ignoreSystemError(thrown);
    return env['PWD'] ?? '/';
  }
}

/** Where the home is: `BGJOB_HOME`, else `~/.bgjob`; absolute, and real up to its own name. */
export function homePath(env: NodeJS.ProcessEnv): string {
  const asked = env['BGJOB_HOME'] || join(ownDirectory(), '.bgjob');
  const path = isAbsolute(asked) ? resolve(asked) : resolve(workingDirectory(env), asked);
  try {
    return join(realpathSync(dirname(path)), basename(path));
  } catch (thrown) {
    ignoreSystemError(thrown);
    return path;
  }
}

/** A path may have 4095; the rest is for the names below, some of which only a supervisor makes. */
const LONGEST_PATH_BYTES = 3900;

/** Whether something stands there that may be our home; fails if it is not safely ours. */
export function inspectHome(path: string): Result<'there' | 'absent'> {
  if (Buffer.byteLength(path) > LONGEST_PATH_BYTES)
    return fail({ code: 'io', doing: 'open', path, errno: 'ENAMETOOLONG' });
  // Node puts that where the bytes are something else: a directory of another name would be made
  if (path.includes('\ufffd')) return fail({ code: 'home-refused', home: path, trouble: 'not-utf-8' });
  const found = attempt('open', path, () => inspectDirectory(path));
  if (!found.ok) return found;
  if (found.value === 'absent') return ok('absent');
  // mkdir(recursive) would accept all of these without a word
  if (found.value !== 'ours') return fail({ code: 'home-refused', home: path, trouble: found.value });
  return ok('there');
}

/** The directories of a home; the others are made with the first of what they hold. */
const ROOMS = ['jobs', 'live', 'ended', 'trash', 'cache'];
const LATER_ROOMS = ['names', 'queues', 'schedules', 'triggers', 'rounds'];

/** Nothing is written or deleted in what is not safely ours; `make`: one that is missing is made again. */
function inspectRooms(home: string, make: boolean): Result<void> {
  for (const name of [...ROOMS, ...LATER_ROOMS]) {
    const path = join(home, name);
    const found = attempt('open', path, () => inspectDirectory(path));
    if (!found.ok) return found;
    if (found.value === 'absent' && make && !LATER_ROOMS.includes(name)) {
      const made = attempt('create', path, () => makeDirectory(path));
      if (!made.ok) return made;
    } else if (found.value !== 'absent' && found.value !== 'ours') {
      return fail({ code: 'home-refused', home, trouble: found.value, room: name });
    }
  }
  return ok(undefined);
}

/**
 * What a launcher that was killed while it made the home leaves, and what a file system of its own brings. Anything else is
 * somebody's: gc empties `trash` and `cache`.
 */
const OWN_NAME =
  /^(jobs|live|ended|names|queues|schedules|triggers|rounds|trash|cache|seq|config\.json|floor\.\d+|(token|format)(\.\d+\.\d+\.tmp)?|lost\+found)$/;

function create(path: string): void {
  makeParents(dirname(path));
  for (const dir of [path, ...ROOMS.map((name) => join(path, name))]) makeDirectory(dir);
  // loaded here alone: it costs every other start a few milliseconds
  const { randomBytes } = require('node:crypto') as typeof import('node:crypto');
  claim(join(path, 'token'), `${randomBytes(16).toString('hex')}\n`);
  claim(join(path, 'format'), `${FORMAT}\n`);
}

/**
 * Opens the home. `make`: creates it if it is not there; otherwise an absent home is `undefined`: it has no jobs.
 * Fails if it is not safely ours, damaged, or newer than this build.
 */
export function openHome(path: string, make: true): Result<Home>;
export function openHome(path: string, make: false): Result<Home | undefined>;
export function openHome(path: string, make: boolean): Result<Home | undefined> {
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
  const token = readRecord(join(path, 'token'));
  const damaged = fail({ code: 'home-refused', home: path, trouble: 'damaged' });
  if (format.kind !== 'text' || !/^\d{1,9}\n$/.test(format.text)) return damaged;
  if (Number(format.text) > NEEDS_FORMAT)
    return fail({ code: 'home-newer', home: path, found: Number(format.text), known: NEEDS_FORMAT });
  if (token.kind !== 'text' || !/^[0-9a-f]{32}\n$/.test(token.text)) return damaged;
  const rooms = inspectRooms(path, make);
  if (!rooms.ok) return rooms;
  return ok(new Home(path, token.text.trim()));
}

function raiseFormat(home: Home, least: number): void {
  const path = join(home.path, 'format');
  const format = readRecord(path);
  if (format.kind === 'text' && Number(format.text) >= least) return;
  writeShared(path, `${least}\n`);
}

/**
 * Before the first queue is made, durably: a build that knows no queues would take the jobs in them for lost, and remove them.
 * Throws system errors.
 */
export const admitQueues = (home: Home): void => raiseFormat(home, QUEUES_FORMAT);

/**
 * Before the first job with `needs` is added, durably: from here on a build that does not know `needs` refuses the home, as a command
 * and as the supervisor that takes the place of a dead one. Throws system errors.
 */
export const admitNeeds = (home: Home): void => raiseFormat(home, NEEDS_FORMAT);
