/**
 * The targets of a home on disk. `targets/KEY/` has the settings of a target, a marker for each of its jobs
 * that waits or runs (`live/42`), a marker for each whose files there are to be removed (`done/42.2`: all
 * attempts up to the second), and whether the target has not answered (`silent.json`). KEY stands for equal
 * settings in the same namespaces, in which one service has all its jobs. Functions that write throw system
 * errors.
 */
import { rmdirSync } from 'node:fs';
import { withChecksum } from '../../base/checksum.ts';
import { removeQuietly, syncDir, touch, writeHint, writeShared } from '../../base/fs/atomic-write.ts';
import { inspectDirectory, makeDirectory, makeOwnDirectory } from '../../base/fs/directories.ts';
import { namesIn } from '../../base/fs/read-record.ts';
import { attemptQuietly, errnoOf, succeeds } from '../../base/result.ts';
import * as is from '../../base/schema.ts';
import type { Home } from '../home/home.ts';
import { parseId } from '../home/ids.ts';
import { projectKey } from '../home/job-index.ts';
import { readValid } from '../home/records.ts';
import { discard } from '../home/trash.ts';
import { NO_QUEUE } from '../queue/queue-order.ts';
import type { JobId, Spec } from '../spec.ts';
import { type Target, targetSchema } from '../target.ts';

/** In which namespaces, on which machine and in which boot the first job of the target was added. */
const addedFields = {
  world: is.text,
  place: is.nullable(is.text),
  bootId: is.text,
  machine: is.text,
};
const addedSchema = is.object(addedFields);
export type TargetAdded = is.SchemaType<typeof addedSchema>;

const recordSchema = is.object({ v: is.version(1), target: targetSchema, added: addedSchema });
export type TargetRecord = is.SchemaType<typeof recordSchema>;

const silentSchema = is.object({ v: is.version(1), since: is.time, why: is.text });
/** Since when a target has not answered, and why. */
export type Silence = is.SchemaType<typeof silentSchema>;

/** Of its service, in its folder. */
export const TARGET_LOCK = 'service';

const isTargetKey = (name: string): boolean => /^[0-9a-z]{1,32}$/.test(name);

export const listTargetKeys = (home: Home): string[] =>
  namesIn(home.targets)
    .filter((name) => isTargetKey(name) && inspectDirectory(`${home.targets}/${name}`) === 'ours')
    .sort();

export const readTarget = (home: Home, key: string): TargetRecord | undefined =>
  isTargetKey(key) ? readValid(home.target(key).record, recordSchema) : undefined;

/** What decides the service: slots and directory are of each job. */
const settingsOf = ({ name, engine, host, ssh, dir, slurm }: Target): string =>
  JSON.stringify([name, engine, host, ssh, dir, ...(slurm ? [slurm] : [])]);

/** The target with its key. The first job in these namespaces makes the record. */
export function claimTarget(
  home: Home,
  target: Target,
  added: TargetAdded,
  isHere: (added: TargetAdded) => boolean,
): Target {
  const settings = settingsOf(target);
  for (const key of listTargetKeys(home)) {
    const record = readTarget(home, key);
    if (record && settingsOf(record.target) === settings && isHere(record.added)) return { ...target, key };
  }
  const key = projectKey([settings, added.world, added.bootId].join('\n'));
  const claimed = { ...target, key };
  makeTarget(home, claimed, added);
  return claimed;
}

function makeTarget(home: Home, target: Target, added: TargetAdded): void {
  const isFirst = makeOwnDirectory(home.targets);
  const paths = home.target(target.key);
  for (const dir of [paths.dir, paths.live, paths.done]) makeDirectory(dir);
  // several first jobs at once
  writeShared(paths.record, withChecksum({ v: 1, target, added }));
  syncDir(home.targets);
  if (isFirst) syncDir(home.path);
}

/**
 * Removes the folder of a target that no job uses, as long as no job is marked: `live` is removed first, and only
 * if it is empty. A process that marks a job then finds no `live`, and makes the folder again. The caller has the
 * lock of its service, which goes with the folder.
 */
export function removeTarget(home: Home, key: string): boolean {
  const { dir, live } = home.target(key);
  const record = readTarget(home, key);
  if (!record || listTargetDone(home, key).length > 0 || !succeeds(() => rmdirSync(live))) return false;
  const trash = `target.${key}`;
  if (!discard(home, dir, trash)) {
    attemptQuietly(() => makeDirectory(live));
    return false;
  }
  // a process made `live` again between the two, and marked its job there
  for (const name of namesIn(`${home.trash}/${trash}.${process.pid}/live`)) {
    const id = parseId(name);
    if (id !== undefined) markTargetJob(home, record.target, id, () => record.added);
  }
  return true;
}

/**
 * Whether a user who just started the job hears that its target is not reached. A job that waited for anything
 * else waits for its target, too.
 */
export const isPlain = ({ placement, origin }: Pick<Spec, 'placement' | 'origin'>): boolean =>
  origin === null &&
  placement?.queue === NO_QUEUE &&
  placement.batch === null &&
  placement.notBefore === null &&
  placement.after.length === 0;

// ---- markers of jobs -------------------------------------------------------------------------------------

/** A folder is removed again only when gc ran between its making and the next step: more often is an error. */
const MOST_TRIES = 5;

/** Before the job can be seen by its service. `added`: for a folder that gc has just removed. */
export function markTargetJob(home: Home, target: Target, id: JobId, added: () => TargetAdded): void {
  for (let tries = 1; ; tries++) {
    try {
      if (tries > 1) makeTarget(home, target, added());
      touch(`${home.target(target.key).live}/${id}`);
      return;
    } catch (thrown) {
      if (errnoOf(thrown) !== 'ENOENT' || tries === MOST_TRIES) throw thrown;
    }
  }
}
export const unmarkTargetJob = (home: Home, key: string, id: JobId): void =>
  removeQuietly(`${home.target(key).live}/${id}`);

export const listTargetJobs = (home: Home, key: string): JobId[] =>
  namesIn(home.target(key).live).flatMap((name) => parseId(name) ?? []);

/** The job has ended; its files there are to be removed. */
export function markTargetDone(home: Home, key: string, id: JobId, attempts: number): void {
  touch(`${home.target(key).done}/${id}.${attempts}`);
  unmarkTargetJob(home, key, id);
}

export interface DoneJob {
  id: JobId;
  attempts: number;
}

export const listTargetDone = (home: Home, key: string): DoneJob[] =>
  namesIn(home.target(key).done).flatMap((name) => {
    const [, id, attempts] = /^([1-9]\d{0,14})\.(\d{1,9})$/.exec(name) ?? [];
    return id === undefined ? [] : { id: Number(id), attempts: Number(attempts) };
  });

export const forgetTargetDone = (home: Home, key: string, { id, attempts }: DoneJob): void =>
  removeQuietly(`${home.target(key).done}/${id}.${attempts}`);

// ---- what its service knows ------------------------------------------------------------------------------

export const readSilence = (home: Home, key: string): Silence | null =>
  readValid(home.target(key).silent, silentSchema) ?? null;

/** Null: the target answers. A full disk changes nothing. */
export function writeSilence(home: Home, key: string, silence: Omit<Silence, 'v'> | null): void {
  const { silent } = home.target(key);
  if (silence === null) removeQuietly(silent);
  else attemptQuietly(() => writeHint(silent, withChecksum({ v: 1, ...silence })));
}

/** Variables by which ssh finds the user's agent and tickets; they differ from login to login. */
const AGENT_VARIABLES = ['SSH_AUTH_SOCK', 'KRB5CCNAME', 'USER', 'LOGNAME'];
/** Those by which the commands of Slurm are found on this machine; `module load slurm` sets them. */
const SLURM_VARIABLES = ['PATH', 'LD_LIBRARY_PATH', 'SLURM_CONF'];

const agentSchema = is.object({ v: is.version(1), env: is.listOf(is.text) });

/** Those of the newest call. The service uses them for its next connection. */
export function writeAgent(home: Home, { key, host, slurm }: Target, env: NodeJS.ProcessEnv): void {
  const names = slurm && host === '' ? SLURM_VARIABLES : AGENT_VARIABLES;
  const entries = names.flatMap((name) => (env[name] ? [`${name}=${env[name]}`] : []));
  attemptQuietly(() => writeHint(home.target(key).agent, withChecksum({ v: 1, env: entries })));
}
export const readAgent = (home: Home, key: string): string[] =>
  readValid(home.target(key).agent, agentSchema)?.env ?? [];
