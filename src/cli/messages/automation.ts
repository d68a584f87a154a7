/** What `cron`, `trigger`, `boot` and `wait --trigger` say: errors, results and notes. */
import { renderDuration } from '../../base/clock.ts';
import { clip, plural, safe } from '../../base/text/sanitize.ts';
import type { DayFields } from '../../job/automation/crontab.ts';
import type { Rejection } from '../../job/automation/rejections.ts';
import type { Schedule } from '../../job/automation/schedule.ts';
import type { JobTemplate, TemplateEvent } from '../../job/automation/template-records.ts';
import type { Address } from '../../job/automation/trigger.ts';
import type { Failure } from '../../job/failure.ts';
import type { JobId } from '../../job/spec.ts';
import { commandText, quoteWord } from '../../job/view.ts';
import { scheduleFailures } from './schedules.ts';
import { targetLabel } from './targets.ts';
import { errnoText, type FailureTexts, type UsageFailure, usageError } from './usage.ts';

type Kind = 'schedule' | 'trigger';

/** An event of the journal, or requests that started no job. */
export type ShownEvent = Omit<TemplateEvent, 'did'> & { did: TemplateEvent['did'] | 'refused' | 'ignored' };

const VERB = { schedule: 'cron', trigger: 'trigger', schedules: 'cron', triggers: 'trigger' } as const;
export const SERVICE = {
  schedules: 'the scheduler',
  triggers: 'the listener',
  target: 'the service of a target',
} as const;

const EXAMPLE = {
  cron: "bgjob cron add '0 3 * * *' --name nightly -- ./backup.sh",
  trigger: 'bgjob trigger add deploy -- ./deploy.sh',
} as const;

const SHOWN = 80;
const shown = (word: string) => clip(safe(word), SHOWN);

// ---- failures -----------------------------------------------------------------------------------------

export const automationFailures: FailureTexts<
  | 'bad-schedule'
  | 'bad-zone'
  | 'no-such-starter'
  | 'starter-taken'
  | 'started-before'
  | 'starter-newer'
  | 'not-served'
> = {
  ...scheduleFailures,
  'no-such-starter': ({ kind, name, known }) => {
    const here = known.length > 0 ? `; ${kind}s: ${known.slice(0, 10).map(safe).join(', ')}` : '';
    return [`no ${kind} "${safe(name)}"${here}`, `bgjob ${VERB[kind]} ${known.length > 0 ? 'ls' : '--help'}`];
  },
  'starter-taken': ({ kind, name }) => [
    `there is a ${kind} ${safe(name)} already`,
    `another name, or first: bgjob ${VERB[kind]} rm ${safe(name)}`,
  ],
  'started-before': ({ name }) => [`${safe(name)}: another process has started this job`],
  'starter-newer': ({ name, why }) => [
    `${safe(name)}: ${safe(why)}; nothing was started`,
    'npm install -g bgjob@latest',
  ],
  'not-served': ({ kind, id, why }) => [
    `${SERVICE[kind]}${id === null ? '' : ` (job ${id})`} is not running: ${why}`,
    id === null ? 'bgjob doctor' : `bgjob tail ${id}`,
  ],
};

// ---- usage errors -------------------------------------------------------------------------------------

type Verb = 'cron' | 'trigger';

export const optionOfAdd = (verb: Verb, option: string) =>
  usageError(`--${option} is for ${verb} add`, `bgjob ${verb} --help`);

export const missingExpression = () => usageError('cron add needs an expression and a command', EXAMPLE.cron);
export const missingTriggerName = () => usageError('trigger add needs a name and a command', EXAMPLE.trigger);
export const missingCommand = (verb: Verb) => usageError(`${verb} add needs a command, too`, EXAMPLE[verb]);

export const badVariableName = (name: string) =>
  usageError(
    `--pass-env: "${shown(name)}" is not the name of a variable`,
    '--pass-env TOKEN,PGHOST; a value: -e TOKEN=...',
  );

export const scriptOnStdin = () =>
  usageError(
    'a job that starts later cannot read its script from stdin',
    'save it, chmod +x, and name its path',
  );

/** `cron run` of a schedule that does not run two jobs at once. */
export const stillRuns = (id: JobId, name: string) =>
  usageError(`job ${id} of ${name} still runs, and --overlap is skip`, `bgjob wait ${id}`);

export const unreadableTemplate = (kind: Kind, name: string, why: string) =>
  usageError(`${kind} ${name}: ${safe(why)}; nothing was done`, `bgjob ${VERB[kind]} rm ${name}`);
export const NO_RECORD = 'it has no record';

const LISTEN = '--listen 8080, --listen 192.168.1.5:8080, --listen [::1]:8080';
export const badAddress = (text: string, what: 'address' | 'port') =>
  usageError(
    `--listen: "${shown(text)}" is ${what === 'port' ? 'not a port' : 'not an address of this machine'}`,
    LISTEN,
  );

/** Why the listener cannot take an address. `at`: the address as it is typed. */
export function cannotListen({ host, port }: Address, at: string, errno: string): UsageFailure {
  if (errno === 'EADDRNOTAVAIL')
    return usageError(`--listen: no network of this machine has the address ${host}`, 'ip -brief address');
  if (errno === 'EACCES')
    return usageError(`--listen: ${at}: only root may use ports below 1024`, '--listen 8080');
  if (errno === 'EADDRINUSE') return usageError(`port ${port} is taken`, `ss -ltnp 'sport = :${port}'`);
  return usageError(`--listen: cannot listen on ${at}: ${errnoText(errno)}`, '--listen 8080');
}

const HEADER = '--header X-GitHub-Event';
export const badHeader = (name: string) =>
  usageError(`--header: "${shown(name)}" is not the name of a header`, HEADER);
export const secretHeader = (name: string) =>
  usageError(`--header: ${shown(name)} holds a secret, and no job gets it`, HEADER);
export const sameHeader = (name: string, other: string, variable: string) =>
  usageError(`--header: ${shown(name)} and ${shown(other)} would both be ${variable}`, EXAMPLE.trigger);

export const badEvent = (name: string) =>
  usageError(`--event: "${shown(name)}" is not the name of an event`, '--event push,release');

export const badHost = (name: string) =>
  usageError(
    `--host: "${shown(name)}" is not the name of a host: give it without http:// and without a port`,
    '--host hooks.example.com',
  );

// ---- what a verb has done -----------------------------------------------------------------------------

/** `when`: the next time, with its zone; null: there is none. */
export const scheduleAdded = (when: string | null, inMs: number, { draft, environment }: Started) => {
  const next = when === null ? '' : `next: ${when} (in ${renderDuration(inMs)}); `;
  return next + startsText({ draft, environment });
};
/** The times after the next one. */
export const laterTimesText = (times: string[]) => `then: ${times.join(', ')}`;

interface Started {
  draft: JobTemplate['draft'];
  /** The names of the variables that its jobs get from this call. */
  environment: string[];
}

function startsText({ draft, environment }: Started): string {
  const { target, cwd } = draft;
  const where = target ? ` on ${targetLabel(target)}` : '';
  const passed = environment.length > 0 ? `, with ${environment.join(' ')}` : '';
  return `runs ${safe(commandText(draft))}${where} in ${safe(target?.cwd ?? cwd)}${passed}`;
}

const eventHeader = ([event]: string[]) =>
  event === undefined ? '' : `-H ${quoteWord(`X-GitHub-Event: ${event}`)} `;
/** `now`: where the link leads; undefined: nowhere. */
export const linkFollowedText = (link: string, now: string | undefined) =>
  `(${safe(link)} is a link: each job runs where it leads at its start; ${leadsText(now)})`;
const leadsText = (now: string | undefined) => (now === undefined ? 'no directory now' : `now ${safe(now)}`);
/** In the cell of the command; only where the directory is a link, or is gone. */
export const movedDirectoryText = (cwd: string, now: string | undefined) =>
  now === undefined ? `in ${safe(cwd)}, which is no directory now` : `in ${safe(cwd)}, now ${safe(now)}`;
/** `/srv/app/current (now /srv/app/releases/2)`. */
export const templateDirectory = (cwd: string, now: string | undefined) =>
  cwd === now ? safe(cwd) : `${safe(cwd)} (${leadsText(now)})`;

/** TZ of the call is no name of a zone that Node knows. */
export const zoneUnreadText = (tz: string, timezone: string) =>
  `TZ ${tz.trim() === '' ? 'is empty' : `"${shown(tz)}" is not the name of a time zone`}; ` +
  `it counts as ${timezone}`;
export const ANOTHER_ZONE = '. To name another: --tz America/New_York';
export const readOtherwiseText = ({ day, weekday, both }: DayFields) =>
  `day ${day}, weekday ${weekday}: here one of them is enough; in crontab both must fit, as in '${both}' here`;
export const ESCAPED_PERCENT =
  'only crontab needs a backslash before %; here the command gets it: write % alone';

/** How a new trigger is used; its URL and its secret stand on stdout. */
export const triggerAdded = (url: string, started: Started, events: string[]): string[] => [
  '(the second line is the secret: it is shown this once)',
  `try it: curl -H 'Authorization: Bearer SECRET' ${eventHeader(events)}-d '{}' ${quoteWord(url)}`,
  'GitHub: that URL through a tunnel (needs --host NAME), the secret as Secret (GitLab: Secret token), ' +
    'content type application/json',
  startsText(started),
];
export const SECRET_ROTATED =
  '(the second line is the new secret: it is shown this once; the old secret is refused from now on)';

/** stdout did not take the secret, and so the trigger was not added, or has its old secret. */
export const secretLost = (errno: string, name: string, verb: 'add' | 'rotate'): Failure => {
  const [undone, again] =
    verb === 'add'
      ? [`trigger ${name} was not added: its secret would be lost`, 'the same again']
      : [`trigger ${name} still has its old secret`, `bgjob trigger rotate ${name}`];
  const instead = { undone, again: `${again}, with a stdout that takes the secret` };
  return { code: 'answer-lost', errno, instead };
};

/** `reach`: the address, or `this machine`. */
export const openListenerText = (reach: string) =>
  `everyone who can reach ${safe(reach)} can reach this listener, and deliveries are not encrypted: ` +
  'better keep the default 127.0.0.1, behind a proxy with TLS or a tunnel';

export const templateRemoved = (name: string) => `${name}: removed`;
export const jobsGoOn = (ids: JobId[]) =>
  `(${plural(ids.length, 'job')} of it ${ids.length === 1 ? 'goes' : 'go'} on: bgjob kill ${ids.join(' ')})`;

export const pausedText = (name: string, wasPaused: boolean, paused: boolean) =>
  wasPaused === paused
    ? `${name} is ${paused ? 'paused already' : 'not paused'}`
    : `${name} ${paused ? 'paused' : 'resumed'}`;

export const HISTORY_NOT_WRITTEN = '(started, but the history could not be written)';

// ---- lists --------------------------------------------------------------------------------------------

export const NO_SCHEDULES = `no schedules yet: ${EXAMPLE.cron}`;
export const NO_TRIGGERS = `no triggers yet: ${EXAMPLE.trigger}`;
export const noDeliveries = (name: string, isRejected: boolean) =>
  `${name}: no delivery has ${isRejected ? 'started a job' : 'come'} yet`;
/** `2026-11-22 03:00 Europe/Berlin  started job 45`. */
export function eventText(when: string, { times, did, why, job, by, delivery }: ShownEvent): string {
  const id = job === null ? '' : ` job ${job}`;
  const how = by === 'catch-up' ? ' to catch up' : by === 'hand' ? ' by hand' : '';
  const count = times > 1 ? ` (${times} times)` : delivery === null ? '' : ` (delivery ${safe(delivery)})`;
  return `${when}  ${did}${id}${how}${count}${why === null ? '' : `: ${safe(why)}`}`;
}
/** `name` null: of no trigger. `from`: the last sender. */
export function rejectionText({ name, status, why, from }: Rejection): string {
  if (status === 200) return why;
  const asked = name === null && status === 401 ? 'no trigger of that name here' : why;
  return `${status === 0 ? '' : `${status}, `}${asked}${from === '' ? '' : ` (from ${from})`}`;
}
/** A schedule as it stands: a head and a text for each row. */
export const scheduleRows = (
  { name, expression, timezone, overlap, catchUp, queue }: Schedule,
  next: string,
  command: string,
  directory: string,
): [string, string][] => [
  ['schedule', safe(name)],
  ['times', `${clip(safe(expression), 200)}, in ${clip(safe(timezone), 100)}`],
  ['next', safe(next)],
  ['command', command],
  ['cwd', directory],
  ...(queue === null ? [] : [['queue', safe(queue)] as [string, string]]),
  ['overlap', overlap + (catchUp ? ', with --catch-up' : '')],
];
export const addAgainHint = (name: string, verb: Verb = 'cron') =>
  `bgjob ${verb} rm ${name}, then add it again`;
export const programGoneText = (name: string, program: string) =>
  `${name}: no job can start: there is no ${safe(program)}`;
export const neverFired = (name: string) => `${name}: it has started nothing yet`;
export const olderEvents = (amount: number) => `(${amount} before that: --json)`;
export const notListening = (name: string, why: string) => `${name}: not listening: ${why}`;

export const ELSEWHERE_TEXT = 'its listener belongs to another sandbox or container';
export const NO_PORT_YET = 'its listener has no port yet';
export const LISTENER_STARTS = 'its listener is being started';
/** `by`: the process that has the port; undefined: it is not known. */
export const portTakenText = (port: number, by: string | undefined) =>
  `port ${port} taken${by === undefined ? '' : ` by ${by}`}`;

// ---- wait --trigger -----------------------------------------------------------------------------------

const ago = (ms: number) => `${renderDuration(Math.max(0, ms))} ago`;

/**
 * `last`: the newest delivery, which an earlier call has printed; undefined: there was none. `isRejected`:
 * since then requests have started no job.
 */
export function nothingDelivered(
  name: string,
  last: { job: JobId | null; agoMs: number } | undefined,
  isRejected: boolean,
): string {
  const see = isRejected ? `requests were refused or ignored: bgjob trigger ls ${name}; ` : '';
  const again = `${see}wait again: bgjob wait --trigger ${name}`;
  if (!last) return `trigger ${name} has started nothing yet; ${again}`;
  const what = last.job === null ? 'a job that could not start' : `job ${last.job}`;
  return `trigger ${name} has started nothing new (the last: ${what}, ${ago(last.agoMs)}); ${again}`;
}

export const deliveryFailed = (name: string, agoMs: number, why: string | null) =>
  `trigger ${name} took a delivery ${ago(agoMs)}, but its job could not start: ${safe(why ?? 'not known')}`;

/** `agoMs` null: it came while the call waited. `more`: so many earlier ones were not printed yet. */
export function deliveryNote(agoMs: number | null, more: number): string | undefined {
  const left = `${plural(more, 'earlier delivery', 'earlier deliveries')} to come: the same command again`;
  const facts = [...(agoMs === null ? [] : [`delivered ${ago(agoMs)}`]), ...(more === 0 ? [] : [left])];
  return facts.length === 0 ? undefined : `(${facts.join('; ')})`;
}

export const deliveryNotNoted = (errnoText: string) =>
  `(the next call prints this delivery again: that it was printed could not be written: ${errnoText})`;

// ---- boot ---------------------------------------------------------------------------------------------

const BY_HAND = 'put `bgjob boot` into a script that runs at the start of the machine';

export const NOTHING_TO_BOOT = 'nothing to start: there are no jobs yet';
/** `queue` null: jobs that wait outside of queues. */
export const bootedQueue = (queue: string | null, waiting: number) =>
  `${queue === null ? 'in no queue' : `queue ${queue}`}: ${plural(waiting, 'job')} waited`;
export const bootedService = (serves: string, names: string[], id: JobId) =>
  `${serves}: ${names.join(', ')} (job ${id})`;

/** What systemctl shows. */
export const UNIT_DESCRIPTION = 'bgjob: schedules, triggers and queues';

const said = (stderr: string) => clip(safe(stderr.trim()), 200);
export const crontabUnreadable = (stderr: string) => usageError(`crontab -l: ${said(stderr)}`, BY_HAND);
export const crontabRefuses = (stderr: string) =>
  usageError(`crontab refuses the line: ${said(stderr)}`, BY_HAND);
/** `word`: the word of the command that holds a line end. */
export const lineEndInPath = (word: string) =>
  usageError(`a line of crontab cannot hold the path ${word}: it contains a line end`, BY_HAND);
export const noBootTool = () =>
  usageError(
    'neither crontab nor systemctl is there (in /usr/bin, /bin, … or PATH)',
    `install cron; or ${BY_HAND}`,
  );
export const unitInUsersHome = (path: string, user: string) =>
  usageError(
    `HOME belongs to ${safe(user)}, but this call runs as root: ` +
      `${safe(user)} could not change ${safe(path)}; no unit was written`,
    'the same without sudo; or for root itself: sudo -H bgjob cron add --boot',
  );
export const unitNotEnabled = (path: string, unit: string, stderr: string) =>
  usageError(
    `${safe(path)} is written, but systemctl does not enable it: ${said(stderr)}`,
    `systemctl --user enable ${unit}`,
  );

/** `line`: the line for this home. */
export const crontabText = (what: 'added' | 'renewed' | 'there' | 'removed' | 'none', line: string) =>
  ({
    added: `(crontab: ${safe(line)})`,
    renewed: `(crontab: the @reboot line is renewed: ${safe(line)})`,
    there: '(crontab: the @reboot line is there already)',
    removed: '(crontab: the @reboot line is removed)',
    none: '(crontab: there is no @reboot line of bgjob for this home)',
  })[what];
export const unitChangedText = (what: 'enabled' | 'removed' | 'none', path: string) =>
  ({
    enabled: `(${safe(path)} is enabled; without a login it runs only after: loginctl enable-linger)`,
    removed: `(${safe(path)} is removed)`,
    none: '(there is no unit of bgjob for this home)',
  })[what];
/** `missing`: the part of the program that the entry called. */
export const bootRenewedText = (missing: string) =>
  `(the entry for a restart of the machine called ${safe(missing)}, which is gone)`;

/** What happens after a restart of the machine. `entry`: what calls `bgjob boot`; undefined: nothing does. */
export const afterRestartText = (entry: string | undefined) =>
  entry === undefined
    ? 'it works with no terminal open; after a restart of the machine from the next bgjob command on, ' +
      'or: bgjob cron add --boot'
    : `it works with no terminal open, also after a restart of the machine (${entry})`;
