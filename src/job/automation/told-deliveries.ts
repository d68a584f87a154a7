/**
 * Which deliveries of a trigger `wait --trigger` has told: one record for each trigger and project. A delivery that is not in it is
 * still to be told. So a delivery that came before the wait is not lost, and a loop never gets the same one twice.
 */
import { sealed } from '../../base/checksum.ts';
import { writeShared } from '../../base/fs/atomic-write.ts';
import * as is from '../../base/schema.ts';
import type { TemplatePaths } from '../home/paths.ts';
import { readShaped } from '../home/records.ts';
import type { TemplateEvent } from './template-records.ts';

/** Enough of an event to find it again. */
const deliverySchema = is.object({
  notedAt: is.time,
  job: is.nullable(is.count),
  delivery: is.nullable(is.text),
});
type DeliveryKey = is.Shaped<typeof deliverySchema>;

const toldSchema = is.object({
  v: is.version(1),
  /** It and all before it count as told; null: none does. */
  upTo: is.nullable(deliverySchema),
  /** Of those after it, these were told. */
  told: is.listOf(deliverySchema),
});
export type ToldDeliveries = is.Shaped<typeof toldSchema>;

/** Before the first answer, what is older than this counts as told, milliseconds. */
export const FIRST_MS = 86_400_000;

/** The events that an answer can be: a delivery that came again is none. */
export const answersOf = (events: TemplateEvent[]): TemplateEvent[] =>
  events.filter(({ did, job }) => (did === 'started' && job !== null) || did === 'failed');

const keyOf = ({ notedAt, job, delivery }: TemplateEvent): DeliveryKey => ({ notedAt, job, delivery });
const isSame = (one: DeliveryKey, other: DeliveryKey): boolean =>
  one.notedAt === other.notedAt && one.job === other.job && one.delivery === other.delivery;

/** That all these events were told. */
export const allTold = (events: TemplateEvent[]): ToldDeliveries => {
  const last = events.at(-1);
  return { v: 1, upTo: last ? keyOf(last) : null, told: [] };
};

/** What counts as told where nothing was told yet. */
export const toldAtFirst = (events: TemplateEvent[], now: number): ToldDeliveries =>
  allTold(events.filter(({ notedAt }) => now - notedAt > FIRST_MS));

/** Pure: of `events`, those that `answersOf` gives, the ones that are still to be told, the oldest first. */
export function untold(events: TemplateEvent[], { upTo, told }: ToldDeliveries): TemplateEvent[] {
  return after(events, upTo).filter((event) => !told.some((one) => isSame(one, event)));
}

function after(events: TemplateEvent[], upTo: DeliveryKey | null): TemplateEvent[] {
  if (upTo === null) return events;
  const place = events.findLastIndex((one) => isSame(one, upTo));
  // a large journal begins anew: what was told may be in it no more
  return place === -1 ? events.filter(({ notedAt }) => notedAt > upTo.notedAt) : events.slice(place + 1);
}

/** The record once `event` was told: no longer than it must be. */
export function withTold(
  events: TemplateEvent[],
  soFar: ToldDeliveries,
  event: TemplateEvent,
): ToldDeliveries {
  if (soFar.told.some((key) => isSame(key, event))) return soFar;
  const told = [...soFar.told, keyOf(event)];
  const rest = after(events, soFar.upTo);
  const first = rest.findIndex((one) => !told.some((key) => isSame(key, one)));
  const done = first === -1 ? rest : rest.slice(0, first);
  const left = rest.slice(done.length);
  return {
    v: 1,
    upTo: allTold(done).upTo ?? soFar.upTo,
    told: told.filter((key) => left.some((one) => isSame(key, one))),
  };
}

/** Undefined where nothing was told yet, and where the record cannot be read. */
export function readTold(paths: TemplatePaths, project: string): ToldDeliveries | undefined {
  const read = readShaped(paths.told(project), 'told', toldSchema);
  return read.kind === 'read' ? read.value : undefined;
}

/** Throws system errors. */
export const writeTold = (paths: TemplatePaths, project: string, soFar: ToldDeliveries): void =>
  writeShared(paths.told(project), sealed(soFar));
