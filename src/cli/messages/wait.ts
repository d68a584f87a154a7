/** What `wait`, `run --wait` and `run --until…` say, and their usage errors. For `tail` see log.ts. */
import { renderDuration, renderSize } from '../../base/clock.ts';
import { clip, safe } from '../../base/text/sanitize.ts';
import { listenerText } from '../../engine/observe/port-owner.ts';
import type { Usual } from '../../engine/usage/past-runs.ts';
import type { ConditionMet, LineAnswer, OutputFacts, WaitNews } from '../../engine/wait/condition.ts';
import type { NotCounted } from '../../engine/wait/counted.ts';
import type { RemovedFailure } from '../../job/rounds/removed-jobs.ts';
import { type Session, sessionText } from '../../job/session.ts';
import type { JobId, Spec } from '../../job/spec.ts';
import { type EndedView, type JobView, stateWord } from '../../job/view.ts';
import { jobLabel, jobs, usualText } from './job-text.ts';
import {
  badValue,
  cannotCombine,
  emptyPath,
  errnoText,
  needsOperands,
  needsOption,
  textFor,
  usageError,
} from './usage.ts';

// conditions

const MOST_PATH = 200;
const MOST_LINE = 80;

/** A shell line of --until-cmd. */
export const lineText = (line: string) => `--until-cmd '${clip(safe(line), MOST_LINE)}'`;

export const lineAnswerText = (answer: LineAnswer): string =>
  textFor('kind', answer, {
    attempting: () => 'its first attempt had not ended',
    exited: ({ code, last }) => `exits with ${code}${last === '' ? '' : `: ${safe(last)}`}`,
    'too-slow': ({ afterMs }) => `did not end within ${renderDuration(afterMs)}, and was stopped`,
    'not-started': ({ errno, cwd }) =>
      `cannot be started in ${clip(safe(cwd), MOST_PATH)}: ${errnoText(errno)}`,
  });

/** What came true, after `ready:` or `failed:`. `anyOwner`: the port may be that of another program. */
export function metText(met: ConditionMet, anyOwner: boolean): string {
  const printed = ({ facts }: { facts: OutputFacts }) =>
    `it printed "${facts.line}"${facts.stream === 'err' ? ' on stderr' : ''}`;
  return textFor('condition', met, {
    match: printed,
    fail: printed,
    port: ({ facts: { port, pid } }) =>
      `${anyOwner ? 'a process' : 'it'} listens on port ${port}${pid === null ? '' : ` (pid ${pid})`}`,
    url: ({ facts }) => `${facts.url} answers ${facts.status}`,
    cmd: ({ facts }) => `${lineText(facts.cmd)} exits with 0`,
    file: ({ facts }) => `the file ${clip(safe(facts.file), MOST_PATH)} is there`,
    idle: ({ facts }) => `it printed nothing for ${renderDuration(facts.idleMs)}`,
  });
}

export function waitNewsText(news: WaitNews): string {
  const held = (port: number, by: string) =>
    `port ${port} is held by ${by}; still waiting (--any-owner takes it)`;
  return textFor('kind', news, {
    'file-unreadable': ({ path, errno }) =>
      `cannot look at ${clip(safe(path), MOST_PATH)} (${errno}); still waiting`,
    'url-not-ready': ({ url, answer }) => `${url} answers ${answer}; still waiting`,
    'line-not-started': ({ line, answer }) => `${lineText(line)} ${lineAnswerText(answer)}; still waiting`,
    'port-unseen': ({ id }) =>
      `job ${id} runs in another pid namespace: ` +
      'which process listens cannot be seen from here (--any-owner takes any)',
    'port-hidden': ({ port }) => held(port, 'a process that cannot be seen from here'),
    'port-taken': ({ port, listener, id }) => held(port, `${listenerText(listener)}, not by job ${id}`),
  });
}

/** `--fail-on` came true: nothing was done to the job. `reference`: the job as it was typed. */
export const failedOnText = (reference: string) => `the job still runs; to stop it: bgjob kill ${reference}`;

/** The job ended with 0, and no condition had come true by then. */
export const MISSED_TEXT = 'the job ended before the condition was met';

export const nextMatchText = (cursor: number) => `(the next one: --since ${cursor})`;

/** Many servers take the next port when their own is taken. */
export function portsText(view: JobView, ports: number[]): string {
  if (ports.length === 0) return `(${jobLabel(view)} listens on no port yet)`;
  return `(${jobLabel(view)} listens on ${ports.length === 1 ? 'port' : 'ports'} ${ports.join(' ')})`;
}

export const conditionRefusal = {
  port: (text: string) => badValue('--until-port', safe(text), 'a port from 1 to 65535'),
  noPorts: () =>
    usageError(
      '--until-port needs lsof on a system without /proc: it is neither in /usr/bin nor in PATH',
      'install lsof, or wait for an answer: bgjob wait REF --until-url http://localhost:PORT/',
    ),
  emptyPath: () => emptyPath('--until-file'),
  anyOwner: () => needsOption('--any-owner', '--until-port'),
  insecure: () => needsOption('--insecure', '--until-url'),
  statuses: (text: string) =>
    badValue(
      '--until-status',
      clip(safe(text), 80),
      'a list of HTTP statuses from 100 to 599: 200, or 200,300-399',
    ),
  needsUrl: () => needsOption('--until-status', '--until-url'),
  emptyLine: () =>
    usageError('--until-cmd: there is nothing to run', "bgjob wait web --until-cmd 'curl -f URL'"),
  badLine: (says: string) => usageError(`--until-cmd: the shell refuses it: ${safe(says)}`),
  since: () => needsOption('--since', '--until or --fail-on'),
} as const;

// jobs that go on

/** That this call ends before the jobs do. `views`: some of them. `amount`: how many they are. */
export function stillRunningText(views: JobView[], amount: number): string {
  const words = new Set(views.map(stateWord));
  const it = amount === 1 ? 'it' : 'they';
  if (words.size === 1 && words.has('paused')) return 'still paused.';
  if (words.size === 1 && words.has('queued')) return `still queued; ${it} will start in turn.`;
  return `still running; ${it} ${amount === 1 ? 'goes' : 'go'} on.`;
}

export const SAME_COMMAND = 'the same command again';

export const moreRunningText = (shown: number, more: number) =>
  `(${shown === 0 ? '' : 'the first that run; '}${jobs(more)} more did not end)`;

/** `usually 2m10s (12 runs), `; empty: that is not known. */
export const usuallyText = (usual: Usual | null): string => (usual ? `usually ${usualText(usual)}, ` : '');

export function lastOutputText(last: { text: string; agoMs: number } | null): string {
  if (!last) return 'no output yet';
  return `last output ${renderDuration(last.agoMs)} ago${last.text === '' ? '' : `: "${last.text}"`}`;
}

/** `why`: a failure, in words. */
export const cannotStartText = (id: JobId, why: string) =>
  `(job ${id} cannot start: ${safe(why)}; trying again every second)`;

// ends

export const cutText = (id: JobId, stream: 'log' | 'err', lines: number, isAfterFailure: boolean) => {
  const [what, option] = stream === 'err' ? [' of stderr', ' --err'] : ['', ''];
  // one may be very long: its beginning is left out
  const last = lines > 1 ? `the last ${lines} lines` : 'the end of the last line';
  const which = isAfterFailure ? `what looks like the first failure, and ${last}` : last;
  return `(${which}${what}; all: bgjob tail ${id}${option} --full)`;
};

export const betweenText = (bytes: number) => `[… ${renderSize(bytes)} …]`;

/** Without an answer some programs take none for "no", and exit 0. */
export const QUESTION_TEXT =
  '(the last line looks like a question: a job has no keyboard; use an option such as --yes)';

export const trimmedText = (id: JobId, bytes: number) =>
  `(${renderSize(bytes)} of its output trimmed by --max-log: bgjob show ${id})`;

export const emptiedText = (id: JobId, bytes: number) =>
  `(the job emptied its log: ${renderSize(bytes)} gone: bgjob show ${id})`;

export const leftText = (id: JobId, processes: number) => `(${processes} left running: bgjob kill ${id})`;

/** `shown`: how many of the failures came with their output. */
export const manyFailedText = (failed: number, shown: number) =>
  `(${jobs(failed)} failed; the last lines of the first ${shown} were shown: bgjob tail ID)`;

const MOST_LOST = 10;

/** A lost job is not started again by itself. */
export function lostHintText(ids: JobId[]): string {
  const named = ids.length > MOST_LOST ? 'ID' : ids.join(' ');
  return `to start ${ids.length === 1 ? 'it' : 'them'} again: bgjob restart ${named}`;
}

export const waitRefusal = {
  trigger: (name: string) =>
    usageError(
      '--trigger can be used only with --timeout',
      `id=$(bgjob wait --trigger ${safe(name)}) && bgjob wait $id`,
    ),
  ended: () =>
    usageError(
      '--ended waits for ends only: it cannot be used with --fail-fast or conditions such as --until',
      'bgjob wait --help',
    ),
  conditions: () =>
    usageError(
      'conditions such as --until need exactly one REF, ' +
        'without --all, --queue, --batch, --any and --fail-fast',
      'bgjob wait --help',
    ),
} as const;

export const selfWaitHint = (isQueue: boolean) =>
  isQueue ? 'bgjob wait --all leaves it out' : 'bgjob wait REF, for another job';

// selections

export const selectionRefusal = {
  exclusive: ([one, other]: string[], queue: string | null) =>
    cannotCombine(one!, other!, queue === null ? 'bgjob wait --all' : `bgjob wait --queue ${safe(queue)}`),
  allProjects: () => usageError('-a goes with wait --all, --queue NAME or --session', 'bgjob wait --all -a'),
  sessionOfBatch: () => cannotCombine('--session', '--batch', 'bgjob wait --session'),
  session: (reference: string) =>
    usageError(
      `--session and REF cannot be used together: "${safe(reference)}"`,
      `bgjob wait ${safe(reference)}, or bgjob wait --session=${safe(reference)}`,
    ),
  nothing: () => needsOperands('wait', 'REF..., --all, --queue NAME, --session or --batch ID', 'bgjob ls'),
  batch: (text: string) => usageError(`--batch: "${safe(text)}" is not the id of a job`, 'bgjob ls'),
} as const;

export const noBatchText = (id: JobId) => ({ what: `no batch with job ${id}`, hint: `bgjob wait ${id}` });

// rounds

const DAY_MS = 86_400_000;

/** Behind the sentence of an end: `, ended 2d ago`. An end of today needs no age. */
export const ageText = ({ status }: EndedView, now: number) =>
  now - status.endedAt > DAY_MS ? `, ended ${renderDuration(now - status.endedAt)} ago` : '';

/** Behind the sentence of a failure that does not count. */
export function notCountedText(why: NotCounted, { origin }: Spec, successor: JobId | undefined): string {
  const reason = {
    superseded: successor === undefined ? 'another job took its place' : `${successor} took its place`,
    automatic:
      origin && 'name' in origin ? `${origin.kind} ${safe(origin.name)} started it` : 'no person started it',
    stopped: 'it was stopped on request',
  };
  return ` (not counted: ${reason[why]})`;
}

export const removedText = ({ id, code }: Pick<RemovedFailure, 'id' | 'code'>) =>
  `${id} ended with exit code ${code} (gc removed its records)`;

/** That a call answers for the same round as one before; `gone`: so many of its jobs gc has removed. */
export function sameRoundText(queue: string | null, session: Session | null, gone: number): string {
  const to = queue === null ? '' : ` to queue ${safe(queue)}`;
  const where = session === null ? to : `${to} in session ${sessionText(session)}`;
  const removed = gone === 0 ? '' : `; gc removed ${jobs(gone)} of it`;
  return `(nothing was added${where} since: this is the last answer again${removed})`;
}

/** That there is nothing to answer for. `leftOut`: how many jobs a round of the project leaves out. */
export function emptyRoundText(leftOut: number): string {
  if (leftOut === 0)
    return '(nothing to wait for: gc removed the jobs that were added since; none of them failed)';
  const [were, run] = leftOut === 1 ? ['was', 'runs'] : ['were', 'run'];
  return (
    `(nothing to wait for: ${jobs(leftOut)} left out, which ${were} stopped on request, ` +
    `started by a schedule or trigger, or ${run} this call)`
  );
}

export function noRoundText(
  queue: string | null,
  session: Session | null,
  everywhere: boolean,
): { what: string; hint: string } {
  if (session !== null) {
    const where = `${queue === null ? '' : ` in queue ${safe(queue)}`}${everywhere ? '' : ' in this project'}`;
    const option = `--session=${sessionText(session)}`;
    return {
      what: `no job of session ${sessionText(session)} to wait for${where}`,
      hint: everywhere ? `bgjob ls -a -n 20 ${option}` : `bgjob wait ${option} -a`,
    };
  }
  const whose = everywhere ? '' : ' of this project';
  if (queue === null)
    return {
      what: `no job${whose} to wait for`,
      hint: everywhere ? 'bgjob ls -a' : 'bgjob ls -a, or cd to it',
    };
  const name = safe(queue);
  return {
    what: `no job${whose} to wait for in queue ${name}`,
    hint: everywhere ? `bgjob ls -a --queue ${name}` : `bgjob wait --queue ${name} -a`,
  };
}

// waits of a job for itself

export const selfWaitRefusal = (own: JobId, hint: string) =>
  usageError(`this call runs in job ${own}, which would wait for its own end`, hint);

/** That jobs which started this one are waited for. */
export function ancestorText(ids: JobId[], own: JobId): string {
  const wait = ids.length === 1 ? 'it waits' : 'they wait';
  return (
    `(${ids.join(' ')} started job ${own}, in which this call runs: ` + `if ${wait} for ${own}, neither ends)`
  );
}

/** That a job waits for a slot which the job of this call has itself. */
export const ownSlotText = (queue: string, own: JobId) =>
  `(queue ${safe(queue)} is full: job ${own}, in which this call runs, holds the slot that is waited for; ` +
  `nothing starts there before ${own} has ended, or: bgjob queue set ${safe(queue)} --slots N)`;

export const REMOVED_MEANWHILE = 'it was removed during the wait';
