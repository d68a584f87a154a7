/**
 * `config.json` in the home: defaults of the user. The user writes it, bgjob only reads it and runs nothing
 * from it. Without the file a call costs one failed open. A test compares the keys with config.schema.json.
 */
import { lstatSync, realpathSync } from 'node:fs';
import { parseDuration, parseSize } from '../../base/clock.ts';
import { readRecord } from '../../base/fs/read-record.ts';
import { errnoOf } from '../../base/result.ts';
import { type ConfigTrouble, type ConfigValue, fail, ok, type Result } from '../failure.ts';
import { NOTIFY_WHENS, type NotifyWhen } from '../spec.ts';
import {
  isHost,
  isPartition,
  LOCAL_TARGET,
  SLURM,
  type SlurmSettings,
  slurmTarget,
  sshTarget,
  TARGET_ENGINES,
  type Target,
  withWholePaths,
} from '../target.ts';
import { isName } from './project.ts';
import { DEFAULT_RETENTION, type RetentionRules } from './retention.ts';

/** The values of the file; null: the file does not say. */
export interface Config {
  graceMs: number | null;
  maxLogBytes: number | null;
  memoryBytes: number | null;
  /** For all jobs that are not of a batch or schedule. */
  notify: NotifyWhen | null;
  /** The same for `--tell`. */
  tell: NotifyWhen | null;
  /** The queue of a --batch without -Q. */
  queue: string | null;
  /** The deadline of blocking commands without an option or environment variable, milliseconds. */
  maxWaitMs: number | null;
  retention: RetentionRules;
  /** By their names. */
  targets: Map<string, Target>;
}

/** With less, head and end of a log would be a few lines only. */
export const LEAST_MAX_LOG_BYTES = 64 * 2 ** 10;
export const LEAST_MEMORY_BYTES = 2 ** 20;

interface Key {
  /** Undefined: the value is wrong. */
  read(value: unknown): unknown;
  expected: ConfigValue;
}

const asText = (value: unknown): string =>
  typeof value === 'string' || typeof value === 'number' ? String(value) : '';
const duration: Key = {
  read: (value) => parseDuration(asText(value)),
  expected: 'duration',
};
const size: Key = { read: (value) => parseSize(asText(value)), expected: 'size' };

const when: Key = { read: (value) => NOTIFY_WHENS.find((one) => one === value), expected: 'notify' };

/** An object whose names are the user's, each with an object of these keys. */
interface Named {
  isName(name: string): boolean;
  expectedName: ConfigValue;
  each: Record<string, Key>;
  /** What does not fit together, and at which key; null: at the object itself. */
  fault(
    given: ReadonlySet<string>,
    engine: unknown,
  ): { key: string | null; trouble: ConfigTrouble } | undefined;
}

const text = (isFit: (value: string) => boolean, expected: ConfigValue): Key => ({
  read: (value) => (typeof value === 'string' && isFit(value) ? value : undefined),
  expected,
});
const farPath = text((value) => /^\/[^\0\n]*$/.test(value), 'absolute path');

const words: Key = {
  read: (value) =>
    Array.isArray(value) && value.every((one) => typeof one === 'string' && !one.includes('\0'))
      ? value
      : undefined,
  expected: 'list of words',
};

/** Options of sbatch that bgjob gives itself, or that break a promise: `--chdir` may run the job in /tmp. */
const OWN_SBATCH = [
  ...['chdir', 'workdir', 'array', 'wait', 'output', 'error', 'input', 'job-name', 'clusters', 'comment'],
  ...[
    'parsable',
    'wrap',
    'test-only',
    'open-mode',
    'export',
    'export-file',
    'get-user-env',
    'help',
    'version',
  ],
];

/** sbatch takes a long name also if it is cut short. */
function isOwnSbatch(word: string): boolean {
  const name = /^--([a-z-]{2,})(=|$)/.exec(word)?.[1];
  return /^-[DaWoeiJMhV]/.test(word) || OWN_SBATCH.some((own) => name !== undefined && own.startsWith(name));
}

const ONLY_SSH = ['host'];
const ONLY_SLURM = ['via', 'partition', 'options', 'setup'];

const TARGETS: Named = {
  isName: (name) => isName(name) && name !== LOCAL_TARGET,
  expectedName: 'target name',
  each: {
    engine: { read: (value) => TARGET_ENGINES.find((one) => one === value), expected: 'engine' },
    host: text(isHost, 'host'),
    via: {
      read: (value) => {
        const host = /^ssh:/.test(asText(value)) ? asText(value).replace(/^ssh:(?!\/\/)/, '') : '';
        return isHost(host) ? host : undefined;
      },
      expected: 'login node',
    },
    ssh: words,
    partition: text(isPartition, 'partition'),
    options: {
      read: (value) => {
        const list = words.read(value) as string[] | undefined;
        return list?.some(isOwnSbatch) ? undefined : list;
      },
      expected: 'options of sbatch',
    },
    setup: text((value) => value.trim() !== '' && !value.includes('\0'), 'line of sh'),
    cwd: farPath,
    dir: farPath,
    slots: {
      read: (value) => (/^[1-9]\d{0,4}$/.test(asText(value)) ? Number(value) : undefined),
      expected: 'slots',
    },
  },
  fault(given, engine) {
    const foreign = (engine === SLURM ? ONLY_SSH : ONLY_SLURM).find((key) => given.has(key));
    const other = engine === SLURM ? 'ssh' : SLURM;
    if (foreign !== undefined) return { key: foreign, trouble: { kind: 'only-of', engine: other } };
    if (engine !== SLURM && !given.has('host'))
      return { key: null, trouble: { kind: 'missing', key: 'host' } };
    if (engine === SLURM && given.has('ssh') && !given.has('via'))
      return { key: 'ssh', trouble: { kind: 'needs', key: 'via' } };
    return undefined;
  },
};

type Entry = Key | Named | Record<string, Key>;

const KEYS: Record<string, Entry> = {
  $schema: { read: (value) => (typeof value === 'string' ? value : undefined), expected: 'text' },
  grace: duration,
  maxLog: {
    read: (value) => {
      const bytes = parseSize(asText(value));
      return bytes !== undefined && bytes >= LEAST_MAX_LOG_BYTES ? bytes : undefined;
    },
    expected: 'log size',
  },
  memory: {
    read: (value) => {
      const bytes = parseSize(asText(value));
      return bytes !== undefined && bytes >= LEAST_MEMORY_BYTES ? bytes : undefined;
    },
    expected: 'memory size',
  },
  notify: when,
  tell: when,
  queue: {
    read: (value) => (typeof value === 'string' && isName(value) ? value : undefined),
    expected: 'queue',
  },
  maxWait: duration,
  retention: {
    olderThan: duration,
    keep: {
      read: (value) => (/^\d{1,9}$/.test(asText(value)) ? Number(value) : undefined),
      expected: 'count',
    },
    maxTotal: size,
  },
  targets: TARGETS,
};

const configPath = (home: string): string => `${home}/config.json`;

const broken = (path: string, key: string | null, trouble: ConfigTrouble) =>
  fail({ code: 'bad-config', path, key, trouble });
const misfit = (path: string, key: string | null, expected: ConfigValue, value: unknown) =>
  broken(path, key, { kind: 'expected', expected, value: JSON.stringify(value) });

const isKey = (key: Entry): key is Key => typeof (key as Key).read === 'function';
const isNamed = (key: Entry): key is Named => 'each' in key;

/** The same of an object with names of the user's. The object of each name is found under its name, too. */
function readNamed(path: string, value: unknown, named: Named, above: string): Result<Map<string, unknown>> {
  const found = new Map<string, unknown>();
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    return misfit(path, above, 'object', value);
  for (const [name, given] of Object.entries(value)) {
    const at = `${above}.${name}`;
    if (!named.isName(name)) return misfit(path, at, named.expectedName, name);
    const below = readKeys(path, given, named.each, `${at}.`);
    if (!below.ok) return below;
    const own = new Map([...below.value].map(([whole, read]) => [whole.slice(at.length + 1), read]));
    const fault = named.fault(new Set(own.keys()), own.get('engine'));
    if (fault) return broken(path, fault.key === null ? at : `${at}.${fault.key}`, fault.trouble);
    found.set(at, { name, ...Object.fromEntries(own) });
  }
  return ok(found);
}

/** All values by their full names (`retention.keep`), checked. */
function readKeys(
  path: string,
  value: unknown,
  known: Record<string, Entry>,
  above: string,
): Result<Map<string, unknown>> {
  const found = new Map<string, unknown>();
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    return misfit(path, above.slice(0, -1) || null, 'object', value);
  for (const [name, given] of Object.entries(value)) {
    const key = Object.hasOwn(known, name) ? known[name]! : undefined;
    if (!key) return broken(path, above + name, { kind: 'unknown', known: Object.keys(known) });
    if (!isKey(key)) {
      const whole = above + name;
      const below = isNamed(key)
        ? readNamed(path, given, key, whole)
        : readKeys(path, given, key, `${whole}.`);
      if (!below.ok) return below;
      for (const [one, read] of below.value) found.set(one, read);
      continue;
    }
    const read = key.read(given);
    if (read === undefined) return misfit(path, above + name, key.expected, given);
    found.set(above + name, read);
  }
  return ok(found);
}

/** Reads the file, also behind a link, because users link such files. Never hangs. */
function readText(path: string): ReturnType<typeof readRecord> {
  const read = readRecord(path);
  try {
    return read.kind === 'unreadable' && lstatSync(path).isSymbolicLink()
      ? readRecord(realpathSync(path))
      : read;
  } catch (thrown) {
    const errno = errnoOf(thrown);
    return { kind: 'unreadable', why: errno === 'ENOENT' ? 'its link leads nowhere' : errno };
  }
}

/** Reads the whole file, or fails. Without a file all values are defaults. */
export function readConfig(home: string): Result<Config> {
  const path = configPath(home);
  const file = readText(path);
  if (file.kind === 'unreadable') return broken(path, null, { kind: 'unreadable', why: file.why });
  let value: unknown = {};
  try {
    // editors on other systems begin a file with a byte order mark
    if (file.kind === 'text') value = JSON.parse(file.text.replace(/^\ufeff/, ''));
  } catch (thrown) {
    if (!(thrown instanceof SyntaxError)) throw thrown;
    return broken(path, null, { kind: 'unreadable', why: `it is not JSON: ${thrown.message}` });
  }
  const read = readKeys(path, value, KEYS, '');
  if (!read.ok) return read;
  return ok(configOf(read.value, home));
}

type GivenTarget = Partial<Target & SlurmSettings> & Pick<Target, 'name' | 'host'> & { via?: string };

function targetOf(given: GivenTarget, home: string): Target {
  const { via = '', partition = null, options = [], setup = null, ...rest } = given;
  const ssh = withWholePaths(given.ssh ?? [], home);
  return given.engine === SLURM
    ? { ...slurmTarget(given.name, via), ...rest, ssh, slurm: { partition, options, setup } }
    : { ...sshTarget(given.name, given.host), ...rest, ssh };
}

/** `home`: the folder of the file. */
function configOf(values: Map<string, unknown>, home: string): Config {
  const get = <T>(key: string): T | null => (values.get(key) as T | undefined) ?? null;
  return {
    graceMs: get('grace'),
    maxLogBytes: get('maxLog'),
    memoryBytes: get('memory'),
    notify: get('notify'),
    tell: get('tell'),
    queue: get('queue'),
    maxWaitMs: get('maxWait'),
    retention: {
      ...DEFAULT_RETENTION,
      olderThanMs: get('retention.olderThan') ?? DEFAULT_RETENTION.olderThanMs,
      keep: get('retention.keep') ?? DEFAULT_RETENTION.keep,
      maxTotalBytes: get('retention.maxTotal') ?? DEFAULT_RETENTION.maxTotalBytes,
    },
    targets: new Map(
      [...values]
        .flatMap(([key, value]) => {
          return key.startsWith('targets.') ? [targetOf(value as GivenTarget, home)] : [];
        })
        .map((target) => [target.name, target]),
    ),
  };
}

/** The values to use if the file cannot be read. */
export const NO_CONFIG = configOf(new Map(), '');
