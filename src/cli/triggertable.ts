/** Triggers as rows of a table and as objects. */
import { renderDuration, systemClock } from '../base/clock.ts';
import { clip, safe } from '../base/text.ts';
import type { Home } from '../job/home.ts';
import { commandText, exitCodeOf, type JobView, stateWord } from '../job/job.ts';
import { readEvents, type StarterEvent } from '../job/starters.ts';
import { listTriggers, readTrigger, type Trigger, urlOf } from '../job/triggers.ts';
import { listenerText } from '../process/listener.ts';
import { readHold } from '../process/listening.ts';
import { observe } from '../process/observe.ts';
import { isOfThisWorld } from '../process/sandbox.ts';
import { isServed, listenerOf } from '../process/standing.ts';
import { plainTable } from './columns.ts';
import type { Output } from './output.ts';
import { stateText } from './wording.ts';

const HEADS = ['NAME', 'URL', 'LAST', 'NOT RUN', 'COMMAND'];
const LAST_COLUMN = 2;

/** What is said of a trigger. */
interface Row {
  name: string;
  trigger: Trigger | null;
  /** Why its record cannot be used. */
  why: string | null;
  /** Why nobody listens; null: somebody does. */
  trouble: string | null;
  last: { id: number; at: number; view: JobView | undefined } | null;
  counts: Record<StarterEvent['did'], number>;
}

/** Why nobody listens for a trigger. */
export async function troubleOf(home: Home, trigger: Trigger): Promise<string | null> {
  if (!isOfThisWorld(trigger)) return 'it is served in another sandbox or container';
  const hold = await readHold(home, trigger);
  if (hold.kind === 'taken')
    return `port ${trigger.port} taken${hold.by === 'unknown' ? '' : ` by ${listenerText(hold.by)}`}`;
  if (hold.kind === 'ours') return null;
  return isServed(listenerOf(home, trigger))
    ? 'its listener has no port yet'
    : 'its listener is being started';
}

async function rowOf(home: Home, name: string, troubles: Map<string, Promise<string | null>>): Promise<Row> {
  const read = readTrigger(home, name);
  const events = readEvents(home.trigger(name));
  const started = events.findLast(({ job }) => job !== null);
  const counts = { started: 0, skipped: 0, missed: 0, failed: 0 };
  for (const { did, times } of events) counts[did] += times;
  const last = started ? { id: started.job!, at: started.notedAt, view: observe(home, started.job!) } : null;
  if (read.kind !== 'read') {
    const why = read.kind === 'absent' ? 'it has no record' : read.why;
    return { name, trigger: null, why, trouble: why, last, counts };
  }
  // asked once for all that share a listener
  const key = `${read.value.world} ${read.value.host} ${read.value.port}`;
  const trouble = troubles.get(key) ?? troubleOf(home, read.value);
  troubles.set(key, trouble);
  return { name, trigger: read.value, why: null, trouble: await trouble, last, counts };
}

function lastText({ last }: Row): string {
  if (!last) return '-';
  const ago = `${renderDuration(Math.max(0, systemClock.now() - last.at))} ago`;
  return `${last.id} ${last.view ? stateText(last.view) : 'removed'} (${ago})`;
}

/** `skipped` of a trigger is a delivery that came again. */
function notRunText({ counts: { skipped, failed } }: Row): string {
  const parts = Object.entries({ replayed: skipped, failed }).filter(([, count]) => count > 0);
  return parts.length === 0 ? '-' : parts.map(([word, count]) => `${count} ${word}`).join(', ');
}

function objectOf({ name, trigger, why, trouble, last, counts }: Row): object {
  const view = last?.view;
  return {
    v: 1,
    name,
    url: trigger && urlOf(trigger),
    command: trigger?.draft.argv ?? null,
    cwd: trigger?.draft.cwd ?? null,
    queue: trigger?.queue ?? null,
    headers: trigger?.headers ?? null,
    hosts: trigger?.hosts ?? null,
    environment: trigger?.environment.map((entry) => entry.slice(0, entry.indexOf('='))) ?? null,
    listening: trouble === null,
    trouble,
    lastJob: last && {
      id: last.id,
      at: new Date(last.at).toISOString(),
      state: view ? stateWord(view) : null,
      exitCode: view?.kind === 'ended' ? exitCodeOf(view.status.outcome) : null,
    },
    started: counts.started,
    replayed: counts.skipped,
    failed: counts.failed,
    unreadable: why,
  };
}

/** One trigger as an object. */
export const triggerObject = async (home: Home, name: string): Promise<object> =>
  objectOf(await rowOf(home, name, new Map()));

/** Lists all triggers. */
export async function tellTriggers(output: Output, home: Home | undefined): Promise<void> {
  const rows: Row[] = [];
  const troubles = new Map<string, Promise<string | null>>();
  for (const name of home ? listTriggers(home) : []) rows.push(await rowOf(home!, name, troubles));
  if (output.json) {
    output.objects(rows.map(objectOf));
    return;
  }
  if (rows.length === 0) {
    output.note('no triggers yet: bgjob trigger add deploy -- ./deploy.sh');
    return;
  }
  const cells = rows.map((row) => [
    row.name,
    row.trigger ? urlOf(row.trigger) : 'unreadable',
    lastText(row),
    notRunText(row),
    row.trigger ? clip(safe(commandText(row.trigger.draft)), 100) : safe(row.why ?? ''),
  ]);
  if (output.isTerminal(1) || output.hasColor(1)) {
    const { renderTable, toneOf } = await import('./terminal.ts');
    const toned = rows.map(({ last }, n) => {
      const view = last?.view;
      const code = view?.kind === 'ended' ? exitCodeOf(view.status.outcome) : null;
      return { cells: cells[n]!, tone: view ? toneOf(stateWord(view), code) : ('dim' as const) };
    });
    output.line(renderTable(HEADS, toned, LAST_COLUMN, output.width(), output.hasColor(1)));
  } else for (const line of plainTable(HEADS, cells)) output.line(line);
  for (const { name, trouble, why } of rows)
    if (trouble !== null && why === null) output.note(`${name}: not listening: ${trouble}`);
}
