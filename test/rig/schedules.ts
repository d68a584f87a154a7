/** What a schedule did, as `cron ls NAME --json` tells it; and what must be true of one that is due every second. */
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { join } from 'node:path';
import type { Rig } from './rig.ts';
import { until } from './until.ts';

export interface Told {
  at: string;
  until: string | null;
  times: number;
  did: string;
  why: string | null;
  job: number | null;
  by: string;
  notedAt: string;
}

export const eventsOf = (rig: Rig, name: string): Promise<Told[]> => rig.json(['cron', 'ls', name]);

/** Waits until a schedule has done that. A call costs as much as a job: it is made when the journal has changed. */
export function untilEvents(rig: Rig, name: string, holds: (events: Told[]) => boolean): Promise<Told[]> {
  const stampOf = (): string =>
    ['history', 'history.1']
      .map((file) => fs.statSync(join(rig.home, 'schedules', name, file), { throwIfNoEntry: false }))
      .map((stat) => `${stat?.ino} ${stat?.size}`)
      .join();
  let stamp: string | undefined;
  let events: Told[] = [];
  return until(
    async () => {
      const now = stampOf();
      if (now !== stamp) events = await eventsOf(rig, name);
      stamp = now;
      return events;
    },
    holds,
    `what ${name} did`,
  );
}

export const startedBy = (events: Told[], by = 'time'): Told[] =>
  events.filter((event) => event.did === 'started' && event.by === by);

/** The times for which an event of a schedule stands that is due every so often, milliseconds since 1970. */
function timesOf({ at, until: last, times }: Told, everyMs: number): number[] {
  const [from, to] = [Date.parse(at), Date.parse(last ?? at)];
  assert.equal(last === null, times === 1, 'one time is no range');
  assert.equal(to - from, (times - 1) * everyMs, `${times} times from ${at} to ${last}`);
  return Array.from({ length: times }, (_, n) => from + n * everyMs);
}

/** Of a schedule with `@every` and without --catch-up: from the first time to the last each has one word, whatever it is. */
export function assertEachTold(events: Told[], everyMs: number): void {
  const told = events
    .filter(({ by }) => by !== 'hand')
    .flatMap((event) => timesOf(event, everyMs))
    .sort((a, b) => a - b);
  for (const [n, at] of told.entries())
    if (n > 0)
      assert.equal(at - told[n - 1]!, everyMs, `${new Date(at).toISOString()} in ${JSON.stringify(events)}`);
}
export const assertEachSecondTold = (events: Told[]): void => assertEachTold(events, 1000);
