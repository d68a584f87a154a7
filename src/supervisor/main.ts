/**
 * The supervisor: one long-lived process per running job. The launcher starts it; with `--adopt` the watcher
 * starts it, to replace a dead one; with `--adopt-orphan` a bgjob command, where the watcher could not. At the
 * end of a queued job it takes the next job of the queue. With `--keep` it is the queue waiter, with `--hook`
 * the hook process. It loads no package. Descriptor 3 is the job's environment (for an adopter a dead socket,
 * for a queued job nothing), 4 is the FIFO `alive` (for a queue waiter its own FIFO).
 *
 *     supervisor.js HOME ID GENERATION [SLOT]
 *     supervisor.js HOME ID --adopt
 *     supervisor.js HOME ID --adopt-orphan
 *     supervisor.js HOME QUEUE --keep
 *     supervisor.js HOME ID --hook
 */
import { closeSync } from 'node:fs';
import { sleepSync, systemClock } from '../base/clock.ts';
import { ignoreSystemError } from '../base/result.ts';
import { runHooksHere } from '../engine/hooks/exit-hook.ts';
import { ORPHAN_MODE } from '../engine/launch/adopt-orphan.ts';
import { rememberProgram } from '../engine/os/own-program.ts';
import { HAS_PROC, identify, isAlive, isSame } from '../engine/os/process-identity.ts';
import { preloadTable } from '../engine/os/process-table.ts';
import type { AnchoredHome } from '../job/home/anchored-home.ts';
import type { JobPaths } from '../job/home/paths.ts';
import {
  claimOwner,
  type Found,
  foundValue,
  highestGeneration,
  type Owner,
  readOwner,
  readSpec,
  readState,
} from '../job/home/records.ts';
import type { JobId, Spec } from '../job/spec.ts';
import { adopt, isPutBack } from './adopt.ts';
import { recordUncaughtErrors } from './crash.ts';
import { anchoredHome, homeOf } from './own-home.ts';
import { runQueueWaiter } from './queue-waiter.ts';
import { runHook } from './run-hook.ts';
import { startJob } from './start.ts';
import { ALIVE_FD, Supervision } from './supervision.ts';

/** An adopter waits so long for a home that was moved or locked. */
const AWAY_MS = 600_000;
const AWAY_POLL_MS = 1000;

function main(): void {
  const [, , homePath, subject, mode] = process.argv;
  rememberProgram(__filename);
  // replaces the command line, which `pkill -f` would find
  process.title = `bgjob[${subject}]`;
  // before anything is published: without a handler these signals would kill Node
  process.on('SIGTERM', () => {
    for (const one of Supervision.all) one.readRequests();
  });
  process.on('SIGURG', () => {
    for (const one of Supervision.all) one.checkMain();
  });
  // a child ended or was stopped. Without /proc, the check itself needs a child
  if (HAS_PROC)
    process.on('SIGCHLD', () => {
      for (const one of Supervision.all) one.watchStoppedShim();
    });
  // these would end the process (HUP, INT) or open a debugger (USR1)
  for (const signal of ['SIGHUP', 'SIGINT', 'SIGQUIT', 'SIGUSR1', 'SIGUSR2'] as const)
    process.on(signal, () => {});

  // before the supervision exists, the job is in `booting`
  recordUncaughtErrors(() => (Supervision.all.size > 0 ? Supervision.all : booting));

  runHooksHere((home, spec) => runHook(home, spec).catch(ignoreSystemError));

  if (mode === '--keep' || mode === '--hook') {
    const home = anchoredHome(homePath!);
    if (home && mode === '--keep') void runQueueWaiter(home, subject!);
    else if (home) begin(home, Number(subject), mode);
  } else {
    beginWhenHere(homePath!, Number(subject), mode!, systemClock.monotonic() + AWAY_MS);
    // after the start of the job
    void preloadTable();
  }
}

function beginWhenHere(path: string, id: JobId, mode: string, untilMs: number): void {
  const home = homeOf(path, id);
  if (home === 'away') {
    if (mode.startsWith('--adopt') && systemClock.monotonic() < untilMs)
      setTimeout(() => beginWhenHere(path, id, mode, untilMs), AWAY_POLL_MS);
  } else if (home) begin(home, id, mode);
}

function begin(home: AnchoredHome, id: JobId, mode: string): void {
  const spec = readSpec(home.job(id), id);
  if (spec.kind !== 'read') return;
  if (mode === '--hook') {
    // the inherited environment and lock
    for (const fd of [3, ALIVE_FD]) closeSync(fd);
    void runHook(home, spec.value);
  } else supervise(home, spec.value, mode);
}

const booting = new Set<{ job: JobPaths; owner: Owner }>();

function supervise(home: AnchoredHome, spec: Spec, mode: string): void {
  const [, , , , , slotText] = process.argv;
  const self = identify(process.pid);
  if (!self) return;
  const job = home.job(spec.id);
  const before = readOwner(job);
  const isAdopter = mode === '--adopt' || mode === ORPHAN_MODE;
  // the number of an owner counts even if its record is damaged
  let generation = isAdopter ? highestGeneration(job) + 1 : Number(mode);
  if (mode === ORPHAN_MODE) {
    // another process may adopt it, too. The first one takes this number, and is alive for the second
    if (before.kind !== 'read' || isAlive(before.value.identity) !== 'dead') return;
    generation = before.value.generation + 1;
  }
  // each attempt has one more owner
  const attempts = foundValue(readState(job))?.attempt ?? 1;
  // something kills every adopter, or every adopter crashes: slow down
  if (isAdopter && generation - attempts > 10) sleepSync(1000);
  const given = isAdopter ? (foundValue(before)?.slot ?? foundValue(readState(job))?.slot) : Number(slotText);
  const owner: Owner = { generation, identity: self, slot: given || null };
  booting.add({ job, owner });
  // the dead owner put the job back into its queue but did not unlock it: there is nothing to own
  const isBack = isAdopter && isPutBack(job);
  const claimed = isBack ? 'mine' : becomeOwner(owner);
  if (claimed === 'taken') return;
  const supervision = new Supervision(home, spec, owner, {
    isClaimed: claimed === 'mine',
    aliveFd: ALIVE_FD,
    start: startJob,
  });
  booting.clear();
  if (isAdopter) adopt(supervision);
  else startJob(supervision);

  function becomeOwner(mine: Owner): 'mine' | 'taken' | 'unwritten' {
    // the launcher was first, as nearly always: a claim that must fail would cost a file and a flush
    if (before.kind === 'read' && before.value.generation === mine.generation) return whose(before);
    try {
      if (claimOwner(job, mine)) return 'mine';
    } catch (thrown) {
      ignoreSystemError(thrown);
      // the disk is full. The launcher may have written the same claim, or ends this process. Only this
      // process replaces a dead supervisor, and the limits of the job must hold
      return 'unwritten';
    }
    // the launcher may have written the same claim for us. Another owner wins, and this process ends without
    // a trace
    return whose(readOwner(job));
  }

  function whose(highest: Found<Owner>): 'mine' | 'taken' {
    return highest.kind === 'read' && isSame(highest.value.identity, owner.identity) ? 'mine' : 'taken';
  }
}

main();
