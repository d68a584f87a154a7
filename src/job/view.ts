/**
 * The view of a job: what a reader sees at one moment, from spec, state and kernel. It is never written to
 * disk.
 */
import { renderDuration } from '../base/clock.ts';
import { clip, safe } from '../base/text/sanitize.ts';
import { quote } from '../base/text/shell-quote.ts';
import { whyNotRetried } from './lifecycle.ts';
import type { JobId, Spec } from './spec.ts';
import { type LivePhase, ranMs, type State, type Status, type StatusOf, type Usage } from './state.ts';

/** For people, in JSON and in BGJOB_OUTCOME. */
export const STATE_WORDS = [
  ...(['queued', 'starting', 'running', 'stopping', 'paused'] as const),
  ...(['exited', 'killed', 'memory', 'timed-out', 'cancelled', 'skipped', 'start-failed', 'lost'] as const),
  ...(['unreadable', 'elsewhere'] as const),
] as const;
export type StateWord = (typeof STATE_WORDS)[number];

/** How far the state of a job on a target can be trusted to be that of now. */
export interface FarContact {
  /** Its service runs here. */
  isServed: boolean;
  /** Since when the target has not answered, and why; null: it answers. */
  silence: { since: number; why: string } | null;
}

export type JobView =
  /** `runs`: a process of it is known to run. */
  | { kind: 'unreadable'; id: JobId; why: string; runs?: boolean }
  | { kind: 'elsewhere'; id: JobId; spec: Spec; machine: string }
  | {
      kind: 'live';
      id: JobId;
      spec: Spec;
      status: StatusOf<LivePhase>;
      state: State | null;
      /** Of a job on a target. */
      far?: FarContact;
    }
  | { kind: 'ended'; id: JobId; spec: Spec; status: StatusOf<'ended'>; state: State | null };
export type EndedView = Extract<JobView, { kind: 'ended' }>;
export type UnreadableView = Extract<JobView, { kind: 'unreadable' }>;
export type LiveView = Extract<JobView, { kind: 'live' }>;

export const pauseOf = (status: Status) =>
  status.phase === 'running' ? (status.holding?.since ?? null) : null;

/** Why a failure with a retry left was not run again; null: there is no such reason. */
export const notRetriedOf = (view: JobView): string | null =>
  (view.kind === 'ended' && whyNotRetried(view.spec, view.state?.attempt ?? 1, view.status)) || null;

/** Why a job waits in the queue of Slurm; null: it does not. */
export const waitsThere = (view: JobView): string | null =>
  view.kind === 'live' && view.status.phase === 'starting' ? (view.state?.there?.waits ?? null) : null;

/** Whether it waits in a queue of ours or of its target: it has not begun to run. */
export const isWaiting = (view: JobView): boolean =>
  view.kind === 'live' && (view.status.phase === 'queued' || waitsThere(view) !== null);

export function stateWord(view: JobView): StateWord {
  if (waitsThere(view) !== null) return 'queued';
  if (view.kind === 'live') return pauseOf(view.status) ? 'paused' : view.status.phase;
  if (view.kind !== 'ended') return view.kind;
  const { kind } = view.status.outcome;
  if (kind === 'killed' && view.status.stop?.cause === 'memory') return 'memory';
  // a failure is for people what exited with a code other than 0, too: on disk the word stays
  return kind === 'failed' ? 'start-failed' : kind;
}

/** As typed. */
export function commandText(spec: Pick<Spec, 'line' | 'words' | 'script'>): string {
  const text = spec.line ?? spec.words.map(quoteWord).join(' ');
  return spec.script === null ? text : `${text} (${spec.script.summary})`;
}

/** As hooks and monitors name a job: `bgjob: job 42 "test"`; a job without a name has its command. */
export const agentLabel = ({ id, spec }: Pick<EndedView | LiveView, 'id' | 'spec'>): string =>
  `bgjob: job ${id} "${safe(spec.name ?? clip(commandText(spec), 60))}"`;

/** `bgjob: job 42 "test" ended: exited 1 after 2m14s (bgjob tail 42)`; `how`: in words. */
export function agentEndText(view: EndedView, how: string): string {
  const took = ranMs(view.status);
  const after = took === null ? '' : ` after ${renderDuration(took)}`;
  return `${agentLabel(view)} ended: ${how}${after} (bgjob tail ${view.id})`;
}

/** `sh` if there was no bash; null: neither a shell line nor a script. */
export function shellOf(spec: Pick<Spec, 'argv' | 'line' | 'script'>): 'bash' | 'sh' | null {
  const { argv, line, script } = spec;
  const isLine = line !== null && argv.at(-1) === line && argv.includes('-c');
  const program = argv[0]!.slice(argv[0]!.lastIndexOf('/') + 1);
  return (isLine || script !== null) && (program === 'bash' || program === 'sh') ? program : null;
}

/** bash expands the `~` of `a=~` and `a=b:~` too. */
export const quoteWord = (word: string): string =>
  /^(?!(.*[=:])?~)[\w@%+=:,./~-]+$/.test(word) ? word : quote(word);

/** What a job uses now, or what it used. */
export interface JobUsage extends Usage {
  /** Null: it has ended. */
  memoryBytes: number | null;
}

/** Of an ended job; null: nothing is known, as of a lost one. */
export function recordedUsage(view: JobView): JobUsage | null {
  const usage = view.kind === 'ended' && view.status.outcome.kind !== 'lost' ? view.state?.usage : null;
  return usage ? { ...usage, memoryBytes: null } : null;
}
