/**
 * What `bgjob set` changed of a job after it was added: `set.N` of its directory, beside spec.json, which
 * never changes. Each record has all changes so far, and the highest number counts. A reader gets them with
 * the spec (readSpec). The supervisor of a running job reads them when it is nudged, and names the number in
 * its state.
 */
import * as is from '../base/schema.ts';
import type { Spec } from './spec.ts';

const MISSING = undefined;

/** Undefined: as in the spec. A limit of null: none. */
export const settingsSchema = is.object({
  v: is.version(1),
  timeoutMs: is.since<number | null | undefined>(is.nullable(is.count), MISSING),
  idleTimeoutMs: is.since<number | null | undefined>(is.nullable(is.count), MISSING),
  graceMs: is.since<number | undefined>(is.count, MISSING),
  priority: is.since<number | undefined>(is.integer, MISSING),
});
export type Settings = Partial<Omit<is.SchemaType<typeof settingsSchema>, 'v'>>;

/** Whether a version that does not know `set` would run the job with other limits. */
export const changesLimits = ({ timeoutMs, idleTimeoutMs, graceMs }: Settings): boolean =>
  [timeoutMs, idleTimeoutMs, graceMs].some((limit) => limit !== undefined);

export function withSettings<S extends Spec>(spec: S, { priority, ...limits }: Settings): S {
  const given = Object.entries(limits).filter(([name, value]) => name !== 'v' && value !== undefined);
  const { placement } = spec;
  return {
    ...spec,
    ...Object.fromEntries(given),
    ...(placement !== null && priority !== undefined && { placement: { ...placement, priority } }),
  };
}
