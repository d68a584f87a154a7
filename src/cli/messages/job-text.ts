/** A job in words and in JSON: the same words in every command. */
import { elapsedMs, renderDuration, renderSize, systemClock } from '../../base/clock.ts';
import { clip, plural, safe } from '../../base/text/sanitize.ts';
import type { HiddenProcess } from '../../engine/observe/leftovers.ts';
import type { Waiting } from '../../engine/queue/queue-status.ts';
import type { Usual } from '../../engine/usage/past-runs.ts';
import { EXIT } from '../../job/failure.ts';
import { NO_QUEUE } from '../../job/queue/queue-order.ts';
import { signalOfCode } from '../../job/signals.ts';
import { codesText, type Spec } from '../../job/spec.ts';
import {
  attemptsOf,
  exitCodeOf,
  type Outcome,
  ranMs,
  type Stop,
  shownEnd,
  type There,
} from '../../job/state.ts';
import {
  commandText,
  type JobUsage,
  type JobView,
  notRetriedOf,
  pauseOf,
  recordedUsage,
  shellOf,
  stateWord,
  waitsThere,
} from '../../job/view.ts';
import { verdictText, waitingCell, waitingText, waitsThereText } from './queue.ts';
import { contactCell, contactText, failedThereCell, failedThereText } from './targets.ts';
import { errnoText, textFor } from './usage.ts';

/** From here on the kernel may have killed for want of memory. */
const FULL_PERCENT = 90;

/** A status above 128 may mean a signal that bgjob did not send. */
function guessText(code: number, spec: Spec, form: Form, machinePercent: number): string {
  const signal = signalOfCode(code);
  if (!signal) return '';
  if (form === 'cell') return ` (${signal}?)`;
  if (form === 'whole' && signal === 'SIGKILL' && machinePercent >= FULL_PERCENT)
    return (
      ` (SIGKILL by somebody, or the program chose ${code}; ` +
      `${machinePercent} % of the machine's memory was in use)`
    );
  if (signal === 'SIGPIPE' && spec.line !== null) return ' (a reader closed the pipe early; --no-pipefail)';
  return ` (${signal}, or the program chose ${code})`;
}

/** `could not be started (E2BIG)`: the record has the name of the system error, people get words. */
const whyFailed = (why: string) =>
  why.replace(/ \((E[A-Z0-9]+)\)$/, (_, errno: string) => `: ${errnoText(errno)}`);

/** Slurm has reasons of a hundred characters. */
const MOST_REASON = 40;

/** A cell of a table has little room. */
type Form = 'whole' | 'cell';

function failedText(why: string, spec: Spec, form: Form): string {
  const there = failedThereText(spec, why);
  if (there && form === 'cell') return failedThereCell(why) ?? there[0];
  return there?.[0] ?? safe(whyFailed(why));
}

/** What to type for a job that its target did not run; undefined: nothing. */
export const failedHint = (view: JobView): string | undefined =>
  view.kind === 'ended' && view.status.outcome.kind === 'failed'
    ? failedThereText(view.spec, view.status.outcome.why)?.[1]
    : undefined;

export const outcomeText = (outcome: Outcome, spec: Spec, form: Form = 'whole', machinePercent = 0): string =>
  textFor('kind', outcome, {
    exited: ({ code, afterKill }) =>
      `exited ${code}${afterKill ? ' (after kill)' : guessText(code, spec, form, machinePercent)}`,
    killed: ({ signal }) => `killed ${safe(signal)}`,
    'timed-out': ({ limit }) => (limit === 'timeout' ? 'timed out' : 'timed out (no output)'),
    cancelled: 'cancelled',
    skipped: ({ why }) => `skipped (${safe(why)})`,
    failed: ({ why }) => `start-failed (${failedText(why, spec, form)})`,
    lost: ({ why }) => `lost (${safe(why)})`,
  });

/** `killed SIGTERM (--max-log 10M)`: these limits have no outcome of their own. */
function withCause(text: string, stop: Stop | null, form: Form): string {
  if (stop?.cause !== 'max-log' && stop?.cause !== 'memory') return text;
  // always SIGKILL, and how much it used is no matter of a table
  if (form === 'cell' && stop.cause === 'memory') return `killed (${safe(stop.by.replace(/:.*/, ''))})`;
  return text.endsWith(')') ? `${text.slice(0, -1)}, ${safe(stop.by)})` : `${text} (${safe(stop.by)})`;
}

/** The state in few words: `running`, `exited 1`, `lost (the machine was restarted)`. */
export function stateText(view: JobView, leftovers = 0, waiting?: Waiting, form: Form = 'whole'): string {
  if (view.kind === 'live') {
    const { target } = view.spec;
    const whole = target && !waiting ? contactText(target, view.far) : '';
    const contact = form === 'cell' && whole !== '' ? contactCell(target!, view.far) : whole && `(${whole})`;
    const reason = waitsThere(view);
    if (reason !== null && contact === '') {
      const text = waitsThereText(target!, reason);
      return `${stateWord(view)} (${form === 'cell' ? clip(text, MOST_REASON) : text})`;
    }
    return `${stateWord(view)} ${waiting ? waitingCell(waiting) : contact}`.trimEnd();
  }
  if (view.kind === 'unreadable') return `unreadable (${safe(view.why)})`;
  if (view.kind === 'elsewhere') return `elsewhere (${safe(view.machine)})`;
  const { outcome, stop } = view.status;
  const verdict = explains(view);
  const text = verdict
    ? `${outcomeText(outcome, view.spec, form).replace(/ \(.*/, '')} (${verdictText(verdict.word)})`
    : withCause(outcomeText(outcome, view.spec, form, view.state?.usage?.machinePercent ?? 0), stop, form);
  return text + (leftovers > 0 ? `, ${leftovers} left` : '');
}

/** What Slurm did to a job that has a code: `exited 137 (out of memory)`; null: nothing. */
function explains(view: JobView): There['verdict'] {
  const verdict = view.kind === 'ended' ? (view.state?.there?.verdict ?? null) : null;
  return view.kind === 'ended' && ['exited', 'killed'].includes(view.status.outcome.kind) ? verdict : null;
}

/** `web 42`, or `42` for a job without a name. */
export const jobLabel = (view: JobView) =>
  'spec' in view && view.spec.name !== null ? `${safe(view.spec.name)} ${view.id}` : String(view.id);

/** How long it has run, or ran; null if it never started, or its end was not seen. */
export function tookMs(view: JobView, now: number): number | null {
  if (view.kind === 'ended') return ranMs(view.status);
  if (view.kind !== 'live' || !('startedAt' in view.status)) return null;
  const { startedAt, startedMonotonicMs } = view.status;
  return Math.round(elapsedMs(now - startedAt, systemClock.monotonic() - startedMonotonicMs));
}

/** One sentence: `42 exited 1 after 2m14s`, `42 running 3m`, `42 queued (waits for job 41)`. */
export function sentence(
  view: JobView,
  now: number,
  leftovers = 0,
  waiting?: Waiting,
  paint = (state: string) => state,
): string {
  if (waiting) return `${jobLabel(view)} ${stateWord(view)} (${waitingText(waiting)})`;
  const pause = view.kind === 'live' ? pauseOf(view.status) : null;
  const took = pause
    ? elapsedMs(now - pause.at, systemClock.monotonic() - pause.monotonicMs)
    : tookMs(view, now);
  const time = took === null ? '' : `${view.kind === 'ended' ? ' after ' : ' '}${renderDuration(took)}`;
  return `${jobLabel(view)} ${paint(stateText(view, leftovers))}${time}`;
}

/** `2m10s (12 runs)`: only successes are counted. */
export const usualText = ({ durationMs, runs }: Usual): string =>
  `${renderDuration(durationMs)} (${plural(runs, 'run')})`;

/** `1.9G`. */
export const memoryText = (bytes: number): string => renderSize(bytes).replace(/ (.?)B$/, '$1');

/** `3m50s CPU`, `peak ≥ 1.9G`, as far as known: `≥` before a lower bound. */
function usageParts({ cpuMs, memoryBytes, peakMemoryBytes, from }: JobUsage): string[] {
  const [cpuBound, peakBound] = [from === 'samples' ? '≥ ' : '', from === 'cgroup' ? '' : '≥ '];
  return [
    ...(cpuMs === null ? [] : [`${memoryBytes === null ? cpuBound : ''}${renderDuration(cpuMs)} CPU`]),
    ...(memoryBytes === null ? [] : [`${memoryText(memoryBytes)} memory`]),
    ...(peakMemoryBytes === null ? [] : [`peak ${peakBound}${memoryText(peakMemoryBytes)}`]),
  ];
}

/** For `show`: `3m50s CPU, 800M memory, peak ≥ 1.9G`; undefined: nothing is known. */
export const usageText = (usage: JobUsage | null): string | undefined =>
  usage ? usageParts(usage).join(', ') : undefined;

/** Less is not worth a word behind the end of a job. */
const [NOTABLE_CPU_MS, NOTABLE_BYTES] = [500, 100 * 1024 ** 2];

/** Behind the end of a job that did some work: `, 3m50s CPU, peak ≥ 1.9G`. */
export function endedUsageText(view: JobView): string {
  const usage = recordedUsage(view);
  const isNotable =
    usage && ((usage.cpuMs ?? 0) >= NOTABLE_CPU_MS || (usage.peakMemoryBytes ?? 0) >= NOTABLE_BYTES);
  return isNotable ? `, ${usageParts(usage).join(', ')}` : '';
}

/** Cells of a list: the CPU time; the memory of a live job, the peak of an ended one. */
export function usageCells(usage: JobUsage | null): [cpu: string, memory: string] {
  const memory = usage?.memoryBytes ?? null;
  const peak = usage?.peakMemoryBytes ?? null;
  const bound = usage?.from === 'cgroup' ? '' : '≥';
  return [
    usage?.cpuMs == null ? '-' : renderDuration(usage.cpuMs),
    memory !== null ? memoryText(memory) : peak === null ? '-' : `${bound}${memoryText(peak)}`,
  ];
}

/** `, ended 3m ago`; empty if it did not end, or the time is not known. */
export const endedAgo = (view: JobView, now: number) =>
  view.kind === 'ended' && view.status.endKnown
    ? `, ended ${renderDuration(now - view.status.endedAt)} ago`
    : '';

/** That a stop needed SIGKILL; undefined: it did not. `graceMs` 0: a later call ended the grace. */
export function forcedNote(forced: number, graceMs: number, signal: string): string | undefined {
  if (forced === 0) return undefined;
  const within = graceMs === 0 ? '' : ` within ${renderDuration(graceMs)}`;
  const after = safe(signal).replace(/^SIG/, '');
  const count = plural(forced, 'process', 'processes');
  return `(${count} did not end${within} after ${after}, and KILL was needed; --grace gives more time)`;
}

/** Names a process that may be of a job and was not stopped. */
export const hiddenNote = ({ pid, command }: HiddenProcess) =>
  `(process ${pid}, ${clip(safe(command), 80)}, cannot be read and may belong to this job: ` +
  `if so, kill ${pid})`;

/** The same of a job that has ended. */
export function forcedNoteOf(view: JobView): string | undefined {
  if (view.kind !== 'ended' || !view.status.stop) return undefined;
  const { graceMs, signal } = view.status.stop;
  return forcedNote(view.state?.forced ?? 0, graceMs, signal);
}

function stopReason(stop: Stop): string {
  return stop.cause === 'kill' ? `${stop.by} (${stop.signal})` : stop.by;
}

/** Why it ended or waits, in words; null if it ended by itself. */
export function reasonOf(view: JobView, waiting?: Waiting): string | null {
  if (waiting) return waitingText(waiting);
  if (view.kind === 'unreadable') return view.why;
  if (view.kind === 'elsewhere') return `it belongs to ${view.machine}`;
  const reason = waitsThere(view);
  if (reason !== null) return waitsThereText(view.spec.target!, reason);
  const verdict = explains(view);
  if (verdict) return `${verdictText(verdict.word)}${verdict.said && ` (${verdict.said})`}`;
  const { status } = view;
  if (status.phase === 'stopping') return stopReason(status.stop);
  const pause = pauseOf(status);
  if (pause) return pause.by;
  if (status.phase !== 'ended') return null;
  if (status.outcome.kind === 'failed')
    return failedThereText(view.spec, status.outcome.why)?.[0] ?? whyFailed(status.outcome.why);
  if ('why' in status.outcome) return status.outcome.why;
  return status.stop ? stopReason(status.stop) : null;
}

/** The exit code that a command passes on for this job, and whether it is the job's. */
export function verdict(view: JobView): { code: number; by: 'job' | 'bgjob' } {
  if (view.kind === 'live') return { code: EXIT.stillRunning, by: 'bgjob' };
  if (view.kind !== 'ended') return { code: EXIT.bgjob, by: 'bgjob' };
  const { outcome } = view.status;
  return {
    code: exitCodeOf(outcome),
    by: outcome.kind === 'exited' || outcome.kind === 'killed' ? 'job' : 'bgjob',
  };
}

/** The command on one line that cannot steer a terminal. */
export const commandLine = (view: JobView, limit = 200) =>
  'spec' in view ? clip(safe(commandText(view.spec)), limit) : '';

/** The name of its queue; null if it is in none. */
export function queueOf(view: JobView): string | null {
  const queue = 'spec' in view ? view.spec.placement?.queue : undefined;
  return queue === undefined || queue === NO_QUEUE ? null : queue;
}

/** Where it runs; null: on this machine. */
function targetObject(view: JobView): object | null {
  const target = 'spec' in view ? view.spec.target : null;
  if (target === null) return null;
  const { name, engine, host, cwd, slurm } = target;
  const there = 'state' in view ? view.state?.there : null;
  const silence = view.kind === 'live' ? (view.far?.silence ?? null) : null;
  return {
    name,
    engine,
    host: host || null,
    cwd,
    partition: slurm?.partition ?? null,
    nativeId: there?.nativeId ?? null,
    node: there?.node ?? null,
    waitsFor: waitsThere(view),
    verdict: there?.verdict?.word ?? null,
    said: there?.verdict?.said ?? null,
    silentSince: iso(silence?.since ?? null),
    silentWhy: silence?.why ?? null,
  };
}

const iso = (at: number | null): string | null => (at === null ? null : new Date(at).toISOString());

export interface Extras {
  leftovers?: number;
  ports?: number[];
  supervisorPid?: number;
  /** Why a supervisor of the job crashed. */
  supervisorError?: string | undefined;
  mainPid?: number;
  logBytes?: number;
  trimmedBytes?: number;
  emptiedBytes?: number;
  logPath?: string;
  /** The log of stderr, with --split. */
  stderr?: { path: string; bytes: number; trimmedBytes: number; emptiedBytes: number } | null;
  onExit?: object | null;
  notify?: object | null;
  tell?: object | null;
  waiting?: Waiting | undefined;
  /** Of a live job; that of an ended one is in its record. */
  usage?: JobUsage | null;
  usual?: Usual | null;
}

function originObject(spec: Spec | null): object | null {
  const origin = spec?.origin ?? null;
  return origin?.kind === 'schedule' ? { ...origin, at: iso(origin.at) } : origin;
}

/** The exit code of the command; null: there is none, or it was not seen. */
export function codeOf(view: JobView): number | null {
  const outcome = view.kind === 'ended' ? view.status.outcome : null;
  return outcome && 'code' in outcome ? outcome.code : null;
}

/** A job in JSON. Keys never disappear; a value that is not known is null. */
export function jobObject(view: JobView, now: number, extras: Extras = {}): object {
  const spec = 'spec' in view ? view.spec : null;
  const outcome = view.kind === 'ended' ? view.status.outcome : null;
  const status = 'status' in view ? view.status : null;
  const startedAt = status && 'startedAt' in status ? status.startedAt : null;
  const bytes = extras.logBytes ?? null;
  const usage = recordedUsage(view) ?? extras.usage ?? null;
  return {
    v: 1,
    id: view.id,
    name: spec?.name ?? null,
    state: stateWord(view),
    exitCode: codeOf(view),
    signal: outcome?.kind === 'killed' ? outcome.signal : null,
    signalGuess: outcome?.kind === 'exited' ? (signalOfCode(outcome.code) ?? null) : null,
    reason: reasonOf(view, extras.waiting),
    command: spec?.argv ?? null,
    shell: spec && shellOf(spec),
    cwd: spec?.cwd ?? null,
    cwdLink: spec?.cwdLink ?? null,
    project: spec?.project ?? null,
    queue: queueOf(view),
    priority: queueOf(view) === null ? null : (spec?.placement?.priority ?? null),
    slot: ('state' in view && view.state?.slot) || null,
    target: targetObject(view),
    tags: spec?.tags ?? [],
    changedVariables: spec?.changedVariables ?? null,
    attempts: 'state' in view && view.state ? attemptsOf(view.state) : spec ? 1 : null,
    timeoutMs: spec?.timeoutMs ?? null,
    idleTimeoutMs: spec?.idleTimeoutMs ?? null,
    graceMs: spec?.graceMs ?? null,
    retryOn: spec?.retryOn ? codesText(spec.retryOn) : null,
    notRetried: notRetriedOf(view),
    forced: 'state' in view && view.state ? view.state.forced : spec ? 0 : null,
    parent: spec?.parent ?? null,
    session: spec?.session ?? null,
    restartOf: spec?.restartOf ?? null,
    origin: originObject(spec),
    createdAt: iso(spec?.createdAt ?? null),
    startedAt: iso(startedAt),
    endedAt: iso(status?.phase === 'ended' ? shownEnd(status) : null),
    durationMs: tookMs(view, now),
    usual: extras.usual ?? null,
    cpuMs: usage?.cpuMs ?? null,
    memoryBytes: usage?.memoryBytes ?? null,
    peakMemoryBytes: usage?.peakMemoryBytes ?? null,
    usageFrom: usage?.from ?? null,
    machineMemoryPercent: usage?.machinePercent ?? null,
    supervisor: { pid: extras.supervisorPid ?? null, error: extras.supervisorError ?? null },
    pid: extras.mainPid ?? null,
    leftovers: extras.leftovers ?? null,
    ports: extras.ports ?? null,
    onExit: extras.onExit ?? null,
    notify: extras.notify ?? null,
    tell: extras.tell ?? null,
    log: {
      path: extras.logPath ?? null,
      bytes,
      trimmedBytes: bytes === null ? null : (extras.trimmedBytes ?? 0),
      emptiedBytes: bytes === null ? null : (extras.emptiedBytes ?? 0),
      cursor: bytes,
    },
    stderr: spec?.split
      ? (extras.stderr ?? {
          path: extras.logPath?.replace(/log$/, 'err') ?? null,
          bytes: null,
          trimmedBytes: null,
          emptiedBytes: null,
        })
      : null,
  };
}

export const jobs = (amount: number) => plural(amount, 'job');
