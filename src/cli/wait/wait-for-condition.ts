/**
 * Waiting for a condition of one job: its output, a port, a URL, a file, silence; the one way of `wait` and
 * `run`. The first to come true decides. If the job ends first, the call returns at once. Nothing here
 * touches the job.
 */
import { systemClock } from '../../base/clock.ts';
import { safe } from '../../base/text/sanitize.ts';
import { processesOf } from '../../engine/observe/leftovers.ts';
import { observe } from '../../engine/observe/observe.ts';
import { portsOf } from '../../engine/os/sockets.ts';
import type { ConditionMet, LineAnswer, WaitNews } from '../../engine/wait/condition.ts';
import { checkFile, waitFile } from '../../engine/wait/file.ts';
import { waitIdle } from '../../engine/wait/idle.ts';
import { waitEnded } from '../../engine/wait/job-end.ts';
import { waitMatch } from '../../engine/wait/output-line.ts';
import { waitPort } from '../../engine/wait/port.ts';
import { renderUrl, waitUrl } from '../../engine/wait/url.ts';
import { EXIT, type Failure, ok, type Result } from '../../job/failure.ts';
import type { Home } from '../../job/home/home.ts';
import { readAttemptStart } from '../../job/log/attempt-start.ts';
import type { Stream } from '../../job/log/log.ts';
import type { JobView } from '../../job/view.ts';
import type { Exit } from '../command/command.ts';
import { parsePosition } from '../command/parse-position.ts';
import { jobLabel, jobObject, verdict } from '../messages/job-text.ts';
import { errnoText } from '../messages/usage.ts';
import {
  failedOnText,
  lineAnswerText,
  lineText,
  MISSED_TEXT,
  metText,
  nextMatchText,
  portsText,
  waitNewsText,
} from '../messages/wait.ts';
import { printWarning } from '../messages/warnings.ts';
import type { Output } from '../output/output.ts';
import type { Deadline } from './deadline.ts';
import type { Conditions } from './parse-conditions.ts';
import { watchPauses } from './pause-notes.ts';
import {
  goneView,
  judgeEnd,
  logFacts,
  printStillRunning,
  printTrouble,
  reportEnd,
} from './report-outcome.ts';
import { aroundSpinner, startSpinner } from './waiting-line.ts';

/** Output begins to count at the cursor, which is one of the log, else where the attempt began. */
function sinceOf(home: Home, view: JobView, stream: Stream, since: number | null): number {
  if (since !== null && stream === 'log') return since;
  const state = 'state' in view ? view.state : undefined;
  return state ? readAttemptStart(home.job(view.id), state, stream) : 0;
}

/** A promise is met, fails if it can never come true, or is undefined: the job ended, or `abort` fired. */
function start(
  output: Output,
  home: Home,
  view: JobView,
  conditions: Conditions,
  since: number | null,
  answers: Map<string, string>,
  abort: AbortSignal,
): {
  outputs: Promise<Result<ConditionMet | undefined>>[];
  others: Promise<Result<ConditionMet | undefined>>[];
} {
  const { id } = view;
  const printed = new Set<string>();
  const report = (news: WaitNews): void => {
    const text = waitNewsText(news);
    if (news.kind === 'line-not-started')
      printWarning(output, { code: 'until-cmd-not-started', message: text });
    else if (!output.json && !printed.has(text)) output.note(`(${text})`);
    printed.add(text);
  };
  const { until, failOn, ports, anyOwner, urls, statuses, insecure, lines, files, idleMs } = conditions;
  const isSplit = 'spec' in view && view.spec.split;
  const streams =
    until.length + failOn.length === 0 ? [] : isSplit ? (['log', 'err'] as const) : (['log'] as const);
  return {
    outputs: streams.map((stream) =>
      waitMatch(home, id, { stream, since: sinceOf(home, view, stream, since), until, failOn }, abort),
    ),
    others: [
      ...ports.map((port) => waitPort(home, id, port, anyOwner, abort, report)),
      ...urls.map((url) =>
        waitUrl(
          url,
          {
            ...{ insecure, statuses },
            onAnswer: (text) => answers.set(renderUrl(url), safe(errnoText(text))),
          },
          abort,
          report,
        ),
      ),
      ...lines.map(async (line) => {
        // a file of its own: most calls have no such line
        const { waitCommand } = await import('../../engine/wait/command.ts');
        const onAnswer = (answer: LineAnswer) => answers.set(lineText(line), lineAnswerText(answer));
        const cwd = 'spec' in view ? view.spec.cwd : '/';
        return waitCommand(line, { home, id, cwd, env: process.env, onAnswer }, abort, report);
      }),
      ...files.map((path) => waitFile(path, abort, report)),
      ...(idleMs === null ? [] : [waitIdle(home, id, idleMs, abort)]),
    ],
  };
}

type Decision = { kind: 'met'; met: ConditionMet } | { kind: 'ended' } | { kind: 'deadline' };

async function decide(
  home: Home,
  view: JobView,
  { outputs, others }: ReturnType<typeof start>,
  files: string[],
  abort: AbortSignal,
  onTrouble: (failure: Failure) => void,
): Promise<Result<Decision>> {
  // a condition that was not met decides nothing: another condition may, or the end of the job
  const met = (one: Promise<Result<ConditionMet | undefined>>): Promise<Result<Decision>> =>
    one.then((result) => {
      if (!result.ok) return result;
      return result.value ? ok({ kind: 'met', met: result.value }) : new Promise(() => {});
    });
  const end = async (): Promise<Result<Decision>> => {
    const last = await waitEnded(home, view.id, abort, onTrouble);
    if (last?.kind === 'live') return ok({ kind: 'deadline' });
    // its last output comes before its end
    for (const one of outputs) {
      const result = await one;
      if (!result.ok) return result;
      if (result.value) return ok({ kind: 'met', met: result.value });
    }
    // and so does a file that it made last
    for (const path of files) {
      const met = checkFile(path);
      if (met) return ok({ kind: 'met', met });
    }
    return ok({ kind: 'ended' });
  };
  return Promise.race([...[...outputs, ...others].map(met), end()]);
}

export interface Awaited {
  decision: Decision;
  /** The job afterwards. */
  now: JobView;
  /** What the last attempts of URLs and shell lines came to. */
  answers: Map<string, string>;
}

/** Waits for the first condition, the end of the job, or the deadline. */
export async function awaitCondition(
  output: Output,
  home: Home,
  view: JobView,
  conditions: Conditions,
  deadline: Deadline,
): Promise<Result<Awaited>> {
  const since =
    conditions.since === null
      ? ok(null)
      : parsePosition(conditions.since, home.job(view.id), 'log', jobLabel(view));
  if (!since.ok) return since;
  const spinner = await startSpinner(output, view);
  const { signal, stop } = deadline.part();
  const stopNotes = watchPauses(output, home, () => [view.id], aroundSpinner(spinner));
  const answers = new Map<string, string>();
  const begun = start(output, home, view, conditions, since.value, answers, signal);
  const onTrouble = printTrouble(output, view.id);
  const decided = await decide(home, view, begun, conditions.files, signal, onTrouble);
  stop();
  // a search has a thread: it has ended when this call goes on
  await Promise.allSettled([...begun.outputs, ...begun.others]);
  stopNotes();
  spinner?.stop();
  if (!decided.ok) return decided;
  return ok({ decision: decided.value, now: observe(home, view.id) ?? goneView(view.id), answers });
}

/** At the deadline: what keeps the conditions from coming true. */
export async function printUnmet(
  output: Output,
  home: Home,
  { now, answers }: Awaited,
  { ports }: Conditions,
): Promise<void> {
  if (output.json) return;
  for (const [asked, text] of answers) output.note(`(${asked}: ${text})`);
  if (ports.length > 0) output.note(portsText(now, await portsOfJob(home, now)));
}

/** Prints the end of a job that ended before a condition was met. */
export async function reportEarlyEnd(
  output: Output,
  home: Home,
  now: JobView,
  conditions: Conditions,
): Promise<Exit> {
  // the job succeeded, but the condition was not met
  const isMissed = isAwaited(conditions) && verdict(now).code === 0;
  const judged = judgeEnd(now, isMissed ? MISSED : verdict(now));
  const exit = await reportEnd(output, home, now, 'of a failure', judged);
  if (isMissed && !output.json) output.note(MISSED_TEXT);
  return exit;
}

/** Waits for the first condition and prints it. `reference`: the job, as it is typed. */
export async function waitForCondition(
  output: Output,
  home: Home,
  view: JobView,
  conditions: Conditions,
  deadline: Deadline,
  reference: string,
): Promise<Result<Exit>> {
  const awaited = await awaitCondition(output, home, view, conditions, deadline);
  if (!awaited.ok) return awaited;
  const { decision, now } = awaited.value;
  if (decision.kind === 'deadline') {
    await printUnmet(output, home, awaited.value, conditions);
    const again = `bgjob wait ${reference} ${conditions.words.join(' ')}`;
    return ok(printStillRunning(output, home, [now], deadline, again));
  }
  deadline.end();
  if (decision.kind === 'met') return ok(printMet(output, home, now, decision.met, conditions, reference));
  return ok(await reportEarlyEnd(output, home, now, conditions));
}

const portsOfJob = async (home: Home, view: JobView): Promise<number[]> =>
  portsOf((await processesOf(home, view)).map(({ pid }) => pid));

const MISSED: Exit = { code: EXIT.no, by: 'bgjob' };

/** Whether a condition is to come true; --fail-on alone waits for the end. */
const isAwaited = ({ until, ports, urls, lines, files, idleMs }: Conditions): boolean =>
  until.length + ports.length + urls.length + lines.length + files.length > 0 || idleMs !== null;

/** `web 42 ready: it listens on port 3000`. */
export function printCondition(
  output: Output,
  view: JobView,
  met: ConditionMet,
  { anyOwner }: Conditions,
): void {
  const failed = met.condition === 'fail';
  const verdict = output.paint(output.answerStream, failed ? 'red' : 'green', failed ? 'failed:' : 'ready:');
  output.line(`${jobLabel(view)} ${verdict} ${metText(met, anyOwner)}`);
}

function printMet(
  output: Output,
  home: Home,
  view: JobView,
  met: ConditionMet,
  conditions: Conditions,
  reference: string,
): Exit {
  const failed = met.condition === 'fail';
  const exit: Exit = { code: failed ? EXIT.no : EXIT.ok, by: 'bgjob' };
  const { condition, facts } = met;
  if (output.json) {
    const job = jobObject(view, systemClock.now(), logFacts(home, view));
    const result = failed ? 'failed' : 'matched';
    output.object({ ...job, result, condition, ...facts, ...exit });
    return exit;
  }
  printCondition(output, view, met, conditions);
  if (failed && view.kind === 'live') output.note(failedOnText(reference));
  // a cursor is one of the log
  if ('cursor' in facts && facts.stream === 'log') output.note(nextMatchText(facts.cursor));
  return exit;
}
