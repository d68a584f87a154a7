/**
 * What the far side of Slurm tells of a job, and what follows from it. Pure. The order of truth: the end record of
 * our shim; what Slurm says; nothing. A job that Slurm does not list is not over for that.
 */
import type { FarEnd, FarState, Verdict } from './engine.ts';
import { parseFarEnd } from './far-records.ts';

/** A row of squeue. An array whose tasks wait has one row for all of them. */
export interface SlurmRow {
  name: string;
  /** Of the array, if it is a task. */
  id: string;
  /** Whether the row is of this task. Of a job without an array: of index 0. */
  has(index: number): boolean;
  isTask: boolean;
  state: string;
  ranMs: number;
  node: string;
  comment: string;
  reason: string;
}

/** `1-02:03:04`, `02:03` */
function parseElapsed(text: string): number {
  const [, days = '0', hours = '0', minutes, seconds] =
    /^(?:(\d+)-)?(?:(\d+):)?(\d+):(\d+)$/.exec(text) ?? [];
  if (minutes === undefined) return 0;
  return (((Number(days) * 24 + Number(hours)) * 60 + Number(minutes)) * 60 + Number(seconds)) * 1000;
}

/** `7`, `0-9`, `[2-9,12%4]`, `0-20:5` */
function indexesOf(text: string): (index: number) => boolean {
  const parts = text
    .replace(/^\[|\]$|%\d+\]?$/g, '')
    .split(',')
    .flatMap((part) => {
      const [, from, to, step] = /^(\d+)(?:-(\d+)(?::(\d+))?)?$/.exec(part) ?? [];
      return from === undefined ? [] : [{ from: +from, to: Number(to ?? from), step: Number(step ?? 1) }];
    });
  return (index) =>
    parts.some(({ from, to, step }) => index >= from && index <= to && (index - from) % step === 0);
}

/** `name|id|array|index|state|elapsed|node|comment|reason`; a reason may hold anything. */
export function parseRow(line: string): SlurmRow | undefined {
  const [name, id, array, index, state, elapsed, node, comment, ...reason] = line.split('|');
  if (comment === undefined) return undefined;
  const isTask = /\d/.test(index!);
  return {
    name: name!,
    id: isTask || array !== '' ? array! : id!,
    isTask,
    // an array that was cancelled as a whole names no index
    has: isTask ? indexesOf(index!) : () => true,
    state: state!,
    ranMs: parseElapsed(elapsed!),
    node: node!,
    comment: comment!,
    reason: reason.join('|'),
  };
}

/** What the folder of a job there tells. */
export interface SlurmFiles {
  uid: string;
  kind: 'absent' | 'claimed' | 'started';
  pid: number;
  node: string;
  /** What sbatch printed; null: no answer came. */
  id: string | null;
  /** The name and the comment in Slurm, and the index in its array; null: sbatch was not called. */
  asked: { name: string; index: number; comment: string } | null;
  /** Of the shim: the number of the job in which it runs, and how often that was started again. */
  run: { id: string; restarts: number } | null;
  /** An end that Slurm must explain. */
  cut: FarEnd | null;
  beat: string;
  /** bgjob was told to stop it. */
  isStopped: boolean;
}

export interface SlurmAnswer {
  ends: Map<string, FarEnd>;
  /** Those that have an end record, also a damaged one. */
  ended: Set<string>;
  files: Map<string, SlurmFiles>;
  rows: Map<string, SlurmRow[]>;
  /** Why Slurm does not answer. */
  down: string | undefined;
}

export function parseAnswer(lines: string[]): SlurmAnswer {
  const answer: SlurmAnswer = {
    ...{ ends: new Map(), ended: new Set<string>(), files: new Map(), rows: new Map(), down: undefined },
  };
  for (const line of lines) {
    const verb = line.slice(0, 1);
    const rest = line.slice(2);
    const [uid = '', ...words] = rest.split(' ');
    if (line.startsWith('down ')) answer.down = line.slice(5);
    else if (verb === 'q') {
      const row = parseRow(rest);
      if (row) answer.rows.set(row.name, [...(answer.rows.get(row.name) ?? []), row]);
    } else if (verb === 'd') {
      answer.ended.add(uid);
    } else if (verb === 'e') {
      const end = parseFarEnd(rest);
      if (end) answer.ends.set(end.uid, end);
    } else if (verb === 'w') {
      const end = parseFarEnd(rest);
      const files = end && answer.files.get(end.uid);
      if (files) files.cut = end;
    } else if (verb === 'a' || verb === 'c' || verb === 'r') {
      const kind = verb === 'a' ? 'absent' : verb === 'c' ? 'claimed' : 'started';
      const [pid = '0', node = ''] = words;
      answer.files.set(uid, {
        ...{ uid, kind, pid: Number(pid) || 0, node, id: null, asked: null, run: null, cut: null },
        ...{ beat: '', isStopped: false },
      });
    } else {
      const files = answer.files.get(uid);
      if (!files) continue;
      if (verb === 'n') files.id = words[0] ?? null;
      else if (verb === 'm')
        files.asked = { name: words[0]!, index: Number(words[1]), comment: words[2] ?? '' };
      else if (verb === 's') files.run = { id: words[0]!, restarts: Number(words[1]) };
      else if (verb === 'b') files.beat = words[0] ?? '';
      else if (verb === 'x') files.isStopped = true;
    }
  }
  return answer;
}

/** As scontrol, squeue and scancel take it. */
export const nativeIdOf = ({ uid, asked }: SlurmFiles, id: string): string =>
  asked && asked.name !== uid ? `${id}_${asked.index}` : id;

/**
 * The row of a job: it has the name and the comment that we gave, and the number that sbatch printed, or that the
 * shim runs under. A number alone says nothing: after a crash of slurmctld another job may have it.
 */
export function rowOf(files: SlurmFiles, rows: Map<string, SlurmRow[]>): SlurmRow | undefined {
  const { asked, id, run } = files;
  if (!asked) return undefined;
  const ours = (rows.get(asked.name) ?? []).filter(
    (row) => row.has(asked.index) && (row.comment === asked.comment || row.comment === '(null)'),
  );
  // a task of its own comes before the row of those that wait
  const byTask = (row: SlurmRow): number => (row.isTask && isFinal(row.state) ? 0 : 1);
  const runs = run?.id.split('_')[0];
  // after a second submit the other one says nothing of the one that runs
  if (runs !== undefined)
    return ours.filter((row) => row.id === runs).sort((a, b) => byTask(b) - byTask(a))[0];
  return ours.find((row) => row.id === id) ?? (id === null ? ours[0] : undefined);
}

const WAITING = ['PENDING', 'CONFIGURING', 'REQUEUED', 'REQUEUE_HOLD', 'REQUEUE_FED', 'SPECIAL_EXIT'];
const FINAL = [
  ...['COMPLETED', 'FAILED', 'CANCELLED', 'TIMEOUT', 'DEADLINE', 'OUT_OF_MEMORY', 'NODE_FAIL', 'BOOT_FAIL'],
  ...['PREEMPTED', 'REVOKED'],
];

export const isPending = (state: string): boolean => WAITING.includes(state);
/** A state that is not known ends no job. */
export const isFinal = (state: string): boolean => FINAL.includes(state);

/** The state of a job that has not ended, as far as Slurm knows. */
export function liveState(files: SlurmFiles, row: SlurmRow): FarState {
  const { run, kind, pid, node } = files;
  if (isPending(row.state))
    return { kind: 'queued', reason: row.reason, restarts: run ? run.restarts + 1 : 0 };
  if (kind !== 'started' || !run) return { kind: 'claimed' };
  return { kind: 'running', pid, host: node, ranMs: row.ranMs, restarts: run.restarts };
}

/** What scontrol says of a job that is over. */
export interface SlurmDetails {
  state: string;
  reason: string;
  code: number;
  signal: number;
  restarts: number;
  ranMs: number;
  /** What Slurm wrote beside the log. */
  wrote: string;
}

export function parseDetails(line: string, wrote: string): SlurmDetails {
  const value = (name: string): string => new RegExp(`(?:^| )${name}=(\\S*)`).exec(line)?.[1] ?? '';
  const [code, signal] = value('ExitCode').split(':');
  return {
    ...{ state: value('JobState'), reason: value('Reason'), restarts: Number(value('Restarts')) || 0 },
    ...{ code: Number(code) || 0, signal: Number(signal) || 0, ranMs: parseElapsed(value('RunTime')), wrote },
  };
}

const OUT_OF_MEMORY = /exceeded .*memory limit|oom[-_ ]kill|out[- ]of[- ]memory/i;

/** How a job ended of which the shim left no end record. Undefined: its record may still come. */
export function endOf(files: SlurmFiles, details: SlurmDetails): FarEnd {
  const { uid, isStopped } = files;
  const { state, reason, code, signal, restarts, wrote } = details;
  // started again by Slurm, though that was not allowed: nothing more is known than before
  const isRefused = files.run !== null && /is not started again/.test(wrote);
  // of an attempt before this one
  const run = files.run && (isRefused || files.run.restarts >= restarts) ? files.run : null;
  const cut = run && files.cut?.restarts === run.restarts ? files.cut : null;
  const said = [state, reason, `${code}:${signal}`, ...(wrote === '' ? [] : [`(${wrote})`])].join(' ');
  const end = (status: number | null, word: Verdict['word'] | null): FarEnd => ({
    ...{ uid, status, limit: null, afterStop: isStopped, restarts, usage: null },
    tookMs: cut?.tookMs ?? (run ? Math.max(10, details.ranMs) : 0),
    verdict: word === null ? (status === null ? { word: 'unclear', said } : null) : { word, said },
  });
  const status = cut?.status ?? null;
  if (state === 'TIMEOUT' || state === 'DEADLINE') return end(status, 'time-limit');
  if (state === 'OUT_OF_MEMORY' || OUT_OF_MEMORY.test(wrote)) return end(status ?? 137, 'out-of-memory');
  if (isStopped && run) return end(status ?? (signal === 15 ? 143 : 137), null);
  if (state === 'CANCELLED' || isStopped) return end(status, 'cancelled');
  if (state === 'PREEMPTED') return end(status, 'preempted');
  if (state === 'NODE_FAIL' || state === 'BOOT_FAIL') return end(status, 'node-failed');
  // the shim saw the true code; Slurm may say another
  if (cut) return end(status, null);
  if (isRefused) return end(null, 'node-failed');
  if (!run) return end(null, 'not-started');
  if (state === 'COMPLETED' && code === 0 && signal === 0) return end(0, null);
  // 0:0, 0:9, 0:53 tell no code
  if (state === 'FAILED' && code > 0 && signal === 0) return end(code, null);
  return end(null, 'unclear');
}
