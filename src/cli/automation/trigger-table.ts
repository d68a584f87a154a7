/** Triggers as rows of a table and as objects. */
import { readPortOwner } from '../../engine/automation/listener-status.ts';
import { isServed, listenerOf } from '../../engine/automation/service-jobs.ts';
import { listenerText } from '../../engine/observe/port-owner.ts';
import { isInThisNamespace } from '../../engine/queue/confinement.ts';
import { listTriggers, readTrigger, type Trigger, urlOf } from '../../job/automation/trigger.ts';
import type { Home } from '../../job/home/home.ts';
import type { Output } from '../output/output.ts';
import {
  commandCell,
  countsText,
  type Deeds,
  deedsOf,
  lastText,
  printTriggerTable,
  templateObject,
} from './shared-table.ts';

const HEADS = ['NAME', 'URL', 'LAST', 'NOT RUN', 'COMMAND'];

/** What is said of a trigger. */
interface Row extends Deeds {
  name: string;
  trigger: Trigger | null;
  /** Why its record cannot be used. */
  why: string | null;
  /** Why nobody listens; null: somebody does. */
  trouble: string | null;
}

/** Why nobody listens for a trigger. */
export async function troubleOf(home: Home, trigger: Trigger): Promise<string | null> {
  if (!isInThisNamespace(trigger)) return 'it is served in another sandbox or container';
  const owner = await readPortOwner(home, trigger);
  if (owner.kind === 'taken')
    return `port ${trigger.port} taken${owner.by === 'unknown' ? '' : ` by ${listenerText(owner.by)}`}`;
  if (owner.kind === 'ours') return null;
  return isServed(listenerOf(home, trigger))
    ? 'its listener has no port yet'
    : 'its listener is being started';
}

async function rowOf(home: Home, name: string, troubles: Map<string, Promise<string | null>>): Promise<Row> {
  const read = readTrigger(home, name);
  const deeds = deedsOf(home, home.trigger(name));
  if (read.kind !== 'read') {
    const why = read.kind === 'absent' ? 'it has no record' : read.why;
    return { name, trigger: null, why, trouble: why, ...deeds };
  }
  // asked once for all that share a listener
  const key = `${read.value.world} ${read.value.host} ${read.value.port}`;
  const trouble = troubles.get(key) ?? troubleOf(home, read.value);
  troubles.set(key, trouble);
  return { name, trigger: read.value, why: null, trouble: await trouble, ...deeds };
}

function objectOf({ name, trigger, why, trouble, last, counts }: Row): object {
  return {
    v: 1,
    name,
    url: trigger && urlOf(trigger),
    headers: trigger?.headers ?? null,
    hosts: trigger?.hosts ?? null,
    listening: trouble === null,
    trouble,
    ...templateObject(trigger, { last }),
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
export async function printTriggers(output: Output, home: Home | undefined): Promise<void> {
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
  const told = rows.map((row) => {
    const { name, trigger, last, counts, why } = row;
    // what was skipped is a delivery that came again
    const notRun = countsText({ replayed: counts.skipped, failed: counts.failed });
    const url = trigger ? urlOf(trigger) : 'unreadable';
    return { last, cells: [name, url, lastText(row), notRun, commandCell(trigger, why)] };
  });
  await printTriggerTable(output, HEADS, told);
  for (const { name, trouble, why } of rows)
    if (trouble !== null && why === null) output.note(`${name}: not listening: ${trouble}`);
}
