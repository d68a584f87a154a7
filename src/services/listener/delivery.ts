/**
 * Starting the job of a delivery, once. The claim is durable before the job is written, and names the job: if
 * a listener is killed in between, the next one knows whether the job was started. A failed start removes its
 * claim, and the delivery may come again.
 */
import { createHash, randomBytes } from 'node:crypto';
import { lstatSync } from 'node:fs';
import { systemClock } from '../../base/clock.ts';
import { errnoOf } from '../../base/result.ts';
import { startFrom } from '../../engine/automation/start-once.ts';
import { takeBack } from '../../engine/launch/launch.ts';
import { observe } from '../../engine/observe/observe.ts';
import { isAlive, isLocked } from '../../engine/os/process-identity.ts';
import {
  appendEvent,
  forgetClaim,
  readClaim,
  readEvents,
  type TemplateEvent,
} from '../../job/automation/template-records.ts';
import { headerVariable, type Trigger } from '../../job/automation/trigger.ts';
import type { Home } from '../../job/home/home.ts';
import { isRetired } from '../../job/home/ids.ts';
import { readOwner, readSpec, readState, supersededBy } from '../../job/home/records.ts';
import { findEntry } from '../../job/queue/queue-files.ts';
import type { JobId } from '../../job/spec.ts';
import { exitCodeOf } from '../../job/state.ts';
import { stateWord } from '../../job/view.ts';
import { ownJob, startFailureText } from '../service.ts';
import { logLine } from '../service-log.ts';

export interface Delivery {
  /** The id that the sender gave it; null: none, and it may come twice. */
  id: string | null;
  header(name: string): string;
  body: Uint8Array;
}

export type Delivered =
  | { kind: 'started'; job: JobId }
  /** `job` null: the claim cannot be read. `why`: what became of the job, and how to start it again. */
  | { kind: 'replayed'; job: JobId | null; why: string }
  | { kind: 'failed'; why: string };

const keyOf = (id: string | null): string =>
  id === null ? randomBytes(32).toString('hex') : createHash('sha256').update(id).digest('hex');

/** Must not run twice at once, because the umask is that of the process. */
export async function deliver(home: Home, trigger: Trigger, delivery: Delivery): Promise<Delivered> {
  const { name } = trigger;
  const paths = home.trigger(name);
  const key = keyOf(delivery.id);
  let generation = 0;
  // a damaged claim or a link counts too
  while (lstatSync(paths.claim(key, generation + 1), { throwIfNoEntry: false })) generation++;
  const previous = generation === 0 ? undefined : judgeClaim(home, name, key, generation);
  if (previous?.started) {
    const why = `delivered before${previous.job === null ? '' : `, as ${jobText(home, previous.job)}`}`;
    recordEvent(home, name, { did: 'skipped', why, job: null, delivery: delivery.id });
    return { kind: 'replayed', job: previous.job, why };
  }
  const claim = { key, generation: generation + 1 };
  const started = await startFrom(home, paths, trigger, {
    origin: { kind: 'trigger', name, delivery: delivery.id },
    variables: [
      `BGJOB_TRIGGER=${name}`,
      `BGJOB_DELIVERY=${delivery.id ?? ''}`,
      // also for a missing header, so that every job has the same variables
      ...trigger.headers.map((header) => `${headerVariable(header)}=${delivery.header(header)}`),
    ],
    claim,
    payload: delivery.body,
    parent: ownJob(),
    after: [],
  });
  if (started.ok) {
    recordEvent(home, name, { did: 'started', why: null, job: started.value, delivery: delivery.id });
    return { kind: 'started', job: started.value };
  }
  if (started.failure.code === 'started-before') return { kind: 'failed', why: 'another listener has it' };
  forgetClaim(paths, key, claim.generation);
  const why = startFailureText(started.failure);
  recordEvent(home, name, { did: 'failed', why, job: null, delivery: delivery.id });
  return { kind: 'failed', why };
}

/** The job of a delivery, and if it failed, how to start it again with the same body. */
function jobText(home: Home, id: JobId): string {
  const view = observe(home, id);
  const text = `job ${id}`;
  if (view === undefined) return `${text}, which was removed since; send it with another id to start a job`;
  if (view.kind !== 'ended') return text;
  const { outcome } = view.status;
  const code = exitCodeOf(outcome);
  if (code === 0) return text;
  const how = outcome.kind === 'exited' ? `exit code ${code}` : stateWord(view);
  const next = supersededBy(home.job(id));
  if (next !== undefined) return `${text}, which failed (${how}); it was started again as job ${next}`;
  return `${text}, which failed (${how}); to start it again: bgjob restart ${id}`;
}

/**
 * Whether it was started. A claimer that lives is this process, and is not starting it now. An unreadable
 * claim counts as started.
 */
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
  const judged = (started: boolean) => ({ started, job: id, by }) as const;
  if (by === 'alive') return judged(true);
  const job = home.job(id);
  const spec = readSpec(job, id);
  if (spec.kind === 'unreadable') return judged(true);
  if (spec.kind === 'absent')
    return judged(isRetired(home, id) || readEvents(paths).some((event) => event.job === id));
  const { origin, placement } = spec.value;
  // the id belongs to another job
  if (
    origin?.kind !== 'trigger' ||
    origin.name !== name ||
    (origin.delivery !== null && keyOf(origin.delivery) !== key)
  )
    return judged(false);
  const isThere =
    isLocked(job.alive) ||
    readOwner(job).kind !== 'absent' ||
    readState(job).kind !== 'absent' ||
    (placement !== null && findEntry(home, { ...spec.value, placement }) !== undefined);
  // the launcher was killed after it wrote the spec, before the start
  if (!isThere) takeBack(home, id, spec.value);
  return judged(isThere);
}

export function recordEvent(
  home: Home,
  name: string,
  event: Pick<TemplateEvent, 'did' | 'why' | 'job' | 'delivery'>,
  at = systemClock.now(),
): void {
  const { did, job, why, delivery } = event;
  const called = delivery === null ? '' : ` (delivery ${delivery})`;
  logLine(`${name}: ${did}${job === null ? '' : ` job ${job}`}${why === null ? '' : `, ${why}`}${called}`);
  try {
    const notedAt = systemClock.now();
    appendEvent(home.trigger(name), { at, until: null, times: 1, by: 'delivery', ...event, notedAt });
  } catch (thrown) {
    logLine(`${name}: the history could not be written: ${errnoOf(thrown)}`);
  }
}
