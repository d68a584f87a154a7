/** What a schedule did, as `cron ls NAME --json` tells it. */
import type { Rig } from './rig.ts';

export interface Told {
  at: string;
  until: string | null;
  times: number;
  did: string;
  why: string | null;
  job: number | null;
  by: string;
}

export const eventsOf = (rig: Rig, name: string): Promise<Told[]> => rig.json(['cron', 'ls', name]);
