/**
 * `wait --trigger NAME`: prints the id of the newest job of a trigger that no earlier call in this project
 * has printed, or waits for the next one. Each delivery is printed once; two calls that wait at the same time
 * print the same delivery.
 */
import { existsSync, statSync } from 'node:fs';
import { systemClock } from '../../base/clock.ts';
import { errnoOf } from '../../base/result.ts';
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
import type { JobId } from '../../job/spec.ts';
import { type Exit, SUCCESS } from '../command/command.ts';
import type { Context } from '../command/context.ts';
import {
  deliveryFailed,
  deliveryNote,
  deliveryNotNoted,
  nothingDelivered,
  notListening,
} from '../messages/automation.ts';
import { errnoText } from '../messages/usage.ts';
import type { Output } from '../output/output.ts';
import { Deadline } from '../wait/deadline.ts';
import { listenerTrouble, rejectedEvents } from './trigger-table.ts';

/** How often the call checks that the listener runs, milliseconds. */
const RECOVER_MS = 10_000;
/** How often it looks for a delivery where file changes are not reported, milliseconds. */
const POLL_MS = 1000;

/** Waits for a delivery, if there is no unprinted one, and prints the id of its job. */
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
  const deadline = new Deadline(deadlineMs);
  const project = projectKey(context.here().project);
  const found = await nextAnswer(context, home, name, project, deadline.signal);
  if (found === 'removed')
    return fail({ code: 'no-such-starter', kind: 'trigger', name, known: listTriggers(home) });
  if (found === undefined) {
    const exit = deadline.exit();
    if (output.json) output.object({ v: 1, id: null, trigger: name, ...exit });
    else {
      const last = lastDelivery(home, name);
      const since = last === undefined ? 0 : systemClock.now() - last.agoMs;
      output.note(nothingDelivered(name, last, isRejectedSince(home, name, since)));
    }
    return ok(exit);
  }
  deadline.end();
  return ok(printAnswer(output, home, name, project, found));
}

interface Answer {
  event: TemplateEvent;
  /** It came before this call. */
  cameBefore: boolean;
  /** How many earlier ones were not printed yet. */
  more: number;
}

/** A delivery is noted as printed unless the reader of stdout was gone. */
function printAnswer(output: Output, home: Home, name: string, project: string, answer: Answer): Exit {
  const { event, cameBefore, more } = answer;
  const { job, delivery, why, at } = event;
  const exit: Exit = job === null ? { code: EXIT.bgjob, by: 'bgjob' } : SUCCESS;
  const agoMs = systemClock.now() - at;
  if (output.json) {
    const log = { path: job === null ? null : home.job(job).log };
    const told = { delivery, deliveredAt: new Date(at).toISOString(), log, more };
    output.object({ v: 1, id: job, trigger: name, ...told, ...(job === null && { reason: why }), ...exit });
  } else {
    if (job !== null) output.line(String(job));
    else output.note(deliveryFailed(name, agoMs, why));
    const note = deliveryNote(cameBefore && job !== null ? agoMs : null, more);
    if (note !== undefined) output.note(note);
  }
  if (output.readerGone) return exit;
  const paths = home.trigger(name);
  try {
    const events = answersOf(readEvents(paths));
    const soFar = readReported(paths, project) ?? reportedAtFirst(events, systemClock.now());
    writeReported(paths, project, withReported(events, soFar, event));
  } catch (thrown) {
    output.note(deliveryNotNoted(errnoText(errnoOf(thrown))));
  }
  return exit;
}

/** The newest delivery, which an earlier call has printed; undefined: there was none. */
function lastDelivery(home: Home, name: string): { job: JobId | null; agoMs: number } | undefined {
  const last = answersOf(readEvents(home.trigger(name))).at(-1);
  return last && { job: last.job, agoMs: systemClock.now() - last.at };
}

function isRejectedSince(home: Home, name: string, since: number): boolean {
  const read = readTrigger(home, name);
  return read.kind === 'read' && rejectedEvents(home, read.value).some(({ notedAt }) => notedAt > since);
}

/** The newest delivery that was not printed yet, else the next one; undefined when `abort` fires. */
async function nextAnswer(
  context: Context,
  home: Home,
  name: string,
  project: string,
  abort: AbortSignal,
): Promise<Answer | 'removed' | undefined> {
  const paths = home.trigger(name);
  const createdAt = createdAtOf(home, name);
  // the stamp before the events: a delivery in between changes it
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
  // from here on this call remembers by itself: two calls that wait at once get the same delivery
  const told = allReported(events);
  // the directory: the journal may not exist yet, and a large one is renamed
  const watcher = new LogWatcher(paths.dir, POLL_MS);
  for (let recoveredAt = Number.NEGATIVE_INFINITY; !abort.aborted; ) {
    if (systemClock.monotonic() - recoveredAt > RECOVER_MS) {
      await recoverAll(home);
      // not at first: the listener may just have been started
      if (recoveredAt > 0) await printTrouble(context, home, name);
      recoveredAt = systemClock.monotonic();
    }
    if (createdAtOf(home, name) !== createdAt) return 'removed';
    await watcher.wait(false, () => stampOf(paths.history) !== seen, abort);
    const now = stampOf(paths.history);
    if (now === seen) continue;
    seen = now;
    const next = answer(answersOf(readEvents(paths)), told, false);
    if (next) return next;
  }
  return undefined;
}

/** Whether the job of a delivery still exists; a delivery without a job is printed, too. */
const isThere = (home: Home, { job }: TemplateEvent): boolean =>
  job === null || existsSync(home.job(job).dir);

/** Prints why no listener takes deliveries: nothing would come. */
async function printTrouble({ output }: Context, home: Home, name: string): Promise<void> {
  const read = readTrigger(home, name);
  const trouble = read.kind === 'read' ? await listenerTrouble(home, read.value) : null;
  if (trouble !== null && !output.json) output.note(`(${notListening(name, trouble)})`);
}

function createdAtOf(home: Home, name: string): number | undefined {
  const read = readTrigger(home, name);
  return read.kind === 'read' ? read.value.createdAt : undefined;
}

/** Changes with every entry of the journal. */
function stampOf(path: string): string {
  const stat = statSync(path, { throwIfNoEntry: false });
  return stat ? `${stat.ino} ${stat.size}` : '';
}
