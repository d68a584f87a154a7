/**
 * `wait --trigger NAME`: the id of the newest job of a trigger that no earlier call of this project told, else of the next. Each delivery
 * is told once; two calls that wait at the same time are told the same one.
 */
import { existsSync, statSync } from 'node:fs';
import { renderDuration, systemClock } from '../../base/clock.ts';
import { errnoOf } from '../../base/result.ts';
import { plural, safe } from '../../base/text/sanitize.ts';
import { recoverAll } from '../../engine/automation/recovery.ts';
import { LogWatcher } from '../../engine/wait/log-watcher.ts';
import {
  allReported,
  answersOf,
  type ReportedDeliveries,
  readReported,
  reportedAtFirst,
  unreported,
  withReported,
  writeReported,
} from '../../job/automation/reported-deliveries.ts';
import { readEvents, type TemplateEvent } from '../../job/automation/template-records.ts';
import { listTriggers, readTrigger } from '../../job/automation/trigger.ts';
import { EXIT, fail, ok, type Result } from '../../job/failure.ts';
import type { Home } from '../../job/home/home.ts';
import { projectKey } from '../../job/home/job-index.ts';
import { type Exit, SUCCESS } from '../command/command.ts';
import type { Context } from '../command/context.ts';
import { errnoText } from '../messages/failures.ts';
import type { Output } from '../output/output.ts';
import { Deadline } from '../wait/deadline.ts';
import { troubleOf } from './trigger-table.ts';

/** Between two looks whether the listener is there, milliseconds. */
const ATTEND_MS = 10_000;
const SLOWEST_MS = 1000;

/** Waits for it, if need be, and prints the id. */
export async function waitForTrigger(
  context: Context,
  name: string,
  deadlineMs: number | null,
): Promise<Result<Exit>> {
  const { output } = context;
  const opened = context.home();
  if (!opened.ok) return opened;
  const home = opened.value;
  const known = home ? listTriggers(home) : [];
  if (!home || !known.includes(name)) return fail({ code: 'no-such-starter', kind: 'trigger', name, known });
  const patience = new Deadline(deadlineMs);
  const project = projectKey(context.here().project);
  const found = await nextAnswer(context, home, name, project, patience.signal);
  if (found === 'removed')
    return fail({ code: 'no-such-starter', kind: 'trigger', name, known: listTriggers(home) });
  if (found === undefined) {
    const exit = patience.exit();
    const again = `wait again: bgjob wait --trigger ${name}`;
    if (output.json) output.object({ v: 1, id: null, trigger: name, ...exit });
    else output.note(`${nothingNew(home, name)}; ${again}`);
    return ok(exit);
  }
  patience.end();
  return ok(printAnswer(output, home, name, project, found));
}

/** A delivery to answer, and what is known with it. */
interface Answer {
  event: TemplateEvent;
  /** It came before this call began to wait. */
  cameBefore: boolean;
  /** How many others were not told yet. */
  more: number;
}

/** Prints the id, or why there is none, and then notes that this delivery was told: not where the answer was lost. */
function printAnswer(output: Output, home: Home, name: string, project: string, answer: Answer): Exit {
  const { event, cameBefore, more } = answer;
  const { job, delivery, why, at } = event;
  const exit: Exit = job === null ? { code: EXIT.bgjob, by: 'bgjob' } : SUCCESS;
  const age = `${renderDuration(Math.max(0, systemClock.now() - at))} ago`;
  if (output.json) {
    const log = { path: job === null ? null : home.job(job).log };
    const told = { delivery, deliveredAt: new Date(at).toISOString(), log, more };
    output.object({ v: 1, id: job, trigger: name, ...told, ...(job === null && { reason: why }), ...exit });
  } else {
    if (job !== null) output.line(String(job));
    else
      output.note(
        `trigger ${name} took a delivery ${age}, but its job was not started: ${safe(why ?? 'not known')}`,
      );
    const others = `${plural(more, 'delivery', 'deliveries')} before it not told yet: the same again`;
    const facts = [
      ...(cameBefore && job !== null ? [`delivered ${age}`] : []),
      ...(more > 0 ? [others] : []),
    ];
    if (facts.length > 0) output.note(`(${facts.join('; ')})`);
  }
  if (output.readerGone) return exit;
  const paths = home.trigger(name);
  try {
    const events = answersOf(readEvents(paths));
    const soFar = readReported(paths, project) ?? reportedAtFirst(events, systemClock.now());
    writeReported(paths, project, withReported(events, soFar, event));
  } catch (thrown) {
    output.note(
      `(that it was told could not be noted: ${errnoText(errnoOf(thrown))}; the next call tells it again)`,
    );
  }
  return exit;
}

/** That nothing new came; and which was the last, which another call was told. */
function nothingNew(home: Home, name: string): string {
  const last = answersOf(readEvents(home.trigger(name))).at(-1);
  if (!last) return `trigger ${name} has started nothing yet`;
  const age = renderDuration(Math.max(0, systemClock.now() - last.at));
  return `trigger ${name} has started nothing new (the last: ${last.job === null ? 'a start that failed' : `job ${last.job}`}, ${age} ago)`;
}

/** The newest delivery that was not told yet, else the next; undefined when `abort` fires. */
async function nextAnswer(
  context: Context,
  home: Home,
  name: string,
  project: string,
  abort: AbortSignal,
): Promise<Answer | 'removed' | undefined> {
  const paths = home.trigger(name);
  const createdAt = createdAtOf(home, name);
  // stamped first, then read: what is noted in between is looked at again
  let seen = stampOf(paths.history);
  const events = answersOf(readEvents(paths));
  const answer = (
    events: TemplateEvent[],
    soFar: ReportedDeliveries,
    cameBefore: boolean,
  ): Answer | undefined => {
    const left = unreported(events, soFar).filter((one) => isThere(home, one));
    const event = left.at(-1);
    return event && { event, cameBefore, more: left.length - 1 };
  };
  const waiting = answer(
    events,
    readReported(paths, project) ?? reportedAtFirst(events, systemClock.now()),
    true,
  );
  if (waiting) return waiting;
  // from here on in memory alone: two that wait at once get the same
  const told = allReported(events);
  // the directory: the journal may not be there yet, and is put aside when it is large
  const growth = new LogWatcher(paths.dir, SLOWEST_MS);
  for (let attended = Number.NEGATIVE_INFINITY; !abort.aborted; ) {
    if (systemClock.monotonic() - attended > ATTEND_MS) {
      await recoverAll(home);
      // not at the first look: it may have been started just now
      if (attended > 0) await printTrouble(context, home, name);
      attended = systemClock.monotonic();
    }
    if (createdAtOf(home, name) !== createdAt) return 'removed';
    await growth.wait(false, () => stampOf(paths.history) !== seen, abort);
    const now = stampOf(paths.history);
    if (now === seen) continue;
    seen = now;
    const next = answer(answersOf(readEvents(paths)), told, false);
    if (next) return next;
  }
  return undefined;
}

/** Whether the job of a delivery can still be asked for; one without a job can be told. */
const isThere = (home: Home, { job }: TemplateEvent): boolean =>
  job === null || existsSync(home.job(job).dir);

/** Says why nobody listens: then there is nothing to wait for. */
async function printTrouble({ output }: Context, home: Home, name: string): Promise<void> {
  const read = readTrigger(home, name);
  const trouble = read.kind === 'read' ? await troubleOf(home, read.value) : null;
  if (trouble !== null && !output.json) output.note(`(${name}: not listening: ${trouble})`);
}

function createdAtOf(home: Home, name: string): number | undefined {
  const read = readTrigger(home, name);
  return read.kind === 'read' ? read.value.createdAt : undefined;
}

/** Changes with every entry. */
function stampOf(path: string): string {
  const stat = statSync(path, { throwIfNoEntry: false });
  return stat ? `${stat.ino} ${stat.size}` : '';
}
