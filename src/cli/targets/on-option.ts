/** `--on`: the target of a job, and what a job on a target cannot have. */
import { isAbsolute, join } from 'node:path';
import { nearestWord } from '../../base/text/edit-distance.ts';
import { fail, ok, type Result } from '../../job/failure.ts';
import type { Config } from '../../job/home/config.ts';
import {
  inPartition,
  isHost,
  isPartition,
  LOCAL_TARGET,
  parseTargetWord,
  SLURM,
  type Target,
  targetWordOf,
} from '../../job/target.ts';
import type { JobView } from '../../job/view.ts';
import {
  badPartition,
  badTargetWord,
  noSuchTarget,
  notOnTarget,
  scriptTooLargeForTarget,
  type TargetCall,
} from '../messages/targets.ts';

export const ON_OPTIONS = {
  on: {
    kind: 'text',
    value: 'TARGET',
    text: 'run it elsewhere: a name from config.json, ssh:[user@]host, slurm[:partition] (bgjob targets)',
  },
} as const;

/** Null: on this machine. `call` is what names a target, to show how it is written. */
export function findTarget(
  word: string | null,
  { targets }: Pick<Config, 'targets'>,
  call: TargetCall = '--on',
): Result<Target | null> {
  if (word === null || word === LOCAL_TARGET) return ok(null);
  const found = targets.get(word) ?? parseTargetWord(word) ?? withPartition(word, targets);
  if (found) return ok(found);
  if (word.startsWith('ssh:')) return fail(badTargetWord(word, call));
  const colon = word.indexOf(':');
  const before = word.slice(0, colon);
  if (colon > 0 && (before === SLURM || targets.get(before)?.slurm))
    return fail(badPartition(word, before, call));
  const known = [...targets.keys()].sort();
  const host = isHost(word) ? targetWordOf(word) : undefined;
  return fail(noSuchTarget(word, known, nearestWord(word, [...known, SLURM]), host, call));
}

/** `hpc:gpu`: a cluster of config.json, and one of its partitions. */
function withPartition(word: string, targets: Config['targets']): Target | undefined {
  const colon = word.indexOf(':');
  const cluster = targets.get(word.slice(0, Math.max(0, colon)));
  const partition = word.slice(colon + 1);
  return cluster?.slurm && isPartition(partition) ? inPartition(cluster, word, partition) : undefined;
}

/** With the directory of -C there, if it is given. */
export function inDirectoryThere(target: Target, asked: string | null, here: string): Target {
  if (asked === null) return target;
  return { ...target, cwd: isAbsolute(asked) ? asked : join(target.cwd ?? here, asked) };
}

interface Limited {
  'idle-timeout': number | null;
  'on-max-log': string | null;
  memory: number | null;
  stdin: string | null;
  pty: boolean;
  'until-port'?: string[];
  'until-url'?: string[];
}

/** Fails for an option that needs a process on this machine, by its name. */
export function checkForTarget(options: Limited, { name }: Target): Result<void> {
  const given: [option: string, isGiven: boolean][] = [
    ['--idle-timeout', options['idle-timeout'] !== null],
    ['--on-max-log trim', options['on-max-log'] === 'trim'],
    ['--memory', options.memory !== null],
    ['--pty', options.pty],
    ['--stdin hold', options.stdin === 'hold'],
    ['--until-port', (options['until-port'] ?? []).length > 0],
    ['--until-url', (options['until-url'] ?? []).length > 0],
  ];
  const refused = given.find(([, isGiven]) => isGiven)?.[0];
  return refused === undefined ? ok(undefined) : fail(notOnTarget(refused, name));
}

/** A script travels as one word, and the kernel there takes words of at most 128 KiB. */
const MOST_SCRIPT_BYTES = 100_000;

export const checkScript = (bytes: Uint8Array, { name }: Target): Result<void> =>
  bytes.length <= MOST_SCRIPT_BYTES ? ok(undefined) : fail(scriptTooLargeForTarget(name, MOST_SCRIPT_BYTES));

/** Fails for a verb or an option of `wait` that cannot be done for a job on a target. */
export function refuseThere(view: JobView, what: string): Result<void> {
  const target = 'spec' in view ? view.spec.target : null;
  return target ? fail(notOnTarget(what, target.name)) : ok(undefined);
}
