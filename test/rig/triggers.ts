/** What the tests about triggers share: adding one, its listener, and what its jobs were given. */
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { isRunning, parentOf, processesNaming } from './processes.ts';
import type { Rig } from './rig.ts';
import { until } from './until.ts';

export interface Added {
  url: string;
  secret: string;
}

/** `bgjob trigger add ARGS`; fails unless it was added. */
export async function addTrigger(rig: Rig, args: string[], options = {}): Promise<Added> {
  const begun = performance.now();
  const { code, stdout, stderr } = await rig.bgjob(['trigger', 'add', ...args], options);
  // 137 after as long as a call may take: the rig ended it, and nobody else
  assert.equal(code, 0, `${stderr}trigger add: ${code} after ${Math.round(performance.now() - begun)} ms`);
  const [url, secret, ...rest] = stdout.split('\n');
  assert.deepEqual(rest, [''], 'two lines, and nothing else');
  assert.match(secret!, /^[0-9a-f]{64}$/);
  return { url: url!, secret: secret! };
}

/** Removes all triggers and waits until their listeners have ended. */
export async function removeTriggers(rig: Rig): Promise<void> {
  const names = (await rig.json(['trigger', 'ls'])).map(({ name }) => name);
  if (names.length > 0) assert.equal((await rig.bgjob(['trigger', 'rm', ...names])).code, 0);
  await until(
    async () =>
      // a lost job has ended, and has no time of its end
      (await listenersOf(rig)).filter(({ state, endedAt }) => state !== 'lost' && endedAt === null).length,
    (count) => count === 0,
    'the end of the listeners',
  );
}

/** The jobs that are listeners, as `ls --json` tells them. */
export const listenersOf = async (rig: Rig): Promise<any[]> =>
  (await rig.json(['ls', '-a', '-n', '1000'])).filter(({ name }) => String(name).startsWith('listener-'));

/** The Node process that listens; undefined while it is being started. */
export function listenerPid(rig: Rig): number | undefined {
  for (const name of fs.readdirSync('/proc')) {
    const pid = Number(name);
    if (!Number.isInteger(pid) || !isRunning(pid)) continue;
    try {
      const title = fs.readFileSync(`/proc/${pid}/cmdline`, 'latin1');
      const environment = fs.readFileSync(`/proc/${pid}/environ`, 'latin1');
      if (title.startsWith('bgjob[listener]') && environment.includes(`BGJOB_HOME=${rig.home}`)) return pid;
    } catch {
      // it has just ended
    }
  }
  return undefined;
}
/** Kills it; `whole`: the shell that would start it again, and whoever watches that, too. */
export async function slayListener(rig: Rig, whole: boolean): Promise<void> {
  const pid = await until(
    () => listenerPid(rig),
    (found) => found !== undefined,
    'a listener',
  );
  const pids = [pid!];
  if (whole) {
    // it answers before its supervisor has recorded that it runs
    const [{ id }] = await until(
      async () => (await listenersOf(rig)).filter(({ state }) => state === 'running'),
      ({ length }) => length > 0,
      'the job of the listener',
    );
    const { shim, watcher } = await rig.shimOf(id);
    const shell = parentOf(pid!);
    pids.unshift(watcher, rig.ownerPid(id), shim, shell);
  }
  // it may have ended by itself just now: then a number is nobody's, or another's, or 0, which would be all of us
  const own = new Set(processesNaming(rig.dir).map(({ pid: one }) => one));
  for (const one of pids) if (own.has(one) && isRunning(one)) process.kill(one, 'SIGKILL');
  await until(
    () => pids.filter(isRunning),
    (left) => left.length === 0,
    'the end of the listener',
  );
}

/** What a trigger noted, the oldest first. */
export const eventsOf = (rig: Rig, name: string): Promise<any[]> => rig.json(['trigger', 'ls', name]);

/** A record as it lies on the disk. */
export const recordOf = (rig: Rig, name: string): any =>
  JSON.parse(fs.readFileSync(join(rig.home, 'triggers', name, 'record.json'), 'utf8'));
