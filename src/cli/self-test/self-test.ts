/**
 * `doctor --self-test`: runs all checks in a temporary home and prints a report. It guarantees that no
 * process and no file is left, also after Ctrl-C, and that the caller's own home is not touched.
 */
import { homedir, hostname, tmpdir, userInfo } from 'node:os';
import { dirname } from 'node:path';
import { version } from '../../../package.json';
import { systemClock } from '../../base/clock.ts';
import { attemptQuietly, errnoOf } from '../../base/result.ts';
import { readMachineFacts } from '../../engine/doctor/machine-facts.ts';
import { EXIT, fail, ok, type Result } from '../../job/failure.ts';
import { type Exit, SUCCESS } from '../command/command.ts';
import type { Context } from '../command/context.ts';
import { interruptCode, interruptedBy, noteInterrupt, onInterrupt } from '../command/interrupt.ts';
import {
  type CheckResult,
  checkLine,
  checkText,
  headText,
  interruptedText,
  outOfTimeText,
  progressLine,
  totalText,
  unknownCheck,
} from '../messages/findings.ts';
import type { Output } from '../output/output.ts';
import { CHECKS, type Check } from './checks.ts';
import { CheckFailed, Interrupted, NotForHere, PROGRAM, Stage } from './stage.ts';

/** All checks together may take so long, milliseconds; the end of the jobs comes after that. */
const LIMIT_MS = 110_000;

/** Takes paths and names out of a text that people paste into an issue. */
function anonymous(stage: Stage): (text: string) => string {
  const user = attemptQuietly(() => userInfo().username) ?? '';
  const paths: [string, string][] = [
    [stage.dir, 'TEMP'],
    [dirname(dirname(PROGRAM)), 'BGJOB'],
    [process.execPath, 'node'],
    [homedir(), '~'],
  ];
  const names: [string, string][] = [
    [user, 'USER'],
    [hostname(), 'HOST'],
  ];
  return (text) => {
    const short = paths.reduce((all, [from, to]) => (from.length > 1 ? all.replaceAll(from, to) : all), text);
    return names.reduce((all, [from, to]) => {
      // a word like `root` is no secret, and `a` would be in every word
      if (from.length < 3 || from === 'root') return all;
      return all.replace(new RegExp(`\\b${from.replace(/[^\w]/g, '\\$&')}\\b`, 'g'), to);
    }, short);
  };
}

async function runCheck(stage: Stage, { name, run }: Check, deadline: number): Promise<CheckResult> {
  const begun = systemClock.monotonic();
  const end = (result: CheckResult['result'], why: string | null = null): CheckResult => {
    const clean = anonymous(stage);
    const calls = why === null ? [] : stage.callsOfCheck().map(clean);
    const tookMs = Math.round(systemClock.monotonic() - begun);
    return { name, result, tookMs, why: why === null ? null : clean(why), calls };
  };
  if (begun > deadline) return end('failed', outOfTimeText());
  stage.beginCheck();
  try {
    await run(stage);
    return end('ok');
  } catch (thrown) {
    if (thrown instanceof Interrupted) throw thrown;
    if (thrown instanceof NotForHere) return end('skipped');
    // whatever else goes wrong here is a fact about this machine, too
    const error = thrown as Error;
    return end('failed', thrown instanceof CheckFailed ? error.message : `${error.name}: ${error.message}`);
  } finally {
    await stage.endJobs();
  }
}

async function startProgressLine(output: Output, line: () => string) {
  if (output.json || !output.isTerminal(2)) return undefined;
  const { Spinner } = await import('../wait/spinner.ts');
  return Spinner.startLines((columns) => line().slice(0, columns), 0, output.hasColor(2));
}

/** Runs the checks one after the other, and prints each when it has ended. */
async function runChecks(
  output: Output,
  stage: Stage,
  checks: Check[],
  deadline: number,
): Promise<CheckResult[]> {
  const results: CheckResult[] = [];
  let current = checks[0]!;
  const spinner = await startProgressLine(output, () =>
    progressLine(results.length, checks.length, current.name),
  );
  try {
    for (current of checks) {
      const result = await runCheck(stage, current, deadline);
      results.push(result);
      spinner?.pause();
      if (output.json) {
        const { name: check, ...rest } = result;
        output.object({ v: 1, check, what: checkText(check), ...rest });
      } else {
        output.line(checkLine(result));
      }
      spinner?.resume();
    }
  } finally {
    spinner?.stop();
  }
  return results;
}

/** `names`: of the checks to run, with commas between them; null: all. */
export async function selfTest({ env, output }: Context, names: string | null): Promise<Result<Exit>> {
  const wanted = names === null ? CHECKS.map(({ name }) => name as string) : names.split(',');
  const unknown = wanted.find((one) => CHECKS.every(({ name }) => name !== one));
  if (unknown !== undefined) return fail(unknownCheck(unknown));
  const checks = CHECKS.filter(({ name }) => wanted.includes(name));
  const begun = systemClock.monotonic();
  const deadline = begun + LIMIT_MS;
  const interruption = new AbortController();
  const stopListening = onInterrupt(() => interruption.abort());
  // the terminal was closed
  process.on('SIGHUP', () => {
    noteInterrupt('SIGHUP');
    interruption.abort();
  });
  let stage: Stage | undefined;
  try {
    stage = new Stage(env, interruption.signal, deadline);
    const facts = readMachineFacts(env, stage.dir);
    if (output.json) output.object({ v: 1, version, ...facts });
    else output.line(headText(version, facts));
    const results = await runChecks(output, stage, checks, deadline);
    if (!output.json) output.line(totalText(results, systemClock.monotonic() - begun));
    const isWell = results.every(({ result }) => result !== 'failed');
    return ok(isWell ? SUCCESS : { code: EXIT.no, by: 'bgjob' });
  } catch (thrown) {
    const signal = interruptedBy();
    if (thrown instanceof Interrupted && signal !== undefined)
      return ok({ code: interruptCode(signal), by: 'bgjob' });
    if (stage) throw thrown;
    return fail({
      code: 'io',
      doing: 'make a directory in',
      path: tmpdir(),
      errno: errnoOf(thrown),
    });
  } finally {
    await stage?.close();
    if (interruption.signal.aborted) output.note(interruptedText());
    stopListening();
  }
}
