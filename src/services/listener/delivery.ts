/**
 * One delivery, started once: its claim is durable before its job is written, and names it. Of a listener that was killed in between,
 * the next knows by that whether the job was started. A start that fails gives its claim back: it may be delivered again.
 */
import { createHash, randomBytes } from 'node:crypto';
import { lstatSync } from 'node:fs';
import { systemClock } from '../../base/clock.ts';
import { errnoOf } from '../../base/result.ts';
import { startFrom } from '../../engine/automation/start-once.ts';
import { takeBack } from '../../engine/launch/launch.ts';
import { isAlive, isLocked } from '../../engine/os/process-identity.ts';
import {
  forgetClaim,
  noteEvent,
  readClaim,
  readEvents,
  type TemplateEvent,
} from '../../job/automation/template-records.ts';
import { headerVariable, type Trigger } from '../../job/automation/trigger.ts';
import type { Failure } from '../../job/failure.ts';
import type { Home } from '../../job/home/home.ts';
import { isRetired } from '../../job/home/ids.ts';
import { readOwner, readSpec, readState } from '../../job/home/records.ts';
import { findEntry } from '../../job/queue/queue-files.ts';
import type { JobId } from '../../job/spec.ts';
import { ownJob } from '../service.ts';
import { tell } from '../service-log.ts';

export interface Delivery {
  /** What the sender calls it; null: nothing, and it may come twice. */
  id: string | null;
  header(name: string): string;
  body: Uint8Array;
}

export type Delivered =
  | { kind: 'started'; job: JobId }
  /** `job` null: its claim cannot be read. */
  | { kind: 'replayed'; job: JobId | null }
  | { kind: 'failed'; why: string };

/** How a delivery is called in the name of its claim: whatever stands in it. */
const keyOf = (id: string | null): string =>
  id === null ? randomBytes(32).toString('hex') : createHash('sha256').update(id).digest('hex');

/** Starts the job of a delivery. One at a time: the umask is that of the process. */
export async function deliver(home: Home, trigger: Trigger, delivery: Delivery): Promise<Delivered> {
  const { name } = trigger;
  const paths = home.trigger(name);
  const key = keyOf(delivery.id);
  let generation = 0;
  // also a link that leads nowhere is in the way
  while (lstatSync(paths.claim(key, generation + 1), { throwIfNoEntry: false })) generation++;
  const fate = generation === 0 ? undefined : judgeClaim(home, name, key, generation);
  if (fate?.started) {
    const why = `delivered before${fate.job === null ? '' : `, as job ${fate.job}`}`;
    note(home, name, { did: 'skipped', why, job: null, delivery: delivery.id });
    return { kind: 'replayed', job: fate.job };
  }
  const claim = { key, generation: generation + 1 };
  const started = await startFrom(home, paths, trigger, {
    origin: { kind: 'trigger', name, delivery: delivery.id },
    variables: [
      `BGJOB_TRIGGER=${name}`,
      `BGJOB_DELIVERY=${delivery.id ?? ''}`,
      // also one that did not come: the environment of a job is the same whatever a sender leaves out
      ...trigger.headers.map((header) => `${headerVariable(header)}=${delivery.header(header)}`),
    ],
    claim,
    payload: delivery.body,
    parent: ownJob(),
    after: [],
  });
  if (started.ok) {
    note(home, name, { did: 'started', why: null, job: started.value, delivery: delivery.id });
    return { kind: 'started', job: started.value };
  }
  if (started.failure.code === 'started-before') return { kind: 'failed', why: 'another listener has it' };
  forgetClaim(paths, key, claim.generation);
  const why = reasonOf(started.failure);
  note(home, name, { did: 'failed', why, job: null, delivery: delivery.id });
  return { kind: 'failed', why };
}

/** Whether the job of a claim was started; its claimer, if that lives, is at no other start. What nobody can read counts as started. */
export function judgeClaim(
  home: Home,
  name: string,
  key: string,
  generation: number,
): { started: boolean; job: JobId | null; by: 'alive' | 'dead' } {
  const paths = home.trigger(name);
  const claim = readClaim(paths, key, generation);
  if (!claim) return { started: true, job: null, by: 'dead' };
  const { job: id } = claim;
  const by = isAlive(claim.by) === 'dead' || claim.by.pid === process.pid ? 'dead' : 'alive';
  const told = (started: boolean) => ({ started, job: id, by }) as const;
  if (by === 'alive') return told(true);
  const job = home.job(id);
  const spec = readSpec(job, id);
  if (spec.kind === 'unreadable') return told(true);
  if (spec.kind === 'absent')
    return told(isRetired(home, id) || readEvents(paths).some((event) => event.job === id));
  const { origin, placement } = spec.value;
  // the number was given to another job
  if (
    origin?.kind !== 'trigger' ||
    origin.name !== name ||
    (origin.delivery !== null && keyOf(origin.delivery) !== key)
  )
    return told(false);
  const isThere =
    isLocked(job.alive) ||
    readOwner(job).kind !== 'absent' ||
    readState(job).kind !== 'absent' ||
    (placement !== null && findEntry(home, { ...spec.value, placement }) !== undefined);
  // written, and its launcher was killed before anything came of it
  if (!isThere) takeBack(home, id, spec.value);
  return told(isThere);
}

/** Notes what became of a delivery, and tells it. */
export function note(
  home: Home,
  name: string,
  event: Pick<TemplateEvent, 'did' | 'why' | 'job' | 'delivery'>,
  at = systemClock.now(),
): void {
  const { did, job, why, delivery } = event;
  const called = delivery === null ? '' : ` (delivery ${delivery})`;
  tell(`${name}: ${did}${job === null ? '' : ` job ${job}`}${why === null ? '' : `, ${why}`}${called}`);
  try {
    const notedAt = systemClock.now();
    noteEvent(home.trigger(name), { at, until: null, times: 1, by: 'delivery', ...event, notedAt });
  } catch (thrown) {
    tell(`${name}: that could not be noted: ${errnoOf(thrown)}`);
  }
}

/** Why a job could not be started, in few words. */
function reasonOf(failure: Failure): string {
  if (failure.code === 'io') return `cannot ${failure.doing} ${failure.path}: ${failure.errno}`;
  if (failure.code === 'starter-newer') return failure.why;
  return failure.code;
}
