/**
 * Runs the tests of `with` while the server runs. SIGINT and SIGQUIT of the terminal reach the tests, and
 * this call waits for their end. SIGTERM, SIGHUP and the end of the time stop them.
 */
import { callAfter, systemClock } from '../../base/clock.ts';
import { observe } from '../../engine/observe/observe.ts';
import { ProcessFamily } from '../../engine/stop/process-family.ts';
import { waitEnded } from '../../engine/wait/job-end.ts';
import { EXIT, exitCodeOfFailure, type Failure } from '../../job/failure.ts';
import type { Home } from '../../job/home/home.ts';
import type { JobId } from '../../job/spec.ts';
import { quoteWord } from '../../job/view.ts';
import type { Exit, TestsExit } from '../command/command.ts';
import type { Context } from '../command/context.ts';
import { dieAtEndOf, type Interrupt, interruptCode } from '../command/interrupt.ts';
import { referenceHere } from '../jobs/select.ts';
import { serverEndedText, serverLogText, testsLeftText, withOutOfTimeText } from '../messages/control.ts';
import { printFailure } from '../messages/failures.ts';
import { sentence } from '../messages/job-text.ts';
import type { Output } from '../output/output.ts';
import type { Guard } from './guard.ts';
import { findTests, startTests, testProcesses, testVariables } from './tests.ts';

interface Tests {
  /** The server. */
  id: JobId;
  tests: string[];
  guard: Guard;
  /** Null: no limit. */
  leftMs: number | null;
  graceMs: number;
}

type Reason = 'time' | Extract<Interrupt, 'SIGTERM' | 'SIGHUP'>;

/** What happens to the call while the tests run. */
function watchCall(leftMs: number | null) {
  let isInterrupted = false;
  const noteInterrupt = () => {
    isInterrupted = true;
  };
  let stop = (_: Reason): void => {};
  const reason = new Promise<Reason>((resolve) => {
    stop = resolve;
  });
  const listeners = {
    SIGINT: noteInterrupt,
    SIGQUIT: noteInterrupt,
    SIGTERM: () => stop('SIGTERM'),
    SIGHUP: () => stop('SIGHUP'),
  };
  for (const [signal, listener] of Object.entries(listeners)) process.on(signal, listener);
  const disarm = leftMs === null ? () => {} : callAfter(leftMs, () => stop('time'));
  // the listeners stay: during the stop of the server no signal ends this call
  return { reason, isInterrupted: () => isInterrupted, disarm };
}

/** Prints a line if the server ends while the tests run. Returns a function that ends this watch. */
function watchServer(output: Output, home: Home, id: JobId): () => void {
  const over = new AbortController();
  void waitEnded(home, id, over.signal).then((view) => {
    if (over.signal.aborted || view?.kind === 'live') return;
    const now = view ?? observe(home, id);
    if (now) output.note(serverEndedText(sentence(now, systemClock.now())));
  });
  return () => over.abort();
}

function failToStart(output: Output, failure: Failure): Exit {
  printFailure(output, failure);
  return { code: exitCodeOfFailure(failure), by: 'bgjob' };
}

export async function runTests(
  context: Context,
  home: Home,
  { id, tests, guard, leftMs, graceMs }: Tests,
): Promise<Exit | TestsExit> {
  const { output } = context;
  const found = findTests(context, tests);
  if (!found.ok) return failToStart(output, found.failure);
  const mark = { home: home.path, id, callerId: context.env['BGJOB_ID'] };
  const call = watchCall(leftMs);
  guard.tests('starting');
  const running = startTests(found.value, tests, testVariables(mark));
  guard.tests(running.stat ?? null);
  const stopWatch = watchServer(output, home, id);
  const first = await Promise.race([running.ended, call.reason]);
  if (typeof first === 'string' && running.stat) await new ProcessFamily([running.stat]).end(graceMs);
  const end = await running.ended;
  if (running.stat) {
    const left = await testProcesses(mark, running.stat.startTicks);
    if (left.length > 0) output.note(testsLeftText(await new ProcessFamily(left).end(graceMs)));
  }
  guard.tests(null);
  call.disarm();
  stopWatch();
  if (first === 'time') {
    output.next(
      withOutOfTimeText(),
      `bgjob run --wait -- ${['bgjob', ...process.argv.slice(2)].map(quoteWord).join(' ')}`,
    );
    return { code: EXIT.stillRunning, by: 'bgjob' };
  }
  if (typeof first === 'string') {
    dieAtEndOf(first);
    return { code: interruptCode(first), by: 'bgjob' };
  }
  if (end.kind === 'not-started') return failToStart(output, end.failure);
  const view = observe(home, id);
  if (end.code !== 0 && view) output.note(serverLogText(referenceHere(home, context.here(), view)));
  // a loop of the shell ends, as it does for the tests alone
  if (end.signal === 'SIGINT' && call.isInterrupted()) dieAtEndOf('SIGINT');
  return { code: end.code, by: 'tests' };
}
