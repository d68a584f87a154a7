/**
 * A target: the machine on which the command of a job runs, and how it is reached. A job keeps the settings
 * with which it was started: a later change of config.json does not move it.
 */
import * as is from '../base/schema.ts';

/** Each way to run jobs elsewhere. */
export const TARGET_ENGINES = ['ssh'] as const;

export const targetSchema = is.object({
  /** As --on has it: a name in config.json, or `ssh:[user@]host`. */
  name: is.text,
  engine: is.literal(...TARGET_ENGINES),
  /** `[user@]host`, as ssh takes it. */
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
});
export type Target = is.SchemaType<typeof targetSchema>;

/** The word for this machine. */
export const LOCAL_TARGET = 'local';

/** A word that begins with `-` is an option for ssh. */
export const isHost = (text: string): boolean =>
  /^(?!-)[^\s\0-\x1f]{1,255}$/.test(text) && !/@(-|$)/.test(text);

export const sshTarget = (name: string, host: string): Target => ({
  ...{ name, engine: 'ssh', host, ssh: [], cwd: null, dir: null, slots: null, key: '' },
});

/** The target that a word names without config.json; undefined: none, or a host that cannot be one. */
export function parseTargetWord(word: string): Target | undefined {
  const host = word.startsWith('ssh:') ? word.slice(4) : '';
  return isHost(host) ? sshTarget(word, host) : undefined;
}

/** Takes the place of the sandbox of a local job: only the service of the target starts the job. */
export const targetSandbox = ({ key }: Target): { sandbox: string; cgroup: string } => ({
  sandbox: `target ${key}`,
  cgroup: '',
});
