/** Killing a process of bgjob at one of its system calls: the test's side of stopper.c. Nothing of it is in the program. */
import { spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { missing } from '../rig/needs.ts';
import { type Answer, type CallOptions, type Rig, ROOT } from '../rig/rig.ts';
import { until } from '../rig/until.ts';

/** A call by which a process publishes something: who, what (`rename jobs/N/state.json`), and which time. */
export interface Call {
  role: string;
  call: string;
  n: number;
  /** How many kills of the plan came before it. */
  after: number;
}
/** An instant just before or after such a call, at which the process is killed. */
export type Point = Omit<Call, 'after'> & {
  when: 'before' | 'after';
  /** A process that comes there before the kills in front of it are done stands there until they are. */
  inTurn?: boolean;
  /** What is done while the process stands there; it is killed afterwards. */
  look?: (rig: Rig) => Promise<unknown>;
};

export interface Traced {
  answer: Answer;
  /** All calls up to the last kill, in their order. */
  calls: Call[];
  /** The points of the plan that were reached: the process was killed there. */
  hits: Point[];
}

/** It ends a call that hangs, milliseconds. */
const LIMIT_MS = 180_000;

let compiled: string | undefined;

/** The tracer, compiled once per process; throws what the compiler says. */
function tracer(): string {
  if (compiled !== undefined) return compiled;
  const dir = fs.mkdtempSync(join(tmpdir(), 'bgjob-stopper-'));
  process.once('exit', () => fs.rmSync(dir, { recursive: true, force: true }));
  const program = join(dir, 'stopper');
  const source = join(ROOT, 'test', 'chaos', 'stopper.c');
  const { status, stderr, error } = spawnSync('gcc', ['-O1', '-o', program, source], { encoding: 'utf8' });
  if (status !== 0) throw new Error(`cannot compile ${source}: ${error?.message ?? stderr}`);
  compiled = program;
  return program;
}

/** Why no process can be traced here; false if one can. */
export function cannotTrace(): string | false {
  if (process.platform !== 'linux') return 'ptrace is used as Linux has it';
  if (missing('gcc')) return missing('gcc');
  const { status, stderr } = spawnSync(tracer(), ['/', '/dev/null', 'probe', '--', 'true'], {
    encoding: 'utf8',
  });
  return status !== 0 && `nothing can be traced here: ${stderr.trim()}`;
}

const textOf = ({ role, call, n, when }: Point): string => `${role} ${call} ${n} ${when}`;
const wordOf = (point: Point): string => `${point.inTurn ? '=' : ''}${point.look ? '?' : ''}${textOf(point)}`;

/** A line of the report; a role may hold spaces (`launcher's fork`), a path none. */
const LINE = /^(call|hit) \d+ (.+) (\S+ \S+) (\d+)(?: (before|after))?$/;

/** `bgjob ARGS` under the tracer; `role`: what it is. Returns when it has ended and nothing is traced any more. */
export async function runTraced(
  rig: Rig,
  role: string,
  plan: Point[],
  args: string[],
  options: CallOptions = {},
): Promise<Traced> {
  const report = join(fs.mkdtempSync(join(rig.dir, 'traced-')), 'report');
  const words = [rig.home, report, role, ...plan.map(wordOf), '--', process.execPath, '--', rig.program];
  // a hang is ended, and what is slow is waited for
  const call = rig.start(tracer(), [...words, ...args], { limitMs: LIMIT_MS, ...options });
  for (const point of plan) if (point.look) await lookAt(rig, point, report, call.answer);
  const answer = await call.answer;
  const traced: Traced = { answer, calls: [], hits: [] };
  for (const line of fs.readFileSync(report, 'utf8').split('\n').filter(Boolean)) {
    const [, kind, who, call, n, when] = LINE.exec(line) ?? [];
    if (kind === undefined) throw new Error(`not a line of the tracer: ${line}`);
    const made = { role: who!, call: call!, n: Number(n) };
    if (kind === 'call') traced.calls.push({ ...made, after: traced.hits.length });
    else traced.hits.push({ ...made, when: when as Point['when'] });
  }
  return traced;
}

/** Waits until the process stands at the point, looks, and kills it; returns without a look if the call ended before. */
async function lookAt(rig: Rig, point: Point, report: string, answer: Promise<Answer>): Promise<void> {
  let isOver = false;
  const over = () => (isOver = true);
  answer.then(over, over);
  const pid = await until(
    () =>
      readIfThere(report).flatMap((line) => (line.endsWith(` ${textOf(point)}`) ? [pidOfHit(line)] : []))[0],
    (pid) => pid !== undefined || isOver,
    `${textOf(point)}, or the end of the call`,
    LIMIT_MS,
  );
  if (pid === undefined) return;
  try {
    await point.look!(rig);
  } finally {
    process.kill(pid, 'SIGKILL');
  }
}

/** The whole lines of a file; none if it is not there yet. */
const readIfThere = (path: string): string[] =>
  fs.existsSync(path) ? fs.readFileSync(path, 'utf8').split('\n').slice(0, -1) : [];

const pidOfHit = (line: string): number => Number(line.split(' ')[1]);
