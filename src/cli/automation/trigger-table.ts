/** `trigger ls`: triggers as rows of a table, and as objects. */
import { readPortOwner } from '../../engine/automation/listener-status.ts';
import { listenerOf, rejectionsOf } from '../../engine/automation/service-jobs.ts';
import { isInThisNamespace } from '../../engine/launch/confinement.ts';
import { isServed } from '../../engine/launch/service-launch.ts';
import { listenerText } from '../../engine/observe/port-owner.ts';
import { readRejections } from '../../job/automation/rejections.ts';
import { readEvents } from '../../job/automation/template-records.ts';
import { listTriggers, readTrigger, type Trigger, urlOf } from '../../job/automation/trigger.ts';
import type { Home } from '../../job/home/home.ts';
import {
  ELSEWHERE_TEXT,
  LISTENER_STARTS,
  NO_PORT_YET,
  NO_RECORD,
  NO_TRIGGERS,
  notListening,
  portTakenText,
  rejectionText,
  type ShownEvent,
} from '../messages/automation.ts';
import type { Output } from '../output/output.ts';
import {
  commandCell,
  countsText,
  historyOf,
  lastText,
  printTemplates,
  type TemplateHistory,
  templateObject,
} from './shared-table.ts';

/** The requests that started no job: those of the trigger, and those of no trigger at its address. */
export function rejectedEvents(home: Home, trigger: Trigger): ShownEvent[] {
  return readRejections(rejectionsOf(home, trigger))
    .filter(({ name, lastAt }) => (name === trigger.name || name === null) && lastAt >= trigger.createdAt)
    .map((one) => {
      const { firstAt, lastAt, times, delivery, status } = one;
      const until = firstAt === lastAt ? null : lastAt;
      const did = status === 200 ? 'ignored' : 'refused';
      const facts = { job: null, by: 'delivery', notedAt: lastAt, delivery } as const;
      return { at: firstAt, until, times, did, why: rejectionText(one), ...facts };
    });
}

interface Row extends TemplateHistory {
  name: string;
  trigger: Trigger | null;
  why: string | null;
  trouble: string | null;
  rejected: { ignored: number; refused: number };
}

/** Why no listener takes the deliveries of a trigger; null: one does. */
export async function listenerTrouble(home: Home, trigger: Trigger): Promise<string | null> {
  if (!isInThisNamespace(trigger)) return ELSEWHERE_TEXT;
  const owner = await readPortOwner(home, trigger);
  if (owner.kind === 'taken')
    return portTakenText(trigger.port, owner.by === 'unknown' ? undefined : listenerText(owner.by));
  if (owner.kind === 'ours') return null;
  return isServed(listenerOf(home, trigger)) ? NO_PORT_YET : LISTENER_STARTS;
}

async function rowOf(home: Home, name: string, troubles: Map<string, Promise<string | null>>): Promise<Row> {
  const read = readTrigger(home, name);
  const history = historyOf(home, readEvents(home.trigger(name)));
  if (read.kind !== 'read') {
    const why = read.kind === 'absent' ? NO_RECORD : read.why;
    return { name, trigger: null, why, trouble: why, rejected: { ignored: 0, refused: 0 }, ...history };
  }
  // triggers that share a listener share the answer
  const key = `${read.value.world} ${read.value.host} ${read.value.port}`;
  const trouble = troubles.get(key) ?? listenerTrouble(home, read.value);
  troubles.set(key, trouble);
  const rejected = { ignored: 0, refused: 0 };
  for (const one of readRejections(rejectionsOf(home, read.value)))
    if (one.name === name && one.lastAt >= read.value.createdAt)
      rejected[one.status === 200 ? 'ignored' : 'refused'] += one.times;
  return { name, trigger: read.value, why: null, trouble: await trouble, rejected, ...history };
}

function objectOf({ name, trigger, why, trouble, last, counts, rejected }: Row): object {
  return {
    v: 1,
    name,
    url: trigger && urlOf(trigger),
    headers: trigger?.headers ?? null,
    hosts: trigger?.hosts ?? null,
    events: trigger?.events ?? null,
    listening: trouble === null,
    trouble,
    ...templateObject(trigger, { last }),
    started: counts.started,
    replayed: counts.skipped,
    failed: counts.failed,
    ...rejected,
    unreadable: why,
  };
}

export const triggerObject = async (home: Home, name: string): Promise<object> =>
  objectOf(await rowOf(home, name, new Map()));

export async function printTriggers(output: Output, home: Home | undefined): Promise<void> {
  const rows: Row[] = [];
  const troubles = new Map<string, Promise<string | null>>();
  for (const name of home ? listTriggers(home) : []) rows.push(await rowOf(home!, name, troubles));
  await printTemplates(output, rows, {
    heads: ['NAME', 'URL', 'LAST', 'NOT RUN', 'COMMAND'],
    none: NO_TRIGGERS,
    objectOf,
    cellsOf: (row) => {
      const { name, trigger, counts, why, rejected } = row;
      // a delivery that came again is noted as skipped
      const notRun = countsText({ replayed: counts.skipped, failed: counts.failed, ...rejected });
      const url = trigger ? urlOf(trigger) : 'unreadable';
      return [name, url, lastText(row), notRun, commandCell(trigger, why)];
    },
  });
  if (output.json) return;
  for (const { name, trouble, why } of rows)
    if (trouble !== null && why === null) output.note(notListening(name, trouble));
}
