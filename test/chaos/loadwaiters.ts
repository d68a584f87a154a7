/** Many waiters on one job: they cost little while nothing happens, and each of them returns the truth. */
import assert from 'node:assert/strict';
import { computedMs, memoryKb, openFiles } from '../rig/processes.ts';
import { type Call, type Rig, withRig } from '../rig/rig.ts';
import { until } from '../rig/until.ts';
import { inParallel, killOwner, pass, runPuppet, slay } from './death.ts';
import type { Row } from './part.ts';

async function startWaiters(rig: Rig, id: number, count: number): Promise<Call[]> {
  const calls: Call[] = [];
  // a few at a time: it is the waiting that is looked at, not the start of so many Nodes at once
  await inParallel(count, 8, async () => {
    const call = rig.startBgjob(['wait', String(id)]);
    calls.push(call);
    await until(
      () => openFiles(call.child.pid!),
      (paths) => paths.includes(rig.file(id, 'alive')),
      `a waiter on ${id}`,
    );
  });
  return calls;
}

/** All answers, and how long the last took. */
async function answersOf(calls: Call[]): Promise<{ codes: number[]; texts: string[]; took: string }> {
  const begun = performance.now();
  const answers = await Promise.all(calls.map(({ answer }) => answer));
  const took = `${((performance.now() - begun) / 1000).toFixed(1)} s`;
  return { codes: answers.map(({ code }) => code), texts: answers.map(({ stdout }) => stdout), took };
}

/** `idleMs`: how long they are watched while they have nothing to do. */
export async function manyWaiters(count: number, idleMs: number): Promise<Row[]> {
  return withRig(async (rig) => {
    const rows: Row[] = [];
    const puppet = await rig.puppet();
    const id = await runPuppet(rig, puppet);
    const calls = await startWaiters(rig, id, count);
    const pids = calls.map(({ child }) => child.pid!);
    const kb = pids.reduce((sum, pid) => sum + memoryKb(pid), 0);
    rows.push({
      what: `memory (PSS) of each of ${count} waiters`,
      figure: `${(kb / count / 1024).toFixed(1)} MB`,
    });
    const before = pids.reduce((sum, pid) => sum + computedMs(pid), 0);
    await pass(idleMs);
    const idle = pids.reduce((sum, pid) => sum + computedMs(pid), 0) - before;
    if (idleMs > 0) rows.push({ what: `CPU of ${count} waiters in ${idleMs} ms`, figure: `${idle} ms` });
    // the death of the supervisor wakes nobody: its adopter goes on
    await killOwner(rig, id);
    await puppet.exit(3);
    const ended = await answersOf(calls);
    assert.deepEqual(
      ended.codes,
      calls.map(() => 3),
    );
    rows.push({
      what: `${count} waiters return the code after supervisor and job ended`,
      figure: ended.took,
    });

    const other = await rig.puppet();
    const lost = await runPuppet(rig, other);
    const losers = await startWaiters(rig, lost, count);
    const { shim, watcher } = rig.shimRecord(lost);
    for (const pid of [watcher!, rig.ownerPid(lost), shim!]) await slay(pid);
    const told = await answersOf(losers);
    assert.deepEqual(
      told.codes,
      losers.map(() => 125),
    );
    for (const text of told.texts)
      assert.match(text, new RegExp(`^${lost} lost \\(supervisor and shim were killed\\)`));
    rows.push({ what: `${count} waiters return "lost" after all that knew was killed`, figure: told.took });
    assert.equal((await rig.bgjob(['kill', '--now', String(lost)])).code, 0);
    return rows;
  });
}
