/** `wait --trigger NAME`: the id of the next job that a trigger starts. */
import * as fs from 'node:fs';
import { systemClock } from '../../base/clock.ts';
import { attendLeft } from '../../engine/automation/recovery.ts';
import { Growth } from '../../engine/wait/log-watcher.ts';
import { readEvents, type TemplateEvent } from '../../job/automation/template-records.ts';
import { listTriggers, readTrigger } from '../../job/automation/trigger.ts';
import { fail, ok, type Result } from '../../job/failure.ts';
import type { Home } from '../../job/home/home.ts';
import { type Exit, SUCCESS } from '../command/command.ts';
import type { Context } from '../command/context.ts';
import { Patience } from '../wait/deadline.ts';
import { troubleOf } from './trigger-table.ts';

/** Between two looks whether the listener is there, milliseconds. */
const ATTEND_MS = 10_000;
const SLOWEST_MS = 1000;

/** Waits for it and prints the id. */
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
  const patience = new Patience(deadlineMs);
  const found = await nextStarted(context, home, name, patience.signal);
  if (found === 'removed')
    return fail({ code: 'no-such-starter', kind: 'trigger', name, known: listTriggers(home) });
  if (found === undefined) {
    const exit = patience.exit();
    if (output.json) output.object({ v: 1, id: null, trigger: name, ...exit });
    else output.note(`trigger ${name} has started nothing yet; wait again: bgjob wait --trigger ${name}`);
    return ok(exit);
  }
  patience.end();
  const { job, delivery } = found;
  if (output.json)
    output.object({ v: 1, id: job, trigger: name, delivery, log: { path: home.job(job!).log }, ...SUCCESS });
  else output.line(String(job));
  return ok(SUCCESS);
}

/** The first that is started from now on; undefined when `abort` fires. */
async function nextStarted(
  context: Context,
  home: Home,
  name: string,
  abort: AbortSignal,
): Promise<TemplateEvent | 'removed' | undefined> {
  const paths = home.trigger(name);
  const createdAt = createdAtOf(home, name);
  // stamped first, then read: what is noted in between is looked at again
  let seen = stampOf(paths.history);
  const before = new Set(readEvents(paths).map(({ job }) => job));
  // the directory: the journal may not be there yet, and is put aside when it is large
  const growth = new Growth(paths.dir, SLOWEST_MS);
  for (let attended = Number.NEGATIVE_INFINITY; !abort.aborted; ) {
    if (systemClock.monotonic() - attended > ATTEND_MS) {
      await attendLeft(home);
      // not at the first look: it may have been started just now
      if (attended > 0) await tellTrouble(context, home, name);
      attended = systemClock.monotonic();
    }
    if (createdAtOf(home, name) !== createdAt) return 'removed';
    await growth.wait(false, () => stampOf(paths.history) !== seen, abort);
    const now = stampOf(paths.history);
    if (now === seen) continue;
    seen = now;
    const next = readEvents(paths).find(({ job }) => job !== null && !before.has(job));
    if (next) return next;
  }
  return undefined;
}

/** Says why nobody listens: then there is nothing to wait for. */
async function tellTrouble({ output }: Context, home: Home, name: string): Promise<void> {
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
  const stat = fs.statSync(path, { throwIfNoEntry: false });
  return stat ? `${stat.ino} ${stat.size}` : '';
}
