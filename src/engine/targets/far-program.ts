/**
 * The texts that run on the far side: the programs of `far/` with the facts of this call in front, and the
 * script that becomes a job. Each is text for sh. No byte of a job stands in a line of the protocol as it is.
 */
import { quote } from '../../base/text/shell-quote.ts';
import { FAR_MARKER } from '../../job/identity.ts';
import type { SlurmSettings } from '../../job/target.ts';
import type { FarJob } from './engine.ts';
import controlText from './far/control.sh';
import processesText from './far/processes.sh';
import shimText from './far/shim.sh';
import slurmText from './far/slurm.sh';
import perlText from './far/stream.pl';
import pythonText from './far/stream.py';

/** In which grade the log is streamed, best first. `sh` is always there. */
export const STREAM_PROGRAMS = ['perl', 'python3'] as const;

/** The functions that slurm.sh needs, and the text itself. */
function slurmFunctions({ partition, options, setup }: SlurmSettings): string {
  const own = ['--no-requeue', ...(partition === null ? [] : [`--partition=${partition}`]), ...options];
  return [
    `far_setup() {\n:\n${setup ?? ''}\n}`,
    `far_sbatch() {
      far_limit=--time=$1
      [ "$1" != - ] || far_limit=
      shift
      sbatch $far_limit ${own.map(quote).join(' ')} "$@"
    }`,
    slurmText,
  ].join('\n');
}

/** What the shim must know of Slurm. */
const slurmWord = (slurm: SlurmSettings | undefined): string =>
  slurm === undefined ? '' : slurm.options.some((word) => word === '--requeue') ? 'again' : 'once';

export interface FarPlace {
  /** Names the home here: `TOKENHASH`. Two clients of one account do not meet. */
  client: string;
  /** The folder there; a relative one is below the home; null: the default. */
  folder: string | null;
  /** Where Slurm runs the jobs. */
  slurm?: SlurmSettings;
}

/** The control program; with `isStream` it becomes the log stream where one of `grades` can run. */
export function controlProgram(place: FarPlace, grades: readonly string[], isStream: boolean): string {
  const stream = [
    'case $far_grade in',
    `perl) exec perl -e ${quote(perlText)} "$far_root" ;;`,
    `python3) exec python3 -c ${quote(pythonText)} "$far_root" ;;`,
    'esac',
  ];
  return [
    `far_client=${quote(place.client)} far_folder=${quote(place.folder ?? '')}`,
    `far_grades=${quote(grades.join(' '))}`,
    `far_stream() {\n${isStream ? stream.join('\n') : ':'}\n}`,
    `far_shim() { cat <<'END_OF_FAR_SHIM'`,
    `far_slurm=${slurmWord(place.slurm)}\n${processesText}\n${shimText}\nEND_OF_FAR_SHIM\n}`,
    processesText,
    `far_engine() {\n:\n${place.slurm ? slurmFunctions(place.slurm) : ''}\n}`,
    controlText,
  ].join('\n');
}

/** What a login by ssh sets; a job must not see how it was reached. */
const OF_LOGIN = [
  'SSH_AGENT_PID',
  'SSH_ASKPASS',
  'SSH_AUTH_SOCK',
  'SSH_CLIENT',
  'SSH_CONNECTION',
  'SSH_ORIGINAL_COMMAND',
  'SSH_TTY',
  'SSH_USER_AUTH',
];

/** Names that a shell can set and pass on unchanged. Others are set by `env`. */
const isOrdinary = (name: string): boolean =>
  /^[A-Za-z_][A-Za-z0-9_]*$/.test(name) &&
  !/^(_|IFS|ENV|CDPATH|SHELLOPTS|POSIXLY_CORRECT|BASH.*|TMOUT|PS\d|P?PID|E?UID|E?GID|GROUPS|PWD|OLDPWD)$/.test(
    name,
  ) &&
  !/^(SHLVL|LINES|COLUMNS|LINENO|OPT.*|S?RANDOM|SECONDS|EPOCH.*|HISTCMD|COMP_WORDBREAKS|DIRSTACK|KSH.*|far_.*)$/.test(
    name,
  );

/** The script that becomes the job. Its first word is the PATH of the login. */
export function jobScript({ uid, argv, cwd, env, umask }: FarJob): string {
  const nameOf = (entry: string): string => entry.slice(0, entry.indexOf('=', 1));
  const ordinary = env.filter((entry) => isOrdinary(nameOf(entry)));
  const others = env.filter((entry) => !isOrdinary(nameOf(entry)));
  // `env` would take a program whose path holds a `=` for a variable
  const call = argv[0]!.includes('=') ? ['/bin/sh', '-c', 'exec "$@"', 'sh', ...argv] : argv;
  const words = others.length === 0 ? argv : ['env', ...others, ...call];
  return [
    'PATH=$1',
    `umask ${umask.toString(8).padStart(4, '0')}`,
    `unset ${OF_LOGIN.join(' ')}`,
    `cd ${cwd === null ? '' : quote(cwd)} || exit 125`,
    ...ordinary.map((entry) => {
      const name = nameOf(entry);
      return `export ${name}=${quote(entry.slice(name.length + 1))}`;
    }),
    // the dot: no uid is the start of another
    `export ${FAR_MARKER}=${uid}.`,
    `set -- ${words.map(quote).join(' ')}`,
    'exec "$@"',
    '',
  ].join('\n');
}

/** So many bytes in one line of a request. */
const CHUNK = 2000;

/** A text as lines of a request: printable ASCII, the rest as `\0ooo` for `printf %b`; then a dot. */
export function payloadLines(text: string): string {
  const bytes = Buffer.from(text);
  let lines = '';
  for (let at = 0; at < bytes.length; at += CHUNK) {
    lines += '+';
    for (const byte of bytes.subarray(at, at + CHUNK))
      lines +=
        byte >= 0x20 && byte < 0x7f && byte !== 0x5c
          ? String.fromCharCode(byte)
          : `\\0${byte.toString(8).padStart(3, '0')}`;
    lines += '\n';
  }
  return `${lines}.\n`;
}
