/**
 * The deliveries of a trigger that `wait --trigger` has reported: one record per trigger and project. A
 * delivery that is not in it will be reported. So a delivery from before the wait is not lost, and a loop of
 * waits gets each delivery once.
 */
import { withChecksum } from '../../base/checksum.ts';
import { writeShared } from '../../base/fs/atomic-write.ts';
import * as is from '../../base/schema.ts';
import type { TemplatePaths } from '../home/paths.ts';
import { readValid } from '../home/records.ts';
import type { TemplateEvent } from './template-records.ts';

const deliverySchema = is.object({
  notedAt: is.time,
  job: is.nullable(is.count),
  delivery: is.nullable(is.text),
});
type DeliveryKey = is.SchemaType<typeof deliverySchema>;

const toldSchema = is.object({
  v: is.version(1),
  /** This delivery and all before it count as reported; null: none. */
  upTo: is.nullable(deliverySchema),
  /** The reported deliveries after that. */
  told: is.listOf(deliverySchema),
});
export type ReportedDeliveries = is.SchemaType<typeof toldSchema>;

/** Before the first answer, deliveries older than this, milliseconds, count as reported. */
export const FIRST_MS = 86_400_000;

/** The events that `wait --trigger` reports. A repeated delivery is none. */
export const answersOf = (events: TemplateEvent[]): TemplateEvent[] =>
  events.filter(({ did, job }) => (did === 'started' && job !== null) || did === 'failed');

const keyOf = ({ notedAt, job, delivery }: TemplateEvent): DeliveryKey => ({ notedAt, job, delivery });
const isSame = (one: DeliveryKey, other: DeliveryKey): boolean =>
  one.notedAt === other.notedAt && one.job === other.job && one.delivery === other.delivery;

export const allReported = (events: TemplateEvent[]): ReportedDeliveries => ({
  v: 1,
  upTo: events.map(keyOf).at(-1) ?? null,
  told: [],
});

export const reportedAtFirst = (events: TemplateEvent[], now: number): ReportedDeliveries =>
  allReported(events.filter(({ notedAt }) => now - notedAt > FIRST_MS));

/** The events that are not reported yet, the oldest first. `events` are those of answersOf. */
export function unreported(events: TemplateEvent[], { upTo, told }: ReportedDeliveries): TemplateEvent[] {
  return after(events, upTo).filter((event) => !told.some((one) => isSame(one, event)));
}

function after(events: TemplateEvent[], upTo: DeliveryKey | null): TemplateEvent[] {
  if (upTo === null) return events;
  const index = events.findLastIndex((one) => isSame(one, upTo));
  // a journal that grew large begins anew, without the reported events
  return index === -1 ? events.filter(({ notedAt }) => notedAt > upTo.notedAt) : events.slice(index + 1);
}

/** The record after `event` was reported, as short as possible. */
export function withReported(
  events: TemplateEvent[],
  soFar: ReportedDeliveries,
  event: TemplateEvent,
): ReportedDeliveries {
  if (soFar.told.some((key) => isSame(key, event))) return soFar;
  const told = [...soFar.told, keyOf(event)];
  const rest = after(events, soFar.upTo);
  const first = rest.findIndex((one) => !told.some((key) => isSame(key, one)));
  const done = first === -1 ? rest : rest.slice(0, first);
  const left = rest.slice(done.length);
  return {
    v: 1,
    upTo: allReported(done).upTo ?? soFar.upTo,
    told: told.filter((key) => left.some((one) => isSame(key, one))),
  };
}

export const readReported = (paths: TemplatePaths, project: string): ReportedDeliveries | undefined =>
  readValid(paths.reportedDeliveries(project), toldSchema);

export const writeReported = (paths: TemplatePaths, project: string, soFar: ReportedDeliveries): void =>
  writeShared(paths.reportedDeliveries(project), withChecksum(soFar));
