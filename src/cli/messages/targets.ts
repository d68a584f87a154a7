/** What is said of targets: why one cannot be reached, or does not take a job, and the line to type. */
import { renderDuration, systemClock } from '../../base/clock.ts';
import { clip, plural, safe } from '../../base/text/sanitize.ts';
import {
  type FarFacts,
  type SubmitResult,
  type TargetError,
  TROUBLES,
  type Trouble,
} from '../../engine/targets/engine.ts';
import type { Spec } from '../../job/spec.ts';
import { placeOf, type Target, targetWordOf } from '../../job/target.ts';
import { type FarContact, type LiveView, quoteWord } from '../../job/view.ts';
import { type FailureTexts, type MessageAndHint, typed, usageError } from './usage.ts';

/** `name`: as `--on` has it; `ssh`: the options from config.json. */
export type ShownTarget = Pick<Target, 'name' | 'host' | 'ssh' | 'slurm'>;

/** The call by which a person tries the same. */
const sshLine = ({ host, ssh }: ShownTarget, ...before: string[]): string =>
  ['ssh', ...before, ...ssh, host].map(quoteWord).join(' ');

/** A command as a person runs it where the jobs are started; Slurm may be on this machine. */
const lineThere = (target: ShownTarget, command: string): string =>
  target.host === '' ? command : `${sshLine(target)} ${command}`;

/** Gives the host a key; ssh-copy-id takes few of the options of ssh. */
function copyLine(target: ShownTarget): string {
  const { host, ssh } = target;
  const isTaken = ssh.every((word, at) => /^-[Fop]/.test(word) || /^-[Fop]$/.test(ssh[at - 1] ?? ''));
  return isTaken && !host.startsWith('ssh://')
    ? ['ssh-copy-id', ...ssh, host].map(quoteWord).join(' ')
    : `ssh-copy-id; this must then work: ${sshLine(target)}`;
}

/** What happened, and what to do; the program's own words follow the first. */
const TROUBLE: Record<Trouble, (target: ShownTarget, said: string) => MessageAndHint> = {
  'no-ssh': () => ['there is no program ssh in PATH', 'install openssh-client'],
  'ssh-options': (target) => [
    'ssh does not accept its options',
    `correct "ssh" of this target in config.json, then: ${sshLine(target)}`,
  ],
  'unknown-host': (target) => [
    'the name of the host is not known',
    `check the name, or make it a Host of ~/.ssh/config: ${sshLine(target)}`,
  ],
  'no-route': (target) => ['no network leads there', `is the network or a VPN down? try: ${sshLine(target)}`],
  'connection-refused': (target) => [
    'the host does not accept ssh on this port',
    `is sshd running there, and is the port right? try: ${sshLine(target)}`,
  ],
  'timed-out': (target) => ['the host does not answer', `is it up? try: ${sshLine(target)}`],
  'host-key-unknown': (target) => [
    'the key of the host is not known here',
    `connect once by hand and compare the key: ${sshLine(target)}`,
  ],
  'host-key-changed': (target) => [
    'the host has another key than before',
    `ask its administrator before you trust it. This says which line to remove: ${sshLine(target)}`,
  ],
  permission: (target) => [
    'the login is not accepted without a question',
    `bgjob answers no password. Load your key: ssh-add. Or give the host one: ${copyLine(target)}`,
  ],
  silent: (target) => ['ssh gives no answer', `see where it stops: ${sshLine(target, '-v')}`],
  'login-shell-hangs': (target) => [
    'the login works, but does not reach sh: a start file of the login shell runs something else',
    `this must print ok: ${sshLine(target, '-T')} 'exec /bin/sh -c "echo ok"'`,
  ],
  'login-shell-ended': (target) => [
    'the login works, but ends at once: the account is closed, or a start file of the login shell ends it',
    `this must print ok: ${sshLine(target, '-T')} 'exec /bin/sh -c "echo ok"'`,
  ],
  'far-tools': (target, said) => [
    `programs are missing there: ${said}`,
    target.slurm
      ? 'name the line of sh that makes them known: "setup" of this target in config.json, such as ' +
        '"module load slurm" or "export PATH=$PATH:/opt/slurm/bin"'
      : 'install them there',
  ],
  'far-folder': (target) => [
    'the folder for the records of bgjob cannot be written there',
    `name another one in config.json: "targets": {"${target.name}": {…, "dir": "/a/writable/folder"}}`,
  ],
  'connection-lost': (target) => [
    'the connection broke. Jobs there go on',
    `bgjob connects again by itself; look now: bgjob targets ${quoteWord(target.name)}`,
  ],
  'slurm-down': (target) => [
    'slurmctld does not answer',
    'jobs that Slurm has go on. If it stays so ask an administrator; ' +
      `this must say UP: ${lineThere(target, 'scontrol ping')}`,
  ],
  unclear: (target) => ['ssh ended without a login', `try the same by hand: ${sshLine(target)}`],
};

/** Of an attempt to use a target; `error.kind` says whether it was never reached, or does not answer now. */
export function targetTroubleText(
  target: ShownTarget,
  { trouble, said }: Pick<TargetError, 'trouble' | 'said'>,
): MessageAndHint {
  const [what, hint] = TROUBLE[trouble](target, safe(said));
  const words = said === '' || trouble === 'far-tools' ? '' : ` (${safe(said)})`;
  return [`${safe(target.name)}: ${what}${words}`, hint];
}

type Refusal = Extract<SubmitResult, { kind: 'refused' }>;

/** Of a job that a target did not take. `cwd` is the directory that was asked for there. */
export function targetRefusalText(
  target: ShownTarget,
  cwd: string | null,
  { why, said }: Refusal,
): MessageAndHint {
  const name = safe(target.name);
  switch (why) {
    case 'engine':
      return [
        `${name}: Slurm did not accept the job: ${safe(said)}`,
        `its partitions: bgjob targets ${quoteWord(target.name)}; its options: "options" in config.json`,
      ];
    case 'no-cwd':
      return [
        `${name}: there is no directory ${safe(cwd ?? '')}`,
        'nothing is copied there: make it there, or name another one: -C DIR, or "cwd" of the target in config.json',
      ];
    case 'no-room':
      return [`${name}: the disk there is full (${safe(said)})`, `look: ${lineThere(target, 'df -h')}`];
    case 'cannot-write':
      return [
        `${name}: the folder for the records of bgjob cannot be written there (${safe(said)})`,
        `name another one in config.json: "targets": {"${name}": {…, "dir": "/a/writable/folder"}}`,
      ];
    case 'cannot-trim':
      return [
        `${name}: a log there cannot be trimmed`,
        'stop the job at the limit instead: --on-max-log kill',
      ];
  }
}

/** `gpu1` for `ssh:gpu1`, and the name of a target of config.json. */
export const targetLabel = ({ name }: Pick<Target, 'name'>): string =>
  safe(name.replace(/^ssh:(?:\/\/)?/, ''));

/** A shorter silence says nothing: a connection was just lost, and is made anew. */
const SILENT_MS = 5000;

/** Why the state of a job on a target may be old: `gpu1 has not answered for 3m`; empty: it is of now. */
export function contactText(target: Pick<Target, 'name'>, far: FarContact | undefined): string {
  const silentMs = far?.silence ? systemClock.now() - far.silence.since : 0;
  if (far?.isServed === false) return 'its service does not run; the next bgjob command starts it';
  return silentMs < SILENT_MS
    ? ''
    : `${targetLabel(target)} has not answered for ${renderDuration(silentMs)}`;
}

/** The same for a table. */
export function contactCell(target: Pick<Target, 'name'>, far: FarContact | undefined): string {
  if (contactText(target, far) === '') return '';
  if (far?.isServed === false) return '(no service)';
  return `(silent ${renderDuration(systemClock.now() - far!.silence!.since)})`;
}

/** After `run`: the target has neither taken nor refused the job, and the call does not wait any longer. */
export function notAnsweredText({ id, spec, far }: LiveView, isInterrupted: boolean): [string, string] {
  const label = targetLabel(spec.target!);
  const what = far?.isServed === false ? `the service of ${label} does not run` : `${label} has not answered`;
  const then = isInterrupted ? `job ${id} goes on` : `it is not known whether job ${id} starts`;
  return [
    `${what} yet: ${then}.`,
    isInterrupted ? `bgjob wait ${id} · bgjob kill ${id}` : `bgjob wait ${id}`,
  ];
}

/** As the service records why its target does not answer. */
function silenceText(target: ShownTarget, why: string): MessageAndHint {
  const [, trouble = '', said = ''] = /^([a-z-]+)(?:: (.*))?$/s.exec(why) ?? [];
  return isTrouble(trouble) ? targetTroubleText(target, { trouble, said }) : [safe(why), undefined];
}

/** Of a job whose turn has come, on a target that is not reached; empty: it is reached. */
export function heldText(target: ShownTarget, far: FarContact | undefined): string {
  if (!far?.isServed || !far.silence) return contactText(target, far);
  const [what] = silenceText(target, far.silence.why);
  return `${targetLabel(target)} does not answer: ${what.replace(`${safe(target.name)}: `, '')}`;
}

/** The same for a table. */
export const heldCell = (target: ShownTarget, far: FarContact | undefined): string =>
  far?.isServed && far.silence
    ? `(silent ${renderDuration(systemClock.now() - far.silence.since)})`
    : contactCell(target, far);

/** For `doctor`. */
export function silentTargetText(target: ShownTarget, jobs: number, { since, why }: Silent): MessageAndHint {
  const [what, hint] = silenceText(target, why);
  const whose = `${plural(jobs, 'job')} ${jobs === 1 ? 'waits or runs' : 'wait or run'} there`;
  const reason = what.replace(`${safe(target.name)}: `, '');
  const silent = renderDuration(systemClock.now() - since);
  return [`target ${targetLabel(target)} does not answer since ${silent}: ${reason}; ${whose}`, hint];
}
type Silent = NonNullable<FarContact['silence']>;

/** As the service of a target records it: services/target/reasons.ts. */
const NOT_REACHED = /^cannot reach .+? \[([a-z-]+)\](?:: (.*))?$/s;
const NOT_STARTED = /^.+? did not start it \[([a-z-]+)\](?:: (.*))?$/s;

const isTrouble = (word: string): word is Trouble => TROUBLES.some((one) => one === word);

/** Why a target did not run a job, and what to type; undefined: the record says something else. */
export function failedThereText(
  { target, cwd }: Pick<Spec, 'target' | 'cwd'>,
  why: string,
): MessageAndHint | undefined {
  if (target === null) return undefined;
  const [, trouble = '', said = ''] = NOT_REACHED.exec(why) ?? [];
  if (isTrouble(trouble)) return targetTroubleText(target, { trouble, said });
  const [, refusal, words = ''] = NOT_STARTED.exec(why) ?? [];
  const known = (['no-cwd', 'no-room', 'cannot-write', 'cannot-trim', 'engine'] as const).find(
    (one) => one === refusal,
  );
  return known && targetRefusalText(target, target.cwd ?? cwd, { kind: 'refused', why: known, said: words });
}

/** The word of the trouble, for a table. */
export const failedThereCell = (why: string): string | undefined =>
  (NOT_REACHED.exec(why) ?? NOT_STARTED.exec(why))?.[1];

/** After `kill`: a machine without /proc. */
export const unseenThereText = (target: ShownTarget) =>
  `(${safe(placeOf(target))} does not show the environment of processes: a process of the job that left ` +
  `its session and lost its parent is not found there. Look: ${lineThere(target, 'ps -ax')})`;

export const targetFailures: FailureTexts<
  'target-refused' | 'target-silent' | 'not-started-there' | 'not-stopped-there' | 'left-there'
> = {
  'not-started-there': ({ id, target, cwd, why }) => {
    const [what, hint] = failedThereText({ target, cwd }, why) ?? [safe(why), undefined];
    return [`job ${id} did not start: ${what}`, hint];
  },
  'left-there': ({ id, target, count }) => [
    `job ${id} is not gone: after KILL ${plural(count, 'process', 'processes')} of it on ` +
      `${safe(target.name)} ${count === 1 ? 'is' : 'are'} still alive`,
    lineThere(target, 'ps -ax -o pid,stat,args'),
  ],
  'not-stopped-there': ({ id, target, count }) => [
    `job ${id}: ${plural(count, 'process', 'processes')} of it on ${safe(target.name)} ` +
      `${count === 1 ? 'belongs' : 'belong'} to another user, and got no signal`,
    lineThere(target, 'ps -ax -o pid,user,args'),
  ],
  'target-refused': ({ target, trouble, said }) =>
    targetTroubleText(target, { trouble: isTrouble(trouble) ? trouble : 'unclear', said }),
  'target-silent': ({ id, target, silentMs, why }) => [
    `${targetLabel({ name: target })} has not answered for ${renderDuration(silentMs)} (${safe(why)}): ` +
      `job ${id} was asked to stop, and is stopped when it answers again`,
    `bgjob wait ${id}; bgjob targets ${typed(target)}`,
  ],
};

// bgjob targets

/** `box: me@gpu1, in /scratch/app`. */
export function targetText({ name, host, cwd, slurm }: Target): string {
  const way = slurm
    ? [slurm.partition && `partition ${slurm.partition}`, host && `through ${host}`]
        .filter(Boolean)
        .join(', ')
    : host;
  const isPlain = name === targetWordOf(host) || name.endsWith(`:${slurm?.partition}`) || way === '';
  const where = isPlain && !(slurm && host) ? name : `${name}: ${way}`;
  return safe(cwd === null ? where : `${where}, in ${cwd}`);
}

export interface TargetRow {
  target: Target;
  /** Jobs that wait or run. */
  jobs: number;
  /** Undefined: no job is there. */
  contact: FarContact | undefined;
}

export const NO_TARGETS =
  'no targets in config.json: bgjob run --on ssh:[user@]host -- command, or --on slurm[:partition]';
export const TARGET_HEADS = ['NAME', 'ENGINE', 'HOST', 'SLOTS', 'JOBS', 'STATE'];

export function targetCells({ target, jobs: count, contact }: TargetRow): string[] {
  const { engine, host, slots } = target;
  const state =
    contactText(target, contact) || (contact?.silence ? 'does not answer' : contact ? 'in use' : '-');
  return [
    targetLabel(target),
    engine,
    safe(host) || '-',
    slots === null ? '-' : String(slots),
    String(count),
    state,
  ];
}

export const targetOnlyLocal = () =>
  usageError('targets: "local" is this machine', 'bgjob targets ssh:[user@]host');

const GRADES: Record<FarFacts['grade'], string> = {
  perl: 'by perl: output comes at once',
  python3: 'by python3: output comes at once',
  sh: 'by sh: output comes late',
};

export function factRows(facts: FarFacts): [string, string][] {
  const { system, host, user, folder, grade, clockDifference, readyMs } = facts;
  const apart = Math.abs(clockDifference);
  const clock = `${renderDuration(apart * 1000)} ${clockDifference > 0 ? 'ahead' : 'behind'}`;
  return [
    ['reached', `in ${Math.round(readyMs)} ms`],
    ['as', safe(`${user}@${host}`)],
    ['system', safe(system)],
    ['log', GRADES[grade]],
    ['folder', `${safe(folder)} (can be written)`],
    ['clock', apart < 2 ? 'as here' : `${clock} (does not matter)`],
  ];
}

// --on

/** What was called with the name of a target. */
export type TargetCall = '--on' | 'targets';

const callOn = (call: TargetCall, word: string): string =>
  call === 'targets' ? `bgjob targets ${typed(word)}` : `bgjob run --on ${typed(word)} -- command`;

/** `meant`: the name that is like it. `host`: as ssh would take the word; undefined: it would not. */
export function noSuchTarget(
  word: string,
  known: string[],
  meant: string | undefined,
  host: string | undefined,
  call: TargetCall,
) {
  const verb = known.length > 1 ? 'are' : 'is';
  const list = known.length > 0 ? `there ${verb} ${known.map(safe).join(', ')}` : 'it names no targets';
  const what = `${call}: no target "${clip(safe(word), 80)}" in config.json: ${list}`;
  if (meant !== undefined || host === undefined)
    return usageError(what, callOn(call, meant ?? 'ssh:me@gpu1'));
  // a user or a domain: surely a host
  if (/[@.:]/.test(word)) return usageError(what, callOn(call, host));
  const name = safe(word);
  return usageError(
    what,
    `if ssh ${name} works (a host of ~/.ssh/config): ${callOn(call, host)}; ` +
      `or name ${name} in config.json: "targets"`,
  );
}

export const badPartition = (word: string, cluster: string, call: TargetCall) =>
  usageError(
    `${call}: "${clip(safe(word), 80)}" does not name a partition`,
    `${callOn(call, `${cluster}:gpu`)}; bgjob targets ${typed(cluster)} lists the partitions`,
  );

export const badTargetWord = (word: string, call: TargetCall) =>
  usageError(
    `${call}: "${clip(safe(word), 80)}" does not name a host`,
    `${callOn(call, 'ssh:me@gpu1')}; with a port: ssh://me@gpu1:2222`,
  );

/** Why each of these is refused: its work needs a process on this machine. */
const ONLY_HERE: Record<string, string> = {
  '--idle-timeout': 'no process there watches the output: --timeout is kept there',
  '--memory': 'no process there measures it: a shell line can begin with ulimit -v KILOBYTES',
  '--on-max-log trim': 'a job there is stopped at the limit of its log',
  '--pty': 'there is no terminal there',
  '--stdin hold': 'bgjob send does not reach it: --stdin FILE gives it a file',
  '--until-port': 'its ports are not seen from here: --until RE waits for a line of its output',
  '--until-url': 'its ports are not seen from here: --until RE waits for a line of its output',
  'set of a limit': 'its limits are kept there: kill it, and run it again with others',
  pause: 'its processes cannot be stopped and continued from here',
  send: 'its stdin is not open: --stdin FILE gives it a file',
};

export const notOnTarget = (what: string, target: string) =>
  usageError(`${what} does not work on ${safe(target)}`, ONLY_HERE[what]);

export const scriptTooLargeForTarget = (target: string, most: number) =>
  usageError(
    `run -: the script is too large for ${safe(target)}: at most ${most / 1000} kB`,
    `copy it there, and run it: bgjob run --on ${safe(target)} -- sh script`,
  );
