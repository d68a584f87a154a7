/**
 * The supervisor: one long-lived process per running job, started by the launcher, or in the place of a dead one by the
 * watcher of the shim (`--adopt`). At the end of a queued job it takes the next one; a queue that waits for something else
 * has a keeper (`--keep`). It loads no package. Its descriptors: 3 the job's environment (an adopter: a dead socket; a queued
 * job: nothing), 4 the FIFO `alive` (a keeper: its own).
 *
 *     supervisor.js HOME ID GENERATION
 *     supervisor.js HOME ID --adopt
 *     supervisor.js HOME QUEUE --keep
 *     supervisor.js HOME ID --hook
 */
import { sleepSync, systemClock } from '../base/clock.ts';
import { ignoreSystemError } from '../base/result.ts';
import { rememberProgram } from '../engine/os/own-program.ts';
import { HAS_PROC, identify, isSame } from '../engine/os/process-identity.ts';
import type { AnchoredHome } from '../job/home/anchored-home.ts';
import type { JobPaths } from '../job/home/paths.ts';
import {
  claimOwner,
  type Found,
  highestGeneration,
  type Owner,
  readOwner,
  readSpec,
  readState,
} from '../job/home/records.ts';
import type { JobId, Spec } from '../job/spec.ts';
import { adopt, isPutBack } from './adopt.ts';
import { noteUnexpected } from './crash.ts';
import { anchoredHome, homeOf } from './own-home.ts';
import { runQueueWaiter } from './queue-waiter.ts';
import { runHook } from './run-hook.ts';
import { startJob } from './start.ts';
import { ALIVE_FD, Supervision } from './supervision.ts';

/** How long an adopter waits for a home that is away, and how often it looks for it, milliseconds. */
const AWAY_MS = 600_000;
const AWAY_POLL_MS = 1000;

function main(): void {
  const [, , homePath, subject, mode] = process.argv;
  rememberProgram(__filename);
  // in place of the command line, which `pkill -f` would find
  process.title = `bgjob[${subject}]`;
  // before anything is published: a nudge to a Node without handlers would kill it
  process.on('SIGTERM', () => {
    for (const one of Supervision.all) one.readRequests();
  });
  process.on('SIGURG', () => {
    for (const one of Supervision.all) one.checkMain();
  });
  // a child ended, or was stopped; without /proc each look is a child itself
  if (HAS_PROC)
    process.on('SIGCHLD', () => {
      for (const one of Supervision.all) one.watchStoppedShim();
    });
  // ignored, without a default that ends us (HUP, INT) or opens a debugger (USR1)
  for (const signal of ['SIGHUP', 'SIGINT', 'SIGQUIT', 'SIGUSR1', 'SIGUSR2'] as const)
    process.on(signal, () => {});

  // one that has not come so far yet has only its job
  noteUnexpected(() => (Supervision.all.size > 0 ? Supervision.all : booting));

  if (mode === '--keep' || mode === '--hook') {
    const home = anchoredHome(homePath!);
    if (home && mode === '--keep') void runQueueWaiter(home, subject!);
    else if (home) begin(home, Number(subject), mode);
  } else beginWhenHere(homePath!, Number(subject), mode!, systemClock.monotonic() + AWAY_MS);
}

/** Begins with the job, or with its adoption when its home is back: then its limits hold again. */
function beginWhenHere(path: string, id: JobId, mode: string, untilMs: number): void {
  const home = homeOf(path, id);
  if (home === 'away') {
    if (mode === '--adopt' && systemClock.monotonic() < untilMs)
      setTimeout(() => beginWhenHere(path, id, mode, untilMs), AWAY_POLL_MS);
  } else if (home) begin(home, id, mode);
}

function begin(home: AnchoredHome, id: JobId, mode: string): void {
  const spec = readSpec(home.job(id), id);
  if (spec.kind !== 'read') return;
  if (mode === '--hook') void runHook(home, spec.value);
  else supervise(home, spec.value, mode);
}

/** The job that this process is about to supervise. */
const booting = new Set<{ job: JobPaths; owner: Owner }>();

function supervise(home: AnchoredHome, spec: Spec, mode: string): void {
  const self = identify(process.pid);
  if (!self) return;
  const job = home.job(spec.id);
  const before = readOwner(job);
  // also after an owner whose record is damaged
  const generation = mode === '--adopt' ? highestGeneration(job) + 1 : Number(mode);
  const state = readState(job);
  // each attempt has an owner of its own
  const attempts = state.kind === 'read' ? state.value.attempt : 1;
  // something kills every adopter, or every adopter crashes: then slowly
  if (mode === '--adopt' && generation - attempts > 10) sleepSync(1000);
  const owner: Owner = { generation, identity: self };
  booting.add({ job, owner });
  // put back into its queue, by one who died before he let go of it: there is nothing to own
  const isBack = mode === '--adopt' && isPutBack(job);
  const claimed = isBack ? 'mine' : becomeOwner(owner);
  if (claimed === 'taken') return;
  const supervision = new Supervision(home, spec, owner, {
    isClaimed: claimed === 'mine',
    aliveFd: ALIVE_FD,
    start: startJob,
  });
  booting.clear();
  if (mode === '--adopt') adopt(supervision);
  else startJob(supervision);

  function becomeOwner(mine: Owner): 'mine' | 'taken' | 'unwritten' {
    // the launcher was first, as nearly always: a claim that must fail would cost a file and a flush before the job starts
    if (before.kind === 'read' && before.value.generation === mine.generation) return whose(before);
    try {
      if (claimOwner(job, mine)) return 'mine';
    } catch (thrown) {
      ignoreSystemError(thrown);
      // a full disk. The launcher may have found room to write the same, or ends us; and nobody but us takes the place of a
      // dead supervisor: the job's limits must hold
      return 'unwritten';
    }
    // the launcher may have written the same for us; anybody else is the owner then, and we leave without a trace
    return whose(readOwner(job));
  }

  function whose(highest: Found<Owner>): 'mine' | 'taken' {
    return highest.kind === 'read' && isSame(highest.value.identity, owner.identity) ? 'mine' : 'taken';
  }
}

main();
