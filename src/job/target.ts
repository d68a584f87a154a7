/**
 * A target: the machine on which the command of a job runs, and how it is reached. A job keeps the settings
 * with which it was started: a later change of config.json does not move it.
 */
import { homedir } from 'node:os';
import { resolve } from 'node:path';
import * as is from '../base/schema.ts';

/** Each way to run jobs elsewhere. */
export const TARGET_ENGINES = ['ssh', 'slurm'] as const;

const slurmSchema = is.object({
  /** Null: the default one of the cluster. */
  partition: is.nullable(is.text),
  /** More options of sbatch. */
  options: is.listOf(is.text),
  /** A line of sh before each command of Slurm: `module load slurm`. */
  setup: is.nullable(is.text),
});
export type SlurmSettings = is.SchemaType<typeof slurmSchema>;

const targetFields = is.object({
  /** As --on has it: a name in config.json, `ssh:[user@]host`, or `slurm[:partition]`. */
  name: is.text,
  engine: is.literal(...TARGET_ENGINES),
  /** `[user@]host`, as ssh takes it. Of Slurm: the login node; empty: Slurm's commands are on this machine. */
  host: is.text,
  /** Options of ssh. */
  ssh: is.listOf(is.text),
  /** The directory there; null: the path of the directory here. */
  cwd: is.nullable(is.text),
  /** Where bgjob has its files there; null: below the home directory there. */
  dir: is.nullable(is.text),
  /** How many jobs may run there at once; null: any number. */
  slots: is.nullable(is.count),
  /** Names its service, of which there is one for equal settings in these namespaces; empty: not known yet. */
  key: is.text,
  slurm: is.since(is.nullable(slurmSchema), null),
});
export type Target = Omit<is.SchemaType<typeof targetFields>, 'slurm'> & { slurm?: SlurmSettings };
/** Without `slurm` where there is none, as records of older versions are. */
export const targetSchema: is.Schema<Target> = (value, at) => {
  const { slurm, ...target } = targetFields(value, at);
  return slurm ? { ...target, slurm } : target;
};

/** The word for this machine. */
export const LOCAL_TARGET = 'local';

/**
 * A word that begins with `-` is an option for ssh. `ssh://host:22` is one of its own spellings; `ssh:host` is
 * ours, and a port after one colon is of neither.
 */
export const isHost = (text: string): boolean =>
  /^(?!-)[^\s\0-\x1f]{1,255}$/.test(text) &&
  !/@(-|$)/.test(text) &&
  (/^ssh:\/\/[^/]/.test(text) || !/^ssh:|^\/\/|^[^:]*:\d+$/.test(text));

const FILE_OPTIONS = ['-F', '-i', '-E', '-S'];

/** The options of ssh with whole paths: the calls that use them have different working directories. */
export const withWholePaths = (ssh: readonly string[], folder: string): string[] =>
  ssh.map((word, at) => {
    if (!FILE_OPTIONS.includes(ssh[at - 1] ?? '') || word === 'none' || word.includes('%')) return word;
    // ssh itself reads `~` after some of them
    return word.startsWith('~') ? word.replace(/^~(?=\/)/, homedir()) : resolve(folder, word);
  });

export const sshTarget = (name: string, host: string): Target => ({
  ...{ name, engine: 'ssh', host, ssh: [], cwd: null, dir: null, slots: null, key: '' },
});

export const SLURM = 'slurm';
/** Slurm's own names: letters, digits and a few signs; several partitions stand with commas. */
export const isPartition = (text: string): boolean => /^[\w.+@][\w.+@,-]{0,254}$/.test(text);

/** On this machine, if no host is given. */
export const slurmTarget = (name: string, host = ''): Target & { slurm: SlurmSettings } => ({
  ...{ ...sshTarget(name, host), engine: SLURM },
  slurm: { partition: null, options: [], setup: null },
});

/** With another partition, which the word names behind a colon: `hpc:gpu`. */
export function inPartition(target: Target, name: string, partition: string): Target {
  return target.slurm ? { ...target, name, slurm: { ...target.slurm, partition } } : target;
}

/** The target that a word names without config.json; undefined: none, or a host that cannot be one. */
export function parseTargetWord(word: string): Target | undefined {
  if (word === SLURM) return slurmTarget(word);
  if (word.startsWith(`${SLURM}:`)) {
    const partition = word.slice(SLURM.length + 1);
    return isPartition(partition) ? inPartition(slurmTarget(word), word, partition) : undefined;
  }
  const host = word.startsWith('ssh://') ? word : word.startsWith('ssh:') ? word.slice(4) : '';
  return isHost(host) ? sshTarget(word, host) : undefined;
}

/** The machine that is reached; where Slurm's commands are on this one, the name of the target. */
export const placeOf = ({ host, name }: Pick<Target, 'host' | 'name'>): string => host || name;

/** The word of a target that config.json does not name. */
export const targetWordOf = (host: string): string => (host.startsWith('ssh://') ? host : `ssh:${host}`);

/** Takes the place of the sandbox of a local job: only the service of the target starts the job. */
export const targetSandbox = ({ key }: Target): { sandbox: string; cgroup: string } => ({
  sandbox: `target ${key}`,
  cgroup: '',
});
