/**
 * Mutants: faults that a maintainer could make, each one a small change of the sources. Each is caught by a
 * test that is named here:
 * by a test of `npm test` or `npm run test:all`, or by a round of the crash matrix. `npm run chaos mutants`
 * proves it for all of them.
 */
import type { Point } from './stopper.ts';
import { assertWhole, type Promised } from './truth.ts';

/** In a file of src: `from`, which stands there once, becomes `to`. */
export interface Change {
  file: string;
  from: string;
  to: string;
}

/** A test that fails if the program has the fault. */
export interface NamedTest {
  /** Its file, relative to test/. */
  test: string;
  /** A part of its name that no other test of the file has. */
  name: RegExp;
  /**
   * A program that it needs beyond bash, coreutils, util-linux, git and Node: then it is a test of `npm run
   * test:all`.
   */
  needs?: string;
}

/** A round of the crash matrix in which the program breaks a promise. */
export interface Round {
  promised: Promised;
  setting: string;
  /** Who is killed, beyond those that die in the setting anyway. */
  kill?: Point;
  /** The same instant in the program as it is, if it makes another call there. */
  unbroken?: Point;
}

export interface Mutant {
  /** What is wrong with the program. */
  what: string;
  changes: Change[];
  by: NamedTest | Round;
}

export const isRound = (by: Mutant['by']): by is Round => 'promised' in by;

/** The layer of tests that catches a mutant. */
export const layerOf = ({ by }: Mutant): 'npm test' | 'test:all' =>
  !isRound(by) && by.needs === undefined && /^(unit|cli)\//.test(by.test) ? 'npm test' : 'test:all';

const at = (role: string, call: string, n: number, when: Point['when']): Point => ({ role, call, n, when });

export const MUTANTS: Mutant[] = [
  {
    what: 'a job over its memory whose shell ended with 0 has succeeded',
    changes: [
      { file: 'job/lifecycle.ts', from: "if (stop?.cause === 'memory') return", to: 'if (false) return' },
    ],
    by: { test: 'unit/job/lifecycle.test.ts', name: /a limit of memory is told as 137/ },
  },
  // ---- reading ----
  {
    what: 'an error that a test expects counts before the failed test',
    changes: [
      {
        file: 'engine/search/first-failure.ts',
        from: 'if (!first || line.kind < first.kind) first = line;',
        to: 'if (!first) first = line;',
      },
    ],
    by: { test: 'unit/engine/search/first-failure.test.ts', name: /a failed test counts before an error/ },
  },
  {
    what: 'a wrong guess of the first failure hides what stands near the end',
    changes: [
      {
        file: 'cli/wait/report-outcome.ts',
        from: 'findLastFailure(most.bytes) ?? most.bytes.length,',
        to: 'most.bytes.length,',
      },
    ],
    by: { test: 'cli/wait/wait.test.ts', name: /a wrong guess does not hide the last line/ },
  },
  {
    what: 'ls --queue shows the ends of the round before while the new one runs',
    changes: [
      {
        file: 'engine/wait/round.ts',
        from: 'const ids = open.length > 0 || hasLive || !answered ?',
        to: 'const ids = open.length > 0 || !answered ?',
      },
    ],
    by: { test: 'cli/queue/last-round.test.ts', name: /a new round takes the place of the last/ },
  },
  {
    what: 'a queue cannot be removed while the supervisor of its last job is about to leave',
    changes: [{ file: 'cli/commands/queue.ts', from: '    await untilLeft(home, name);', to: '' }],
    by: { test: 'cli/queue/queue.test.ts', name: /a job that has ended is not in the way/ },
  },
  {
    what: 'ls --queue leaves out a job whose supervisor stands still at its end',
    changes: [
      {
        file: 'engine/wait/round.ts',
        from: '[...[...admitted].filter(isUnmarked).reverse(), ...marked]',
        to: 'marked',
      },
    ],
    by: { test: 'cli/queue/last-round.test.ts', name: /whose supervisor stands still at its end/ },
  },
  {
    what: 'the log of a job that was stopped is searched for a failure',
    changes: [
      {
        file: 'cli/wait/report-outcome.ts',
        from: 'const first = from > 0 && endedByItself(view) ?',
        to: 'const first = from > 0 ?',
      },
    ],
    by: { test: 'cli/wait/wait.test.ts', name: /the end alone of a job that passed or was stopped/ },
  },
  // ---- with, and the conditions of one's own ----
  {
    what: 'the guard of with does not know the server',
    changes: [
      {
        file: 'cli/commands/with.ts',
        from: 'const told = (id: JobId) => guard.job(id);',
        to: 'const told = (_: JobId) => guard.job(null);',
      },
    ],
    by: { test: 'cli/with/endings.test.ts', name: /with, ended by SIGKILL/ },
  },
  {
    what: 'with stops a server that it did not start',
    changes: [
      {
        file: 'cli/commands/with.ts',
        from: 'if (!reused) await endServer(side, home, id);',
        to: 'await endServer(side, home, id);',
      },
    ],
    by: { test: 'cli/with/with.test.ts', name: /with --reuse/ },
  },
  {
    what: 'with leaves the children of its tests',
    changes: [
      {
        file: 'engine/stop/process-family.ts',
        from: 'if (this.known.has(ppid) && !this.known.has(pid) && !seen.isSupervisor)',
        to: 'if (ppid < 0 && !seen.isSupervisor)',
      },
    ],
    by: { test: 'cli/with/endings.test.ts', name: /with, ended by SIGTERM/ },
  },
  {
    what: 'with leaves what its tests have in the background',
    changes: [
      {
        file: 'cli/with/run-tests.ts',
        from: 'if (left.length > 0)',
        to: 'if (left.length > 99)',
      },
    ],
    by: { test: 'cli/with/endings.test.ts', name: /in the background is ended/ },
  },
  {
    what: 'with ends the jobs that its tests started',
    changes: [{ file: 'cli/with/tests.ts', from: ' && variables.find(isOfJob) === caller)', to: ')' }],
    by: { test: 'cli/with/endings.test.ts', name: /in the background is ended/ },
  },
  {
    what: 'with takes a URL that another program answers',
    changes: [
      {
        file: 'cli/commands/with.ts',
        from: '.filter(({ hostname }) => LOCAL_HOSTS.includes(hostname))',
        to: '.filter(() => false)',
      },
    ],
    by: { test: 'cli/with/with.test.ts', name: /that of --until-port/ },
  },
  {
    what: 'an attempt of --until-cmd leaves its processes',
    changes: [{ file: 'engine/wait/command.ts', from: 'await endGroup(child.pid);', to: 'child.kill();' }],
    by: { test: 'cli/wait/until-cmd.test.ts', name: /an attempt ends with the call/ },
  },
  {
    what: '--until-status follows a redirect that was asked for',
    changes: [{ file: 'engine/wait/url.ts', from: '!isAsked && seen.size', to: 'seen.size' }],
    by: { test: 'cli/wait/until-status.test.ts', name: /only these count/ },
  },
  // ---- the speed of a batch ----
  {
    what: 'each queued job is searched for leftovers, because its own supervisor has its log open',
    changes: [
      {
        file: 'engine/observe/leftovers.ts',
        from: 'if (startTicks < sinceTicks || pid === process.pid) continue;',
        to: 'if (startTicks < sinceTicks) continue;',
      },
    ],
    by: { test: 'unit/engine/observe/leftovers.test.ts', name: /a log that is open in another process/ },
  },
  {
    what: 'a supervisor believes its first check of a home that was moved',
    changes: [
      {
        file: 'job/home/anchored-home.ts',
        from: 'systemClock.monotonic() - atMs < trustMs;',
        to: 'trustMs > 0 && atMs > 0;',
      },
    ],
    by: { test: 'unit/job/home/anchored-home.test.ts', name: /a check counts for the time that is given/ },
  },
  // ---- targets ----
  {
    what: 'a job ends here before its output is here',
    changes: [
      {
        file: 'services/target/serve-target.ts',
        from: 'if (!job || job.isBehind) return;',
        to: 'if (!job) return;',
      },
    ],
    by: { test: 'cli/targets/waiting.test.ts', name: /a job has no end here before its output is here/ },
  },
  {
    what: 'run --on does not wait for the answer of the target',
    changes: [
      {
        file: 'cli/commands/run.ts',
        from: 'const there = target && !waits ? await',
        to: 'const there = target && options.wait ? await',
      },
    ],
    by: { test: 'cli/targets/accepted.test.ts', name: /a refusal is an error of the call/ },
  },
  {
    what: 'run --on waits for a slot of the target',
    changes: [
      {
        file: 'cli/wait/await-accepted.ts',
        from: 'if (waitsForSlot(home, view)) return view;',
        to: '',
      },
      {
        file: 'cli/wait/await-accepted.ts',
        from: ' || waitsForSlot(home, view);',
        to: ';',
      },
    ],
    by: { test: 'cli/targets/accepted.test.ts', name: /a job that waits for a slot of the target/ },
  },
  {
    what: 'a call that waits for the answer of a target does not start its service again',
    changes: [{ file: 'cli/wait/await-accepted.ts', from: 'await attendFar(home, view);', to: '' }],
    by: { test: 'cli/targets/accepted.test.ts', name: /is started again by the call/ },
  },
  {
    what: 'gc removes the folder of a target whose service runs',
    changes: [{ file: 'engine/gc/collect.ts', from: 'if (claim === undefined) return;', to: '' }],
    by: { test: 'cli/targets/targets.test.ts', name: /gc removes the folder of a target/ },
  },
  {
    what: 'a job that is added while gc removes the folder of its target loses its marker',
    changes: [
      {
        file: 'job/targets/target-records.ts',
        from: 'if (id !== undefined) markTargetJob(home, record.target, id, () => record.added);',
        to: '',
      },
    ],
    by: { test: 'unit/job/targets/target-records.test.ts', name: /while its folder is removed/ },
  },
  {
    what: 'a job is not added if gc removes the folder of its target twice meanwhile',
    changes: [{ file: 'job/targets/target-records.ts', from: 'MOST_TRIES = 5', to: 'MOST_TRIES = 2' }],
    by: { test: 'unit/job/targets/target-records.test.ts', name: /removed a second time/ },
  },
  {
    what: 'variables of --pass-env do not travel to a target',
    changes: [
      {
        file: 'cli/automation/template-draft.ts',
        from: '...there.map((name)',
        to: '...[].map((name)',
      },
    ],
    by: { test: 'cli/targets/targets.test.ts', name: /a schedule runs its job there/ },
  },
  {
    what: 'the view has no column for targets',
    changes: [{ file: 'cli/watch/job-table.ts', from: '...usage, row.target,', to: "...usage, '-'," }],
    by: { test: 'unit/cli/watch/frame.test.ts', name: /a column for targets/ },
  },
  // ---- a second kill ----
  {
    what: 'a second kill with a shorter grace is no request',
    changes: [
      {
        file: 'job/home/records.ts',
        from: "if (claim(job.stop(hardness, number), withChecksum(shorter))) return 'shorter';",
        to: "return 'earlier';",
      },
    ],
    by: { test: 'unit/job/home/records.test.ts', name: /of two requests to stop the one with the shorter/ },
  },
  {
    what: 'a grace that is shortened later counts from the first request on',
    changes: [
      {
        file: 'job/lifecycle.ts',
        from: 'ownMs === 0 ? 0 : ownMs + Math.max(0, at - status.stop.at)',
        to: 'at === 0 ? 0 : ownMs',
      },
    ],
    by: { test: 'unit/job/lifecycle.test.ts', name: /a second request can only shorten the grace/ },
  },
  {
    what: 'a wait does not start the service of a target that has ended',
    changes: [
      {
        file: 'engine/wait/job-end.ts',
        from: '      await attendFar(home, view);\n      const pause',
        to: '      const pause',
      },
    ],
    by: { test: 'cli/targets/recovery.test.ts', name: /a wait that begins after the service has ended/ },
  },
  {
    what: 'files in the options of ssh are found from the directory of each call',
    changes: [{ file: 'job/target.ts', from: 'resolve(folder, word)', to: 'word' }],
    by: { test: 'unit/job/home/config.test.ts', name: /files in the options of ssh have whole paths/ },
  },
  {
    what: 'the end of a far job is believed without its checksum',
    changes: [
      {
        file: 'engine/targets/far-records.ts',
        from: 'posixChecksum(Buffer.from(text!)) !== Number(sum) || ',
        to: '',
      },
    ],
    by: { test: 'unit/engine/targets/far-records.test.ts', name: /a damaged end record is no end/ },
  },
  {
    what: 'a reader that was slow takes the end of an attempt for that of the job',
    changes: [
      {
        file: 'engine/observe/observe.ts',
        from: 'return observe(home, id);\n  const exit',
        to: 'return undefined;\n  const exit',
      },
    ],
    by: {
      test: 'unit/engine/observe/observe-queued.test.ts',
      name: /it is put back after its state was read/,
    },
  },
  {
    what: 'a stop that comes while the shim forks signals the watcher, and not the job',
    changes: [{ file: 'supervisor/stop/stop-tree.ts', from: 'owner.isForking && ', to: 'false && ' }],
    by: { test: 'unit/supervisor/stop/stop-tree.test.ts', name: /the watcher is found before the job/ },
  },
  {
    what: 'a job on a target is lost when its service is killed',
    changes: [
      {
        file: 'engine/observe/observe.ts',
        from: "if (spec.target !== null && known !== null && status.phase !== 'queued' && !isCopied(job))",
        to: 'if (spec.target === undefined)',
      },
    ],
    by: { test: 'cli/targets/recovery.test.ts', name: /a service that is killed loses nothing/ },
  },
  {
    what: 'a target that does not answer fails the jobs that may run there',
    changes: [
      {
        file: 'services/target/sending.ts',
        from: 'if (job.failsAtOnce) job.failed',
        to: 'if (!job.isOver) job.failed',
      },
      {
        file: 'services/target/remote-job.ts',
        from: "this.dispatch({ type: 'start-failed', at: systemClock.now(), why, code: EXIT.bgjob });",
        to: 'this.lost(why);',
      },
    ],
    by: { test: 'cli/targets/targets.test.ts', name: /a connection that breaks changes no state/ },
  },
  {
    what: 'a job that waits is started while its target is not reached',
    changes: [
      {
        file: 'services/target/waiting-jobs.ts',
        from: 'this.isReached() || this.failsAtOnce(id)',
        to: 'true',
      },
      {
        file: 'services/target/remote-job.ts',
        from: "return status.phase === 'starting' && !mayRunThere && attempt === 1 && isPlain(spec);",
        to: "return status.phase === 'starting' && !mayRunThere;",
      },
    ],
    by: { test: 'cli/targets/waiting.test.ts', name: /jobs that wait go on waiting/ },
  },
  {
    what: 'a target that is not reached keeps its slot in a queue',
    changes: [
      {
        file: 'services/target/waiting-jobs.ts',
        from: 'if (most === 0 || !this.isReached()) fifo.close();',
        to: 'if (most === 0) fifo.close();',
      },
    ],
    by: { test: 'cli/targets/waiting.test.ts', name: /local jobs of a mixed queue go on/ },
  },
  {
    what: 'kill leaves what an ended job left on its target',
    changes: [
      {
        file: 'engine/stop/stop-job.ts',
        from: 'return stopLeftThere(home, view, target, stop);',
        to: 'return ok({ view, stopped: 0, forced: 0, alive: [], unproven: [] });',
      },
    ],
    by: { test: 'cli/targets/waiting.test.ts', name: /stops what an ended job left there/ },
  },
  {
    what: 'kill of a job on a target does not say what it could not see',
    changes: [
      {
        file: 'services/target/remote-job.ts',
        from: 'this.unseen = unseen ?? this.unseen;',
        to: '',
      },
    ],
    by: { test: 'cli/targets/waiting.test.ts', name: /kill says what it could not see there/ },
  },
  {
    what: 'a job takes the slot of another one that runs',
    changes: [
      {
        file: 'engine/queue/queue-snapshot.ts',
        from: 'if (generation > (owner?.generation ?? 0)) taken.add(slot);',
        to: '',
      },
    ],
    by: { test: 'cli/queue/slot.test.ts', name: /the lowest slot number that no running job/ },
  },
  {
    what: 'an admission that came too late keeps its slot',
    changes: [
      {
        file: 'engine/queue/queue-snapshot.ts',
        from: 'if (generation > (owner?.generation ?? 0)) taken.add(slot);',
        to: 'taken.add(slot);',
      },
    ],
    by: { test: 'unit/engine/queue/queue-snapshot.test.ts', name: /of several admissions of one job/ },
  },
  {
    what: 'an adopter forgets the slot of its job',
    changes: [
      {
        file: 'supervisor/main.ts',
        from: '(foundValue(before)?.slot ?? foundValue(readState(job))?.slot)',
        to: 'null',
      },
    ],
    by: { test: 'cli/queue/slot.test.ts', name: /an adopter keeps the number/ },
  },
  {
    what: 'the slot of the caller leaks into its jobs',
    changes: [
      { file: 'engine/launch/environment.ts', from: 'BGJOB_(NODE_|SLOT$)', to: 'BGJOB_NODE_' },
      { file: 'engine/launch/environment.ts', from: "!entry.startsWith('BGJOB_SLOT=')", to: 'true' },
    ],
    by: { test: 'cli/queue/slot.test.ts', name: /has no slot number, also if its caller/ },
  },
  {
    what: '--retry-on ends before the last code of a range',
    changes: [
      {
        file: 'job/lifecycle.ts',
        from: 'exitCodeOf(outcome) <= to',
        to: 'exitCodeOf(outcome) < to',
      },
    ],
    by: { test: 'cli/run/retry-on.test.ts', name: /only these exit codes are run again/ },
  },
  {
    what: 'set changes the record of a running job, and not its limit',
    changes: [
      {
        file: 'supervisor/stop/pause.ts',
        from: 'this.disarm();\n    this.arm(status);',
        to: '',
      },
    ],
    by: { test: 'cli/queue/set.test.ts', name: /its limit counts from its start, and one that is over/ },
  },
  {
    what: 'set asks a supervisor that does not know it',
    changes: [{ file: 'engine/stop/set-job.ts', from: '!owner.knows.includes(SETTINGS)', to: 'false' }],
    by: { test: 'cli/queue/set.test.ts', name: /a supervisor of an older version/ },
  },
  {
    what: 'a process that was slow takes the number of an admission that is over',
    changes: [
      {
        file: 'job/queue/admissions.ts',
        from: "if (highestNumber(queue.dir, 'start') === number) return",
        to: 'return',
      },
    ],
    by: { test: 'unit/engine/queue/queue-snapshot.test.ts', name: /a process that was slow/ },
  },
  {
    what: 'set counts the pause of a job that is paused',
    changes: [
      { file: 'cli/messages/control.ts', from: 'since?.monotonicMs ?? monotonicMs', to: 'monotonicMs' },
    ],
    by: { test: 'unit/cli/messages/control.test.ts', name: /counts no pause/ },
  },
  {
    what: 'pause says of a job that is being stopped that it was paused',
    changes: [{ file: 'engine/stop/pause-job.ts', from: ' || (paused && trouble)', to: '' }],
    by: { test: 'cli/stop/pause.test.ts', name: /a stop that the supervisor reads first/ },
  },
  {
    what: 'pause and set wait only shortly for the adopter of a watcher',
    changes: [
      {
        file: 'engine/stop/owner-answer.ts',
        from: 'if (isAdopted) return',
        to: 'if (isAdopted || Number.isFinite(at)) return',
      },
    ],
    by: { test: 'cli/stop/unowned.test.ts', name: /an adopter that is slow to come/ },
  },
  {
    what: 'the service of a target does not look for the next attempt of a job that has just ended',
    changes: [
      {
        file: 'services/target/serve-target.ts',
        from: 'this.isWoken = true;\n    for',
        to: 'for',
      },
    ],
    by: { test: 'cli/targets/waiting.test.ts', name: /the next attempt begins after the backoff/ },
  },
  {
    what: 'a change that no supervisor answered stays',
    changes: [
      {
        file: 'engine/stop/set-job.ts',
        from: "if (limits && answered.trouble.kind !== 'ended')",
        to: 'if (false)',
      },
    ],
    by: { test: 'cli/queue/set.test.ts', name: /a supervisor that does not answer/ },
  },
  {
    what: 'an older bgjob finds the next attempt of a job whose limit was changed',
    changes: [
      {
        file: 'supervisor/requeue.ts',
        from: 'const folder = changesLimits(limits) ? queue.changed : queue.waiting;',
        to: 'const folder = queue.waiting;',
      },
    ],
    by: { test: 'cli/queue/set.test.ts', name: /an attempt later has the new limit/ },
  },
  {
    what: 'a job on a target waits for no slot of it',
    changes: [
      {
        file: 'services/target/waiting-jobs.ts',
        from: 'Math.max(0, slots - this.jobs.size)',
        to: 'Math.max(1, slots)',
      },
    ],
    by: { test: 'cli/targets/targets.test.ts', name: /slots of a target hold/ },
  },
  {
    what: 'the output of a second attempt on a target overwrites its heading',
    changes: [
      {
        file: 'services/target/log-copy.ts',
        from: "out: begin('out') + heading",
        to: "out: begin('out')",
      },
    ],
    by: { test: 'cli/targets/targets.test.ts', name: /a batch in a queue with slots, retries/ },
  },
  {
    what: 'a job that waits in Slurm is not cancelled by kill',
    changes: [
      {
        file: 'services/target/remote-job.ts',
        from: "if (this.status.phase === 'starting' && this.mayRunThere) this.stopBefore = stop;",
        to: "if (this.status.phase === 'starting' && this.mayRunThere) continue;",
      },
    ],
    by: {
      test: 'programs/targets/slurm-verbs.test.ts',
      name: /what waits there tells why/,
      needs: 'slurmctld',
    },
  },
  {
    what: 'run waits for a job that waits in the queue of Slurm',
    changes: [
      {
        file: 'cli/wait/await-accepted.ts',
        from: "(view.status.phase === 'starting' && view.state?.there?.nativeId == null)",
        to: "view.status.phase === 'starting'",
      },
    ],
    by: {
      test: 'programs/targets/slurm-verbs.test.ts',
      name: /what waits there tells why/,
      needs: 'slurmctld',
    },
  },
  {
    what: 'the lines of a batch go to Slurm one by one',
    changes: [
      {
        file: 'services/target/sending.ts',
        from: 'this.target.slurm ? JSON.stringify([timeoutMs, graceMs, maxLogBytes, split]) : String(id)',
        to: 'String(id)',
      },
    ],
    by: { test: 'programs/targets/slurm-verbs.test.ts', name: /tasks of an array/, needs: 'slurmctld' },
  },
  {
    what: 'a job that another person cancelled in Slurm is retried',
    changes: [
      {
        file: 'services/target/remote-job.ts',
        from: "if (this.there?.verdict?.word === 'cancelled') return false;",
        to: '',
      },
    ],
    by: { test: 'programs/targets/slurm-verbs.test.ts', name: /scancel by another/, needs: 'slurmctld' },
  },
  {
    what: 'a start by Slurm once more is no attempt',
    changes: [
      {
        file: 'job/state.ts',
        from: 'attempt + (there ? there.restarts + there.earlier : 0);',
        to: 'attempt + (there?.earlier ?? 0);',
      },
    ],
    by: { test: 'programs/targets/slurm-verbs.test.ts', name: /puts back is queued/, needs: 'slurmctld' },
  },
  {
    what: 'a job that Slurm ended for its memory has the code of its shim',
    changes: [
      {
        file: 'services/target/far-outcome.ts',
        from: "verdict?.word === 'out-of-memory' ? OUT_OF_MEMORY : end.status",
        to: 'end.status',
      },
    ],
    by: { test: 'unit/services/target/far-outcome.test.ts', name: /what Slurm did/ },
  },
  {
    what: 'a job that left the queue of Slurm without a start counts as lost',
    changes: [
      {
        file: 'services/target/far-outcome.ts',
        from: "end.status === null && end.tookMs === 0 && known.status.phase === 'starting'",
        to: 'false',
      },
    ],
    by: { test: 'unit/services/target/far-outcome.test.ts', name: /left the queue/ },
  },
  {
    what: 'a far job without a process counts as lost at the first look',
    changes: [
      {
        file: 'engine/targets/shim-engine.ts',
        from: 'this.now() - since >= (this.options.lostAfterMs ?? LOST_AFTER_MS)',
        to: 'this.now() - since >= 0',
      },
    ],
    by: { test: 'unit/engine/targets/far-records.test.ts', name: /the shim was killed: the job runs/ },
  },
  {
    what: 'a second submit of one uid starts the job again',
    changes: [
      {
        file: 'engine/targets/far/shim.sh',
        from: 'if mkdir started 2>/dev/null; then',
        to: 'if mkdir -p started; then',
      },
      {
        file: 'engine/targets/far/control.sh',
        from: 'if [ -d "$far_dir/started" ]; then',
        to: 'if false; then',
      },
    ],
    by: { test: 'unit/engine/targets/shim-engine.test.ts', name: /a job runs once, with its code/ },
  },
  {
    what: 'the hint of the first run follows the words on a target that has not answered',
    changes: [{ file: 'cli/commands/run.ts', from: '!there.value?.next && ', to: '' }],
    by: { test: 'cli/output/terminal.test.ts', name: /run --on says one thing to do next/ },
  },
  {
    what: 'a second stop of a far job sends its signal again',
    changes: [
      { file: 'engine/targets/far/control.sh', from: 'then far_signal=0; fi', to: 'then far_signal=$2; fi' },
    ],
    by: { test: 'unit/engine/targets/shim-engine.test.ts', name: /sends no second TERM/ },
  },
  {
    what: 'a far job on another host of the same home counts as lost',
    changes: [
      {
        file: 'engine/targets/far/control.sh',
        from: 'elif [ "$far_record_host" != "$far_host" ]; then',
        to: 'elif false; then',
      },
    ],
    by: { test: 'unit/engine/targets/far-records.test.ts', name: /the login reached another host/ },
  },
  {
    what: 'a stop of a far job does not look for its marker',
    changes: [
      {
        file: 'engine/targets/far/processes.sh',
        from: 'grep -l "BGJOB_REMOTE=$1',
        to: 'grep -l "NONE=$1',
      },
    ],
    by: { test: 'unit/engine/targets/shim-engine.test.ts', name: /stop: counts what it signals/ },
  },
  {
    what: 'the program of a far job can be removed beside its submit',
    changes: [
      {
        file: 'engine/targets/far/control.sh',
        from: 'far_make >/dev/null && printf \'\' >>"$far_log"',
        to: 'false',
      },
    ],
    by: {
      test: 'unit/engine/targets/shim-engine.test.ts',
      name: /a submit beside the removal of the last job/,
    },
  },
  {
    what: 'a far job that ignores its TERM fills the disk until the grace is over',
    changes: [
      { file: 'engine/targets/far/shim.sh', from: '[ -d verdict.max-log ] || return 1', to: 'return 1' },
    ],
    by: { test: 'unit/engine/targets/shim-engine.test.ts', name: /ignores its TERM and writes on/ },
  },
  {
    what: 'the nap of the watcher goes on there when the job has ended',
    changes: [
      { file: 'engine/targets/far/shim.sh', from: '$left > 0 && -d "verdict"', to: '$left > 0' },
      { file: 'engine/targets/far/shim.sh', from: '[ -z "$far_naps" ] || kill "$!" 2>/dev/null', to: ':' },
    ],
    by: { test: 'unit/engine/targets/shim-engine.test.ts', name: /leaves no process of ours/ },
  },
  {
    what: 'a job of Slurm is known by its number alone',
    changes: [
      {
        file: 'engine/targets/slurm-records.ts',
        from: '(rows.get(asked.name) ?? []).filter(',
        to: '[...rows.values()].flat().filter(',
      },
      {
        file: 'engine/targets/slurm-records.ts',
        from: "(row.comment === asked.comment || row.comment === '(null)')",
        to: 'true',
      },
    ],
    by: { test: 'unit/engine/targets/slurm-records.test.ts', name: /a number alone/ },
  },
  {
    what: 'a finished job that Slurm runs again does run again',
    changes: [
      {
        file: 'engine/targets/far/shim.sh',
        from: '[ -e "$far_root/end/$far_uid" ] || far_is_stopped ||',
        to: 'far_is_stopped ||',
      },
    ],
    by: {
      test: 'programs/slurm/jobs.test.ts',
      name: /a finished job that Slurm runs again/,
      needs: 'slurmctld',
    },
  },
  {
    what: 'a job that Slurm has forgotten is done',
    changes: [
      {
        file: 'engine/targets/slurm-engine.ts',
        from: "    return { kind: 'lost', why: 'forgotten' };",
        to: '    return this.settle({ uid, status: 0, limit: null, tookMs: 0, afterStop: false, verdict: null, restarts: 0 });',
      },
    ],
    by: {
      test: 'programs/slurm/daemons.test.ts',
      name: /forgotten by Slurm before we looked/,
      needs: 'slurmctld',
    },
  },
  {
    what: 'FAILED 0:53 of Slurm is a code of 0',
    changes: [
      {
        file: 'engine/targets/slurm-records.ts',
        from: "state === 'FAILED' && code > 0 && signal === 0",
        to: "state === 'FAILED'",
      },
    ],
    by: { test: 'unit/engine/targets/slurm-records.test.ts', name: /a code that is not known/ },
  },
  {
    what: 'a process of a far job whose name has a newline is not found by its parent',
    changes: [
      {
        file: 'engine/targets/far/processes.sh',
        from: "-e :a -e '/) [A-Za-z] [0-9]/!{' -e N -e ba -e '}' ",
        to: '',
      },
    ],
    by: { test: 'unit/engine/targets/shim-engine.test.ts', name: /whatever the name of its program is/ },
  },
  {
    what: 'what a shell leaves of the control program is a request',
    changes: [
      {
        file: 'engine/targets/far/control.sh',
        from: '[ $# != 0 ] || continue',
        to: '[ $# != 0 ] || set -- N',
      },
    ],
    by: { test: 'programs/targets/far-worlds.test.ts', name: /mksh is sh/, needs: 'mksh' },
  },
  {
    what: 'a connection that ends before it is ready counts as unreachable',
    changes: [
      {
        file: 'engine/targets/ssh-trouble.ts',
        from: "new TargetError('refused', trouble, said)",
        to: "new TargetError('unreachable', trouble, said)",
      },
    ],
    by: { test: 'unit/engine/targets/transport.test.ts', name: /an end before ready is refused/ },
  },
  {
    what: 'a temporary file of another process with this pid is taken for the own one',
    changes: [
      {
        file: 'base/fs/atomic-write.ts',
        from: "if (errnoOf(thrown) === 'EEXIST') continue;",
        to: "if (errnoOf(thrown) === 'EEXIST') return temporary;",
      },
    ],
    by: { test: 'unit/base/fs/atomic-write.test.ts', name: /another process with this pid/ },
  },
  {
    what: 'blanks are written into a file that other processes see',
    changes: [
      {
        file: 'base/fs/preallocated.ts',
        from: "if (!claim(path, ' '.repeat(sizeBytes), 'none')) throw systemError('EEXIST', path);",
        to: "const fd = openSync(path, 'wx', 0o600); writeAll(fd, Buffer.alloc(sizeBytes, ' ')); closeSync(fd);",
      },
    ],
    by: { test: 'unit/base/fs/atomic-write.test.ts', name: /blanks are there all at once/ },
  },
  // ---- the shim of a batch ----
  {
    what: 'the shim of a batch takes jobs with another directory or other variables',
    changes: [{ file: 'supervisor/shim/batch-shim.ts', from: ' && this.key === key', to: '' }],
    by: { test: 'cli/run/batch-shim.test.ts', name: /jobs of two batches/ },
  },
  {
    what: 'the shim of a batch gets an order while it runs a job',
    changes: [{ file: 'supervisor/shim/batch-shim.ts', from: ' && this.open.size === 0', to: '' }],
    by: { test: 'unit/supervisor/shim/batch-shim.test.ts', name: /takes no order/ },
  },
  {
    what: 'the shim of a batch that was stopped answers no order',
    changes: [{ file: 'supervisor/shim/batch-shim.ts', from: "kill([-this.pid], 'SIGCONT')", to: '{}' }],
    by: { test: 'unit/supervisor/shim/batch-shim.test.ts', name: /stopped before an order/ },
  },
  {
    what: 'the shim of a batch that was stopped after its last job stays',
    changes: [{ file: 'supervisor/shim/batch-shim.ts', from: "kill([this.pid], 'SIGCONT');", to: '' }],
    by: { test: 'unit/supervisor/shim/batch-shim.test.ts', name: /when its last job has ended/ },
  },
  {
    what: 'watchers of a batch look for its home where it was',
    changes: [{ file: 'supervisor/shim/batch-shim.ts', from: 'call.home, ', to: '' }],
    by: { test: 'unit/supervisor/shim/batch-shim.test.ts', name: /a home that was moved/ },
  },
  {
    what: 'the shim of a batch stays in a directory that was removed',
    changes: [{ file: 'engine/shim/batch-shim.sh', from: '! [ . -ef "$shim_cwd" ] || ', to: '' }],
    by: { test: 'cli/run/batch-shim.test.ts', name: /a directory that is made anew/ },
  },
  {
    what: 'a job under the shim of a batch inherits an ignored SIGPIPE',
    changes: [{ file: 'engine/shim/batch-shim.sh', from: '    trap - PIPE\n', to: '' }],
    by: { test: 'cli/run/batch-shim.test.ts', name: /the same surroundings/ },
  },
  {
    what: 'the shim of a batch proves no main process',
    changes: [
      {
        file: 'engine/observe/process-tree.ts',
        from: ' || (this.spared.has(stat.ppid) && this.isBatchShim(parent))',
        to: '',
      },
    ],
    by: { test: 'cli/run/batch-shim.test.ts', name: /a job without marker and log/ },
  },
  {
    what: 'a watcher of a batch that is not on record lives as long as the supervisor',
    changes: [
      {
        file: 'supervisor/shim/batch-shim.ts',
        from: 'kill(this.find((pid) => hasOpen(pid, fifo)));',
        to: 'fifo.length = 0;',
      },
    ],
    by: { test: 'cli/run/batch-shim.test.ts', name: /a watcher that is not on record/ },
  },
  {
    what: 'the shim of a batch waits for ever for a watcher that was not found',
    changes: [
      {
        file: 'supervisor/shim/batch-shim.ts',
        from: 'kill(this.find((pid) => readStat(pid)?.ppid === this.pid));',
        to: '{}',
      },
    ],
    by: { test: 'cli/run/batch-shim.test.ts', name: /a job that removes record and FIFO/ },
  },
  // ---- hooks of agents' hosts ----
  {
    what: 'the line of a hook starts no Node for an end at the time of the stamp',
    changes: [
      {
        file: 'cli/hook/hook.sh',
        from: '*) [ ! -d "$home/ended" ] || [ "$own/stamp" -nt "$home/ended" ] || news=1;;',
        to: '*) [ ! -d "$home/ended" ] || [ ! "$home/ended" -nt "$own/stamp" ] || news=1;;',
      },
    ],
    by: { test: 'cli/hook/hooks-json.test.ts', name: /the line in sh/ },
  },
  {
    what: 'the line of a hook leaves stdin unread when there is no news',
    changes: [
      { file: 'cli/hook/hook.sh', from: '$(head -c 9999999 2>/dev/null)', to: '$(head -c 999 2>/dev/null)' },
    ],
    by: { test: 'cli/hook/hooks-json.test.ts', name: /the line in sh/ },
  },
  {
    what: 'the stamp of a hook has the time at which it is set',
    changes: [
      {
        file: 'job/home/session-stamps.ts',
        from: 'renameSync(made.own, made.path)',
        to: "createFile(made.path, '', 'none')",
      },
    ],
    by: { test: 'unit/job/home/session-stamps.test.ts', name: /the time at which it was taken/ },
  },
  {
    what: 'an index of names is believed after a change of the folder',
    changes: [{ file: 'job/home/name-index.ts', from: ' || of !== stamp', to: '' }],
    by: { test: 'unit/job/home/name-index.test.ts', name: /and not after a change of it/ },
  },
  {
    what: 'an index of names is believed after a step of the clock',
    changes: [{ file: 'job/home/name-index.ts', from: ' && step <= SLACK_MS + elapsed * DRIFT', to: '' }],
    by: { test: 'unit/job/home/name-index.test.ts', name: /the clock: another boot/ },
  },
  {
    what: 'a flag that begins with no- is a flag as others',
    changes: [
      {
        file: 'cli/command/split-argv.ts',
        from: "!found[0].startsWith('no-')",
        to: 'true',
      },
    ],
    by: { test: 'unit/cli/command/split-argv.test.ts', name: /with and without commander/ },
  },
  {
    what: 'a hook fails as other verbs do',
    changes: [
      {
        file: 'cli/main.ts',
        from: '  if (verbOf(process.argv[2])?.exitsZero) return 0;\n',
        to: '',
      },
    ],
    by: { test: 'cli/hook/hook.test.ts', name: /the exit code is 0 and stdout is empty/ },
  },
  {
    what: 'a hook of a subagent tells the ends of the session',
    changes: [{ file: 'cli/hook/answer.ts', from: 'call.input.isSubagent ? null : ', to: '' }],
    by: { test: 'cli/hook/hook.test.ts', name: /a subagent is told nothing/ },
  },
  {
    what: 'an answer of a hook that stdout did not take counts as told',
    changes: [
      {
        file: 'cli/commands/hook.ts',
        from: 'if (errno === undefined) output.whenDelivered(notice.delivered);',
        to: 'if (errno !== undefined) notice.delivered();\n    else if (errno === undefined) output.whenDelivered(notice.delivered);',
      },
    ],
    by: { test: 'cli/hook/hook.test.ts', name: /nobody takes is given again/ },
  },
  {
    what: 'ends beyond the fifth are hidden by the stamp',
    changes: [
      {
        file: 'cli/hook/answer.ts',
        from: '(more === 0 ? stamp?.set() : stamp?.drop())',
        to: 'stamp?.set()',
      },
    ],
    by: { test: 'cli/hook/hook.test.ts', name: /at most five/ },
  },
  {
    what: 'at the end of a turn servers are named, too',
    changes: [{ file: 'cli/hook/answer.ts', from: '!spec.server && ', to: '' }],
    by: { test: 'cli/hook/hook.test.ts', name: /once for a prompt/ },
  },
  {
    what: 'Codex gets an answer that its schema does not know',
    changes: [
      {
        file: 'cli/hook/answer.ts',
        from: "if (event === 'Stop' && host === 'codex') return",
        to: "if (event === 'Stop' && host === 'codex' && text === '') return",
      },
    ],
    by: { test: 'cli/hook/hook.test.ts', name: /codex: the answer to each event/ },
  },
  {
    what: 'in a home that cannot be written each tool tells the same ends',
    changes: [
      { file: 'cli/hook/answer.ts', from: 'stamp?.isMade === false && !isPrompt', to: 'isPrompt && !stamp' },
    ],
    by: { test: 'cli/hook/hook.test.ts', name: /the prompt tells, and no tool/ },
  },
  {
    what: 'the stamp of a session hides the ends of the project in which it is resumed',
    changes: [
      { file: 'cli/hook/answer.ts', from: 'if (hostSession) dropStamps(home, hostSession);', to: '' },
    ],
    by: { test: 'cli/hook/hook.test.ts', name: /resumed in another project/ },
  },
  {
    what: 'doctor says that Codex is told, though its shell finds no bgjob',
    changes: [
      {
        file: 'cli/skill/hosts.ts',
        from: 'status === 1 || status === 127 ? shell',
        to: 'status === 2 ? shell',
      },
    ],
    by: { test: 'cli/skill/hooks.test.ts', name: /doctor says which hosts/ },
  },
  // ---- sessions of agents ----
  {
    what: 'a restart in a stored environment hands the old session on',
    changes: [
      {
        file: 'engine/launch/launch.ts',
        from: '...withSession(draft.environment, draft),',
        to: '...draft.environment,',
      },
    ],
    by: { test: 'cli/session/record.test.ts', name: /restart takes the session/ },
  },
  {
    what: 'a job gets the token with which a process speaks in the session',
    changes: [
      {
        file: 'job/session.ts',
        from: 'environment.filter((entry) => !SECRETS.includes(nameOf(entry)));',
        to: "environment.filter((entry) => entry !== '');",
      },
    ],
    by: { test: 'cli/session/record.test.ts', name: /lie nowhere in the home/ },
  },
  {
    what: 'an end that another call has seen is not told to its session',
    changes: [
      {
        file: 'engine/observe/unseen-ends.ts',
        from: 'return isTold(job) ? null : { view, isForeign: false };',
        to: 'return isTold(job) || isSeen(job) ? null : { view, isForeign: false };',
      },
    ],
    by: { test: 'cli/session/unseen.test.ts', name: /a call of the session tells/ },
  },
  {
    what: 'an end of another session is told at once',
    changes: [
      {
        file: 'engine/observe/unseen-ends.ts',
        from: 'return isForeign && !isOld(view.status.endedAt) ? null : { view, isForeign };',
        to: 'return { view, isForeign };',
      },
    ],
    by: { test: 'cli/session/unseen.test.ts', name: /after an hour of others/ },
  },
  {
    what: 'two calls of a session at once tell the same ends',
    changes: [
      {
        file: 'engine/observe/unseen-ends.ts',
        from: 'if (session && found.ends.length > 0) {',
        to: 'if (session && found.ends.length < 0) {',
      },
    ],
    by: { test: 'cli/session/unseen.test.ts', name: /at once tell each end once/ },
  },
  {
    what: 'an end is marked before stdout is closed',
    changes: [
      {
        file: 'cli/output/output.ts',
        from: 'this.afterwards.push(act);',
        to: 'act();',
      },
    ],
    by: { test: 'cli/session/unseen.test.ts', name: /dies before it read/ },
  },
  {
    what: 'kill --session stops jobs of all sessions',
    changes: [
      {
        file: 'cli/jobs/live-group.ts',
        from: 'isAsked({ ...EVERYTHING, queues, tags: tags.value, session }, view)',
        to: 'isAsked({ ...EVERYTHING, queues, tags: tags.value }, view)',
      },
    ],
    by: { test: 'cli/session/option.test.ts', name: /kill --session/ },
  },
  {
    what: 'wait --session and wait --all have one record',
    changes: [
      {
        file: 'engine/wait/round.ts',
        from: 'session: session && sessionText(session),',
        to: 'session: session && null,',
      },
    ],
    by: { test: 'cli/session/option.test.ts', name: /wait --session answers/ },
  },
  // ---- what users meet: files of variables, other users, limits of a shell ----
  {
    what: 'a # is part of a value of --env-file',
    changes: [
      {
        file: 'cli/run/env-file.ts',
        from: "const [before] = rest.split('#', 1);",
        to: 'const [before] = [rest];',
      },
    ],
    by: { test: 'cli/run/environment.test.ts', name: /reads the dialect/ },
  },
  {
    what: 'a refusal of --env-file shows the name, whatever it is',
    changes: [{ file: 'cli/messages/run.ts', from: '/^[A-Za-z_]\\w*$/.test(name)', to: "name !== ''" }],
    by: { test: 'cli/run/environment.test.ts', name: /no part of a key is shown/ },
  },
  {
    what: 'root makes a home in the HOME of another user',
    changes: [
      {
        file: 'job/home/home.ts',
        from: "env['BGJOB_HOME'] ? undefined : otherOwner(path);",
        to: "env['BGJOB_HOME'] ? undefined : (undefined as number | undefined);",
      },
    ],
    by: { test: 'hostile/refused-homes.test.ts', name: /root with the HOME of another user/ },
  },
  {
    what: 'a FIFO whose writer comes late is read as empty',
    changes: [
      {
        file: 'base/fs/read-all.ts',
        from: 'fstatSync(fd).isFIFO() && !',
        to: '!fstatSync(fd).isFIFO() && !',
      },
    ],
    by: { test: 'cli/run/environment.test.ts', name: /a FIFO: its writer may come late/ },
  },
  {
    what: 'kill answers before a slow supervisor has recorded the end',
    changes: [
      {
        file: 'engine/stop/stop-request.ts',
        from: 'if (isUnanswered) await',
        to: 'if (isUnowned) await',
      },
    ],
    by: { test: 'cli/stop/unowned.test.ts', name: /a supervisor that is slow/ },
  },
  {
    what: 'kill sends KILL without TERM where the supervisor does not answer',
    changes: [
      {
        file: 'engine/stop/stop-request.ts',
        from: 'isUnanswered ? stop : NOW',
        to: 'isUnowned ? stop : NOW',
      },
    ],
    by: { test: 'cli/stop/unowned.test.ts', name: /a supervisor that never answers/ },
  },
  {
    what: 'a signal of a kill that found no supervisor counts as one of somebody else',
    changes: [
      {
        file: 'job/lifecycle.ts',
        from: 'const sent = first ? [signal] : [];',
        to: 'const sent: string[] = [];',
      },
    ],
    by: { test: 'cli/stop/unowned.test.ts', name: /an adopter that comes after the signal/ },
  },
  {
    what: 'the schedule of a self-test that was killed goes on',
    changes: [{ file: 'cli/self-test/checks.ts', from: '"$1" cron rm ', to: '"$1" cron ls ' }],
    by: { test: 'cli/doctor/self-test.test.ts', name: /no schedule starts jobs for ever/ },
  },
  {
    what: 'the interpreter of a script is not looked at',
    changes: [
      {
        file: 'engine/os/programs.ts',
        from: 'found.ok ? interpreterTrouble(found.value, path, cwd) : undefined',
        to: "found.ok && path === '' ? interpreterTrouble(found.value, path, cwd) : undefined",
      },
    ],
    by: { test: 'cli/run/refusals.test.ts', name: /whose #! line names no program/ },
  },
  {
    what: 'a directory that became a file is said to be closed',
    changes: [
      {
        file: 'supervisor/start.ts',
        from: 'if (isDirectory !== (what === enter))',
        to: 'if (isDirectory && what !== enter)',
      },
    ],
    by: { test: 'cli/run/refusals.test.ts', name: /what changed while a job waited/ },
  },
  {
    what: 'a duration that is too long is none',
    changes: [
      {
        file: 'base/clock.ts',
        from: '(durationMs(text) ?? 0) > LONGEST_DURATION_MS',
        to: '(durationMs(text) ?? 0) > 1e99',
      },
    ],
    by: { test: 'cli/run/limits.test.ts', name: /beyond the most/ },
  },
  {
    what: 'a call that has no descriptor left says that a job is unreadable',
    changes: [{ file: 'base/result.ts', from: 'isShortageThrown = true;', to: 'isShortageThrown = false;' }],
    by: { test: 'hostile/ulimits.test.ts', name: /never anything of a job/ },
  },
  {
    what: 'a prompt is held back until it is a second old',
    changes: [{ file: 'cli/tail/excerpt.ts', from: 'view.spec.pty === null && (quiet', to: '(quiet' }],
    by: { test: 'cli/stdin/pty.test.ts', name: /tail shows the prompt/ },
  },
  {
    what: 'a job has the locked index of a git hook',
    changes: [
      { file: 'engine/launch/variable-rules.ts', from: "?.endsWith('.lock')", to: "?.endsWith('.locks')" },
    ],
    by: { test: 'cli/run/variables.test.ts', name: /a pre-commit hook/ },
  },
  {
    what: 'a job has the variables of another repository',
    changes: [
      {
        file: 'engine/launch/variable-rules.ts',
        from: 'there !== undefined && there !== own',
        to: 'there !== undefined && there === own',
      },
    ],
    by: { test: 'cli/run/variables.test.ts', name: /a hook of a worktree/ },
  },
  {
    what: 'gpg asks on the terminal of the caller',
    changes: [{ file: 'engine/launch/variable-rules.ts', from: "['GPG_TTY']", to: "['GPG_TTYS']" }],
    by: { test: 'unit/engine/launch/environment.test.ts', name: /gpg asks on no terminal/ },
  },
  {
    what: 'a file without a certificate is not told',
    changes: [
      { file: 'engine/wait/url.ts', from: "if (!bytes.includes('-----BEGIN'))", to: 'if (bytes.length < 0)' },
    ],
    by: { test: 'cli/wait/until-url.test.ts', name: /a certificate that nobody trusts/ },
  },
  {
    what: 'an editor of the caller hangs in a job',
    changes: [
      {
        file: 'engine/launch/variable-rules.ts',
        from: 'ASKS_NOBODY.test(value) ? value : STAND_IN',
        to: '!ASKS_NOBODY.test(value) ? value : STAND_IN',
      },
    ],
    by: { test: 'unit/engine/launch/environment.test.ts', name: /editors and askpass/ },
  },
  {
    what: 'a flag of make goes with its jobserver',
    changes: [
      {
        file: 'engine/launch/variable-rules.ts',
        from: '|-j\\d*$|',
        to: '|-|',
      },
    ],
    by: { test: 'unit/engine/launch/variable-rules.test.ts', name: /the jobserver goes/ },
  },
  {
    what: 'a long function is carried in one piece',
    changes: [
      {
        file: 'engine/shim/preface.ts',
        from: 'const PIECE_CHARACTERS = 30_000;',
        to: 'const PIECE_CHARACTERS = 300_000;',
      },
    ],
    by: { test: 'cli/run/variables.test.ts', name: /functions arrive/ },
  },
  // ---- base ----
  {
    what: 'the checksum of a record leaves out its last character',
    changes: [{ file: 'base/checksum.ts', from: 'n < text.length; n++', to: 'n < text.length - 1; n++' }],
    by: { test: 'unit/base/checksum.test.ts', name: /no bit of it can flip unseen/ },
  },
  {
    what: 'the checksum of a stored environment is not looked at',
    changes: [
      {
        file: 'base/checksum.ts',
        from: 'last?.startsWith(LIST_CHECKSUM) &&',
        to: '!last?.startsWith(LIST_CHECKSUM) &&',
      },
    ],
    by: { test: 'unit/base/checksum.test.ts', name: /a sealed list in which anything was changed/ },
  },
  {
    what: 'a timer beyond 24 days fires at once',
    changes: [
      {
        file: 'base/clock.ts',
        from: 'Math.min(Math.max(left, 0), LONGEST_TIMER_MS),',
        to: 'Math.max(left, 0),',
      },
    ],
    by: { test: 'unit/base/clock-timers.test.ts', name: /no link of the chain/ },
  },
  {
    what: 'a size in KB counts thousands',
    changes: [{ file: 'base/clock.ts', from: 'k: 2 ** 10', to: 'k: 1000' }],
    by: { test: 'unit/base/clock-durations.test.ts', name: /^sizes$/ },
  },
  // ---- job ----
  {
    what: 'a second pause forgets how long the first one was',
    changes: [
      {
        file: 'job/lifecycle.ts',
        from: '{ request, pausedMs: (holding?.pausedMs ?? 0) + thisMs, since: null }',
        to: '{ request, pausedMs: thisMs, since: null }',
      },
    ],
    by: { test: 'unit/job/lifecycle.test.ts', name: /^pauses: / },
  },
  {
    what: 'a kill during a time-out makes it a kill',
    changes: [
      {
        file: 'job/lifecycle.ts',
        from: 'graceMs < status.stop.graceMs ? { ...status, stop: { ...status.stop, graceMs } } : status;',
        to: "graceMs < status.stop.graceMs ? { ...status, stop: { ...status.stop, cause: 'kill', graceMs } } : status;",
      },
    ],
    by: {
      test: 'unit/job/lifecycle.test.ts',
      name: /a second request can only shorten/,
    },
  },
  {
    what: 'a reader does not notice that a log was emptied and has grown beyond what was read',
    changes: [
      {
        file: 'job/log/log.ts',
        from: '(size < this.highest || !this.isUnchanged(trimming) || this.isVoid(trimming))',
        to: '(size < this.highest || this.isVoid(trimming))',
      },
    ],
    by: { test: 'unit/job/log/emptied.test.ts', name: /emptied, cut, written and read/ },
  },
  {
    what: 'the supervisor takes an emptied log for a short one',
    changes: [
      {
        file: 'supervisor/log-limit/trim.ts',
        from: 'if (!isEmptied && base + bytes >= size) {',
        to: 'if (bytes >= 0) {',
      },
    ],
    by: { test: 'cli/log-limit/emptied.test.ts', name: /known when the end is told/ },
  },
  {
    what: 'what a failed attempt wrote counts for the next one',
    changes: [
      {
        file: 'job/log/attempt-start.ts',
        from: 'if (attempt === 1) return 0;',
        to: 'if (attempt > 0) return 0;',
      },
    ],
    by: { test: 'cli/wait/conditions.test.ts', name: /what a failed attempt wrote/ },
  },
  {
    what: 'gc keeps one job more than it was told',
    changes: [{ file: 'job/home/retention.ts', from: 'count >= rules.keep', to: 'count > rules.keep' }],
    by: { test: 'unit/job/home/retention.test.ts', name: /too old, beyond the newest/ },
  },
  {
    what: 'a job starts though the failed one it waits for was to succeed',
    changes: [
      {
        file: 'job/queue/queue-order.ts',
        from: "(fate.kind === 'failed' && !any)",
        to: "(fate.kind === 'failed' && any)",
      },
    ],
    by: { test: 'unit/job/queue/queue-order.test.ts', name: /a job is ready when/ },
  },
  {
    what: 'a time that is a minute late is still on time',
    changes: [
      { file: 'job/automation/due.ts', from: 'now - newest <= LATE_MS', to: 'now - newest <= 2 * LATE_MS' },
    ],
    by: { test: 'unit/job/automation/timetable.test.ts', name: /what is due between two looks/ },
  },
  {
    what: 'a TZ that Node cannot read is not told',
    changes: [
      { file: 'job/automation/timezone.ts', from: "?? 'UTC', unread: tz }", to: "?? 'UTC', unread: null }" },
    ],
    by: { test: 'cli/automation/cron-zones.test.ts', name: /what Node cannot read of TZ is told/ },
  },
  {
    what: 'doctor says nothing of a TZ that Node cannot read',
    changes: [{ file: 'engine/doctor/machine.ts', from: "...checkZone(env['TZ']), ", to: '' }],
    by: { test: 'cli/doctor/doctor.test.ts', name: /a TZ that Node cannot read is a note/ },
  },
  {
    what: 'crontab is said to mean the same days',
    changes: [
      {
        file: 'job/automation/crontab.ts',
        from: "if (!day.startsWith('*') && !weekday.startsWith('*')) return null;",
        to: "if (!day.startsWith('*')) return null;",
      },
    ],
    by: { test: 'cli/automation/cron-zones.test.ts', name: /where crontab means other days/ },
  },
  {
    what: 'the waiter of a queue is no shell where sh is busybox',
    changes: [
      {
        file: 'engine/launch/spawn-supervisor.ts',
        from: "argv0: title === null ? 'sh' : ",
        to: 'argv0: ',
      },
    ],
    by: { test: 'programs/busybox-queue.test.ts', name: /the queue waiter starts/, needs: 'busybox' },
  },
  {
    what: 'an upgrade of Node leaves the path of its link unused',
    changes: [
      { file: 'engine/os/own-program.ts', from: '=== execPath) ?? execPath', to: '=== "") ?? execPath' },
    ],
    by: { test: 'cli/startup/program-gone.test.ts', name: /Node is upgraded/ },
  },
  {
    what: 'the program of a schedule is not searched where it is gone',
    changes: [
      {
        file: 'engine/os/programs.ts',
        from: "typed.includes('/') ? undefined : findCommand(typed, path, cwd)",
        to: "!typed.includes('/') ? undefined : findCommand(typed, path, cwd)",
      },
    ],
    by: { test: 'cli/startup/program-gone.test.ts', name: /the program of a schedule is gone/ },
  },
  {
    what: 'the scheduler says that the machine slept when its Node was gone',
    changes: [
      {
        file: 'services/scheduler/schedule-runner.ts',
        from: 'wasGone ? WAS_GONE : gap ? SLEPT',
        to: 'gap ? SLEPT : wasGone ? WAS_GONE',
      },
    ],
    by: { test: 'chaos/program-gone.test.ts', name: /whose Node is gone$/ },
  },
  {
    what: 'a job that a killed scheduler started is not told while its schedule is paused',
    changes: [
      {
        file: 'engine/automation/claimed-jobs.ts',
        from: 'if (found.length === 0) return events;',
        to: 'if (found.length >= 0) return events;',
      },
    ],
    by: { test: 'chaos/scheduler-paused.test.ts', name: /the job is told$/ },
  },
  {
    what: 'a second job starts beside one that a killed scheduler started',
    changes: [
      {
        file: 'engine/automation/start-once.ts',
        from: ', ...jobsWithoutEvent(home, paths, events)]',
        to: ', ...jobsWithoutEvent(home, paths, events).slice(1)]',
      },
    ],
    by: { test: 'chaos/scheduler-paused.test.ts', name: /the job is told$/ },
  },
  {
    what: 'the claim before the first event of a schedule is forgotten',
    changes: [
      {
        file: 'job/automation/template-records.ts',
        from: 'lacksEntries(paths.history) ? own[0] : undefined',
        to: 'lacksEntries(paths.history) ? undefined : own[0]',
      },
    ],
    by: {
      test: 'unit/job/automation/template-records.test.ts',
      name: /claims without an event: also before the first one/,
    },
  },
  {
    what: 'a job that makes up for several times counts for one, if its scheduler is killed',
    changes: [
      {
        file: 'engine/automation/claimed-jobs.ts',
        from: 'if (!schedule.catchUp || !timetable) return 1;',
        to: 'if (schedule.catchUp || !timetable) return 1;',
      },
    ],
    by: { test: 'chaos/scheduler-paused.test.ts', name: /is told with all of them$/ },
  },
  {
    what: 'the job of the release before is not told',
    changes: [
      {
        file: 'engine/observe/resolve.ts',
        from: 'view.spec.cwdLink === link &&',
        to: 'view.spec.cwdLink !== link &&',
      },
    ],
    by: { test: 'cli/run/moving-link.test.ts', name: /a name counts in one release/ },
  },
  {
    what: 'root writes a unit into the HOME of another user',
    changes: [
      {
        file: 'cli/automation/boot-entry.ts',
        from: 'if (owner !== undefined) return fail(unitInUsersHome',
        to: 'if (owner === 1) return fail(unitInUsersHome',
      },
    ],
    by: { test: 'programs/bootentry.test.ts', name: /root writes no unit/, needs: 'systemctl' },
  },
  {
    what: 'a schedule of a moving link runs where the link led when it was added',
    changes: [
      {
        file: 'cli/automation/template-draft.ts',
        from: 'cwdLink === null ? resolved',
        to: 'cwdLink !== null ? resolved',
      },
    ],
    by: { test: 'cli/run/moving-link.test.ts', name: /a schedule added in a link/ },
  },
  {
    what: 'a restart runs where the link led before',
    changes: [
      {
        file: 'engine/launch/moved-draft.ts',
        from: 'now === undefined || now',
        to: 'now !== undefined || now',
      },
    ],
    by: { test: 'cli/run/moving-link.test.ts', name: /run in a link says where it leads/ },
  },
  // ---- process ----
  {
    what: 'a zombie counts as alive',
    changes: [
      { file: 'engine/os/process-identity.ts', from: "state === 'Z' || state === 'X'", to: "state === 'X'" },
    ],
    by: { test: 'unit/engine/os/process-identity.test.ts', name: /a zombie is dead/ },
  },
  {
    what: 'the signal of a stop is sent to what a handler of it starts, too',
    changes: [
      {
        file: 'engine/stop/stop-processes.ts',
        from: '(isFirst || stat.startTicks < sinceTicks!)',
        to: 'sinceTicks !== undefined',
      },
    ],
    by: { promised: 'a stop lets a job clean up', setting: 'a job that cleans up' },
  },
  {
    what: 'a job that waits for the last one of its queue is left until the next command',
    changes: [
      {
        file: 'supervisor/supervision.ts',
        from: "if (isAwaited) await this.startNextJob('locked');",
        to: '',
      },
    ],
    by: { test: 'chaos/queue-after.test.ts', name: /one that waits for the last job of its own queue/ },
  },
  {
    what: 'a job that waits for the one before it is overtaken by the one behind it',
    changes: [
      {
        file: 'engine/queue/next-candidate.ts',
        from: 'if (readiness.ids.every((id) => id === ending)) return found;',
        to: '',
      },
    ],
    by: { test: 'chaos/queue-after.test.ts', name: /keeps its turn/ },
  },
  {
    what: 'a job that is moved while a supervisor looks for the next one is left until the next command',
    changes: [
      {
        file: 'engine/queue/admission.ts',
        from: 'snapshot.isOutdated && !isListedAgain',
        to: 'snapshot.isOutdated && isListedAgain',
      },
    ],
    by: { test: 'cli/queue/move.test.ts', name: /moved while a supervisor looks/ },
  },
  {
    what: 'a queue waiter that ends keeps its lock longer than its FIFO',
    changes: [
      { file: 'supervisor/queue-waiter.ts', from: '  removeQuietly(claim);\n', to: '' },
      {
        file: 'supervisor/queue-waiter.ts',
        from: 'removeQuietly(snapshot.queue.queueWaiter(thisSandboxKey()));',
        to: 'removeQuietly(snapshot.queue.queueWaiter(thisSandboxKey()));\n  removeQuietly(claim);',
      },
    ],
    by: {
      test: 'chaos/queue-added.test.ts',
      name: /added while the queue waiter ends/,
      needs: 'strace',
    },
  },
  {
    what: 'a job that is added while the end of another one is written is left until the next command',
    changes: [{ file: 'supervisor/after-end.ts', from: 'else await startAddedJob(supervision);', to: '' }],
    by: { test: 'chaos/queue-added.test.ts', name: /added while the end of the one before is written/ },
  },
  {
    what: 'an attempt that another one follows counts as an end when its supervisor is slow',
    changes: [
      {
        file: 'engine/observe/observe.ts',
        from: 'return retryAt(spec, attempt, endWithoutOwner(status, exit.at, exit.code, readStops(job))) === undefined;',
        to: 'return true;',
      },
    ],
    by: { test: 'chaos/stopped-supervisor.test.ts', name: /an attempt that another one follows is no end/ },
  },
  {
    what: 'a limit that passed while the supervisor was stopped counts before the end of its job',
    changes: [
      {
        file: 'supervisor/supervision.ts',
        from: 'if (!this.isOver && !this.reportExit()) this.dispatch',
        to: 'this.dispatch',
      },
      {
        file: 'supervisor/supervision.ts',
        from: 'private reachLimit(stop: Stop): void {\n    this.checkMain();',
        to: 'private reachLimit(stop: Stop): void {',
      },
    ],
    by: { test: 'chaos/stopped-supervisor.test.ts', name: /ended before its --timeout/ },
  },
  {
    what: 'a supervisor that is slow counts as stopped',
    changes: [
      {
        file: 'engine/observe/observe.ts',
        from: 'if (sinceMs <= SLOW_MS && inCharge && isAtWork(inCharge)) return false;',
        to: '',
      },
    ],
    by: { test: 'chaos/stopped-supervisor.test.ts', name: /a supervisor that is slow, and not stopped/ },
  },
  {
    what: 'a stop asks a child before its parent where the child has the lower pid',
    changes: [
      {
        file: 'engine/stop/stop-processes.ts',
        from: 'if (parent) add(parent);',
        to: '',
      },
    ],
    by: { test: 'chaos/traps-pids.test.ts', name: /kill asks a parent before its child/ },
  },
  {
    what: 'an adopter sends the signal of a stop again',
    changes: [
      {
        file: 'engine/stop/stop-processes.ts',
        from: 'earlier = target.claimFirst(first);',
        to: 'target.claimFirst(first);',
      },
    ],
    by: { test: 'chaos/clean-up.test.ts', name: /no second signal, and one grace/ },
  },
  {
    what: 'a process that only its session shows is not counted among those that needed KILL',
    changes: [{ file: 'engine/stop/stop-processes.ts', from: 'found.forEach(force);', to: '' }],
    by: { test: 'cli/stop/kill-many.test.ts', name: /each job ends as it would alone/ },
  },
  {
    what: 'an owner waits for a kill of many jobs that was killed',
    changes: [
      {
        file: 'supervisor/stop/stop-tree.ts',
        from: 'const isGone = !isAtWork(sweeper);',
        to: 'const isGone = false;',
      },
    ],
    by: { test: 'cli/stop/kill-many.test.ts', name: /a call that is killed in the grace/ },
  },
  {
    what: 'each start loads twelve modules of Node for a time',
    changes: [
      {
        file: 'engine/os/programs.ts',
        from: 'const now = systemClock.monotonic();',
        to: 'const now = performance.now();',
      },
    ],
    by: { test: 'cli/startup/loaded-modules.test.ts', name: /a start loads what starts a process/ },
  },
  {
    what: 'no owner takes the place of a kill of many jobs that was killed',
    changes: [{ file: 'supervisor/stop/stop-tree.ts', from: 'own ??= replace(owner.home);', to: '' }],
    by: { test: 'cli/stop/kill-many.test.ts', name: /one owner takes its place, and stops all of them/ },
  },
  {
    what: 'the owner that takes the place of a killed kill does not see that another one was killed later',
    changes: [
      {
        file: 'engine/stop/orphaned-stops.ts',
        from: 'of listLive(home)) {',
        to: 'of begun.size > 0 ? [] : listLive(home)) {',
      },
    ],
    by: { test: 'cli/stop/kill-many.test.ts', name: /one owner takes the place of both/ },
  },
  {
    what: 'a kill of many jobs takes over the stop of the job in which it runs',
    changes: [{ file: 'engine/stop/stop-request.ts', from: ' && !isAmong(before);', to: ';' }],
    by: { test: 'cli/stop/kill-many.test.ts', name: /the same from a process of it/ },
  },
  {
    what: 'a kill of many jobs stops the job in which it runs among the first',
    changes: [
      { file: 'engine/stop/stop-request.ts', from: ' || callerJob(home, process.env) === view.id)', to: ')' },
    ],
    by: { test: 'cli/stop/kill-many.test.ts', name: /a job that stops itself among others/ },
  },
  {
    what: 'a kill of many jobs without a grace: the owners take SIGKILL for an end by itself',
    changes: [
      {
        file: 'job/lifecycle.ts',
        from: '(first?.beforeEndMs ?? 0) >= Math.min(graceMs, first?.graceMs ?? graceMs)',
        to: 'first && first.beforeEndMs >= first.graceMs',
      },
    ],
    by: { test: 'cli/stop/kill-many.test.ts', name: /--now: each was killed/ },
  },
  {
    what: 'a reader takes the signals of a kill that found no supervisor for an end by itself',
    changes: [{ file: 'job/lifecycle.ts', from: '...signalsOfOthers(before, first),', to: '' }],
    by: { test: 'cli/stop/unowned.test.ts', name: /tells the signal that ended it/ },
  },
  {
    what: 'a kill of many jobs stops also those whose owner knows no sweeper',
    changes: [
      {
        file: 'engine/stop/stop-request.ts',
        from: 'if (!owner?.knows.includes(SWEEPERS)) return false;',
        to: 'if (!owner) return false;',
      },
    ],
    by: { test: 'cli/stop/kill-many.test.ts', name: /does not say that it waits/ },
  },
  {
    what: 'a second kill does not wait for the call that stops many',
    changes: [
      {
        file: 'engine/stop/stop-request.ts',
        from: 'if (!isDue && !wasDue) return deadline.abort();',
        to: 'if (isDue || !isDue) return deadline.abort();',
      },
    ],
    by: { test: 'chaos/kill-many.test.ts', name: /also if the call that stops many is slow/ },
  },
  {
    what: 'a process on record as one of ours is not shown to the search that must spare it',
    changes: [
      {
        file: 'engine/observe/process-pass.ts',
        from: 'new Set(this.sparing.get(seen.stat.startTicks))',
        to: 'new Set<Search>()',
      },
    ],
    by: { test: 'unit/engine/observe/process-pass.test.ts', name: /searches of one turn share a pass/ },
  },
  {
    what: 'a record keeps keys that this version does not know',
    changes: [{ file: 'base/schema.ts', from: 'if (count === n) return record;', to: 'return record;' }],
    by: { test: 'unit/base/schema.test.ts', name: /unknown keys are dropped/ },
  },
  {
    what: 'a search of the process table gets a pass that had begun before',
    changes: [{ file: 'engine/observe/process-pass.ts', from: '  next = undefined;\n', to: '' }],
    by: { test: 'unit/engine/observe/process-pass.test.ts', name: /asked for later/ },
  },
  {
    what: 'a signal is sent to a pid that is another process by now',
    changes: [
      {
        file: 'engine/observe/process-tree.ts',
        from: '  if (now?.startTicks !== stat.startTicks) return;',
        to: '  if (now === undefined) return;',
      },
    ],
    by: { test: 'unit/engine/observe/process-tree.test.ts', name: /a pid that is another process by now/ },
  },
  {
    what: 'a process that cleared its environment is not found by the log that it writes',
    changes: [
      {
        file: 'engine/observe/process-tree.ts',
        from: '    if (mayWrite && !seen.isSupervisor',
        to: '    if (!mayWrite && !seen.isSupervisor',
      },
    ],
    by: { test: 'cli/gc/gc.test.ts', name: /what a job left counts also without its marker/ },
  },
  {
    what: 'a directory of PATH that is empty is not the working directory',
    changes: [
      {
        file: 'engine/os/programs.ts',
        from: "join(resolve(cwd, folder || '.'), command)",
        to: "join(resolve('/', folder || '.'), command)",
      },
    ],
    by: { test: 'unit/engine/os/programs.test.ts', name: /along PATH, with slashes/ },
  },
  {
    what: 'a variable that was kept from Node is not given back to the job',
    changes: [{ file: 'cli/boot.ts', from: 'else process.env[name] = value;', to: '' }],
    by: { test: 'cli/startup/node-variables.test.ts', name: /that no Node can obey: the calls work/ },
  },
  {
    what: 'what bin/bgjob hands to its own code reaches the job',
    changes: [
      { file: 'cli/boot.ts', from: 'if (name.startsWith(OWN_PREFIX)) delete process.env[name]', to: '' },
      { file: 'engine/launch/environment.ts', from: 'BGJOB_(NODE_|SLOT$)', to: 'BGJOB_SLOT$' },
    ],
    by: { test: 'cli/startup/node-variables.test.ts', name: /set to nothing is not set; our own variable/ },
  },
  {
    what: '--until-url does not trust the certificates of NODE_EXTRA_CA_CERTS',
    changes: [
      {
        file: 'engine/wait/url.ts',
        from: 'tls.rootCertificates), bytes]',
        to: 'tls.rootCertificates)]',
      },
    ],
    by: { test: 'cli/wait/until-url.test.ts', name: /a certificate that nobody trusts is told at once/ },
  },
  {
    what: 'a tool in PATH comes before that of a fixed folder',
    changes: [
      {
        file: 'engine/os/programs.ts',
        from: "const path = fixed.find((one) => judge(one) === 'yes');",
        to: "const path = findElsewhere(name) ?? fixed.find((one) => judge(one) === 'yes');",
      },
    ],
    by: { test: 'unit/engine/os/programs.test.ts', name: /a fixed folder comes before PATH/ },
  },
  {
    what: 'a tool is taken from a folder that any user can write',
    changes: [
      { file: 'engine/os/programs.ts', from: 'isAbsolute(path) && !isOpen(path)', to: 'isAbsolute(path)' },
    ],
    by: { test: 'unit/engine/os/programs.test.ts', name: /a tool that is not trusted/ },
  },
  {
    what: 'a remembered tool may lie in the home',
    changes: [
      {
        file: 'engine/os/tool-memory.ts',
        from: 'basename(path) === name && !isInHome',
        to: 'basename(path) === name || !isInHome',
      },
    ],
    by: { test: 'unit/engine/os/programs.test.ts', name: /a remembered place that leads into the home/ },
  },
  {
    what: 'where a tool was found is not remembered',
    changes: [
      {
        file: 'engine/os/programs.ts',
        from: 'if (found !== undefined && !isThere) rememberTool(name, found);',
        to: 'if (found !== undefined && isThere) rememberTool(name, found);',
      },
    ],
    by: { test: 'cli/run/tools.test.ts', name: /jobs of a queue are started/ },
  },
  {
    what: 'a job is queued that can never start for lack of a tool',
    changes: [
      {
        file: 'engine/launch/launch.ts',
        from: '  if (!equipped.ok) return equipped;\n  let id',
        to: '  let id',
      },
    ],
    by: { test: 'cli/run/tools.test.ts', name: /a tool that is nowhere/ },
  },
  {
    what: 'the watcher knows one place of env',
    changes: [
      {
        file: 'engine/shim/shim.ts',
        from: `'[ -x "$shim_env" ] || shim_env=env'`,
        to: `'[ -x "$shim_env" ] || true'`,
      },
    ],
    by: { test: 'cli/run/tools.test.ts', name: /a supervisor is replaced/ },
  },
  {
    what: 'a line keeps a shell that has moved',
    changes: [
      {
        file: 'engine/os/programs.ts',
        from: 'if (isShell) return findTool(basename(program));',
        to: 'if (isShell) return program;',
      },
    ],
    by: { test: 'cli/run/tools.test.ts', name: /a schedule: its scheduler/ },
  },
  {
    what: 'ps cuts the command line of a process',
    changes: [
      { file: 'engine/os/process-table.ts', from: "'-ww', '-o', 'command='", to: "'-o', 'command='" },
    ],
    by: { test: 'programs/without-proc.test.ts', name: /COLUMNS of a narrow terminal/, needs: 'gcc' },
  },
  {
    what: 'the shim carries the variable by which a CI runner kills',
    changes: [
      {
        file: 'engine/shim/shim.ts',
        from: 'if (RUNNER_MARKS.includes(name)) {',
        to: "if (RUNNER_MARKS.includes(name) && name === '') {",
      },
    ],
    by: {
      test: 'cli/run/early-end.test.ts',
      name: /kills by RUNNER_TRACKING_ID: the job is 137/,
    },
  },
  {
    what: 'a service that spares its processes is warned of, too',
    changes: [
      {
        file: 'engine/os/early-ends.ts',
        from: "const SPARING = ['process', 'none'];",
        to: "const SPARING = ['none'];",
      },
    ],
    by: { test: 'cli/run/early-end.test.ts', name: /as its KillMode says/ },
  },
  // ---- supervisor ----
  {
    what: 'a job is retried once less than was asked for',
    changes: [
      {
        file: 'job/lifecycle.ts',
        from: 'attempt > spec.retry) return',
        to: 'attempt >= spec.retry) return',
      },
    ],
    by: { test: 'cli/queue/queue.test.ts', name: /a retry: each attempt in show/ },
  },
  {
    what: 'the environment of a queued job stays on disk while it runs',
    changes: [{ file: 'supervisor/requeue.ts', from: 'if (!isNeeded) removeQuietly(job.env);', to: '' }],
    by: { test: 'cli/run/environment.test.ts', name: /the environment of a job that waited is gone/ },
  },
  // ---- start ----
  {
    what: 'a rate lets through more than at first after a quiet time',
    changes: [
      {
        file: 'services/listener/rate-limit.ts',
        from: 'Math.min(atOnce, this.left + Math.max(0, now - this.since) / everyMs)',
        to: 'this.left + Math.max(0, now - this.since) / everyMs',
      },
    ],
    by: { test: 'unit/cli/automation/listen-address.test.ts', name: /^a rate: / },
  },
  {
    what: 'a wrong signature is let in with a right token',
    changes: [
      {
        file: 'services/listener/signature.ts',
        from: "this.isToken = signature === undefined && secret !== ''",
        to: "this.isToken = secret !== ''",
      },
    ],
    by: { test: 'unit/services/listener/signature.test.ts', name: /a signature that is there decides/ },
  },
  // ---- the verbs ----
  {
    what: 'run: a shell line runs without pipefail',
    changes: [
      {
        file: 'cli/shell/command-line.ts',
        from: "[bash, ...(pipefail ? ['-o', 'pipefail'] : [])]",
        to: '[bash]',
      },
    ],
    by: { test: 'unit/cli/shell/command-line.test.ts', name: /one word alone is a shell line/ },
  },
  {
    what: 'ls: one of several labels is enough',
    changes: [
      {
        file: 'cli/jobs/job-filter.ts',
        from: "tags.every((tag) => 'spec' in view && view.spec.tags.includes(tag))",
        to: "(tags.length === 0 || tags.some((tag) => 'spec' in view && view.spec.tags.includes(tag)))",
      },
    ],
    by: { test: 'cli/jobs/ls.test.ts', name: /--state and --tag choose/ },
  },
  {
    what: 'watch: a job that is new is told as one that changed',
    changes: [
      {
        file: 'cli/watch/json-stream.ts',
        from: "known ? 'changed' : 'added'",
        to: "live.has(id) ? 'changed' : 'added'",
      },
    ],
    by: { test: 'cli/watch/json-stream.test.ts', name: /what is there, then each change/ },
  },
  {
    what: 'watch: a job that is passed over stands before those that start',
    changes: [{ file: 'cli/jobs/queued-rows.ts', from: '      a.rank - b.rank ||\n', to: '' }],
    by: { test: 'unit/cli/jobs/queued-rows.test.ts', name: /the order in which they start/ },
  },
  {
    what: 'watch: in a narrow window columns go before long names are cut',
    changes: [
      {
        file: 'cli/watch/job-table.ts',
        from: '    job = Math.min(job, step.job ?? job);\n',
        to: '',
      },
    ],
    by: { test: 'unit/cli/watch/frame.test.ts', name: /long names give way/ },
  },
  {
    what: 'watch: the log below the list takes rows of a small window, too',
    changes: [{ file: 'cli/watch/frame.ts', from: 'const LEAST_SHARED = 8;', to: 'const LEAST_SHARED = 2;' }],
    by: { test: 'unit/cli/watch/frame.test.ts', name: /list and log share the window/ },
  },
  {
    what: 'watch: the keys offer kill for a job that has ended',
    changes: [{ file: 'cli/watch/keys.ts', from: 'row?.mayKill ?', to: 'row ?' }],
    by: { test: 'unit/cli/watch/frame.test.ts', name: /keys are those of the selected job/ },
  },
  {
    what: 'watch: the selected row ends with its text',
    changes: [
      {
        file: 'cli/watch/job-table.ts',
        from: 'return inverse(pad(cut(MARKED + line(texts, (text) => text), columns), columns));',
        to: 'return inverse(cut(MARKED + line(texts, (text) => text), columns).trimEnd());',
      },
    ],
    by: { test: 'unit/cli/watch/frame.test.ts', name: /inverse to the edge/ },
  },
  {
    what: 'watch: a search ignores capitals',
    changes: [{ file: 'cli/watch/log-search.ts', from: "? 'gu' : 'giu'", to: "? 'giu' : 'giu'" }],
    by: { test: 'unit/cli/watch/log-search.test.ts', name: /unless the text has capitals/ },
  },
  {
    what: 'watch: a flood takes the lines at which a reader looks',
    changes: [
      {
        file: 'cli/watch/log-tail.ts',
        from: 'this.isBehind = kept !== null &&',
        to: 'this.isBehind = false &&',
      },
    ],
    by: { test: 'unit/cli/watch/log-tail.test.ts', name: /while the log floods/ },
  },
  {
    what: 'watch: the log is read at each poll',
    changes: [{ file: 'cli/watch/log-tail.ts', from: 'if (stamp === this.stamp) return false;', to: '' }],
    by: { test: 'unit/cli/watch/log-tail.test.ts', name: /only when it has changed/ },
  },
  {
    what: 'watch: the time between two looks at a log counts as reading of the list',
    changes: [{ file: 'engine/wait/home-watcher.ts', from: 'this.restUntil ??= ', to: 'this.restUntil = ' }],
    by: { test: 'unit/engine/wait/home-watcher.test.ts', name: /the rest after a change/ },
  },
  {
    what: 'ls --watch: a note is cut at the edge of the window',
    changes: [{ file: 'cli/watch/ls-view.ts', from: 'wrap(note, columns)', to: '[note]' }],
    by: { test: 'programs/watch.test.ts', name: /ls --watch is the table of ls/ },
  },
  {
    what: 'watch: a log that was emptied still has lines below',
    changes: [
      { file: 'cli/watch/log-tail.ts', from: '(read.starts[0] ?? 0)', to: '(read.starts[0] ?? 1e9)' },
    ],
    by: { test: 'unit/cli/watch/log-tail.test.ts', name: /while the log floods/ },
  },
  {
    what: 'watch: a question stays when its job has ended',
    changes: [{ file: 'cli/watch/job-list-view.ts', from: '          this.settleQuestion();\n', to: '' }],
    by: { test: 'programs/watch-log.test.ts', name: /the keys offer what can be done/ },
  },
  {
    what: 'watch: the notes name options that watch does not have',
    changes: [{ file: 'cli/watch/model.ts', from: 'picked.rest(true)', to: 'picked.rest()' }],
    by: { test: 'programs/watch.test.ts', name: /the jobs of the project, live/ },
  },
  {
    what: 'watch: a home that went is read for ever',
    changes: [
      {
        file: 'cli/watch/model.ts',
        from: '    this.home = home;\n    return opened;',
        to: '    this.home ??= home;\n    return this.home ? { ok: true, value: this.home } : opened;',
      },
    ],
    by: { test: 'programs/watch-log.test.ts', name: /a home may go and come/ },
  },
  {
    what: 'watch --ends: an end is printed again',
    changes: [
      {
        file: 'cli/watch/ends.ts',
        from: '    for (const { id } of ends) this.known.add(id);',
        to: '',
      },
    ],
    by: { test: 'cli/watch/ends.test.ts', name: /a line for each end in this project/ },
  },
  {
    what: 'watch --ends: an end while the call starts is missed',
    changes: [
      {
        file: 'cli/watch/ends.ts',
        from: 'at < since ||',
        to: 'at < systemClock.now() ||',
      },
    ],
    by: { test: 'cli/watch/ends.test.ts', name: /ends while the call starts/ },
  },
  {
    what: 'watch --ends --session: what wait has told is printed, too',
    changes: [
      {
        file: 'cli/watch/ends.ts',
        from: '!isTold(home.job(id))',
        to: 'home.job(id) !== undefined',
      },
    ],
    by: { test: 'cli/watch/ends.test.ts', name: /--session: its ends/ },
  },
  {
    what: 'status: the exit code is 0 whatever became of the job',
    changes: [
      { file: 'cli/commands/status.ts', from: 'return ok(exit);', to: 'return ok({ ...exit, code: 0 });' },
    ],
    by: { test: 'cli/wait/wait.test.ts', name: /status is one line/ },
  },
  {
    what: 'show: does not say who ended a job',
    changes: [
      {
        file: 'cli/commands/show.ts',
        from: "['because', reason && safe(reason)],",
        to: "['because', view.kind === 'live' && reason && safe(reason)],",
      },
    ],
    by: { test: 'cli/jobs/ls.test.ts', name: /show tells everything/ },
  },
  {
    what: 'tail: all readers have one cursor',
    changes: [
      { file: 'cli/tail/view.ts', from: "reader ?? 'default'", to: "reader ? 'default' : 'default'" },
    ],
    by: { test: 'cli/tail/readers.test.ts', name: /each reader for itself/ },
  },
  {
    what: 'tail: text that the job hides is hidden on the terminal of the reader, too',
    changes: [
      {
        file: 'base/text/sgr.ts',
        from: 'KEPT = [1, 2, 3, 4, 5, 7, 9]',
        to: 'KEPT = [1, 2, 3, 4, 5, 7, 8, 9]',
      },
    ],
    by: { test: 'unit/base/text/sgr.test.ts', name: /keeps its colours and styles/ },
  },
  {
    what: 'FORCE_COLOR puts the colours of a job into a pipe',
    changes: [
      {
        file: 'cli/output/output.ts',
        from: "(this.color === 'always' || this.isTerminal(stream))",
        to: 'true',
      },
    ],
    by: { test: 'cli/output/color.test.ts', name: /in a pipe no colour of a job/ },
  },
  {
    what: '--color does not come before NO_COLOR',
    changes: [
      { file: 'cli/output/output.ts', from: "if (this.color !== 'auto')", to: "if (this.color === 'never')" },
    ],
    by: { test: 'cli/output/color.test.ts', name: /rules every colour/ },
  },
  {
    what: 'tail -t: the time of a line that nobody looked at for an hour is told as exact',
    changes: [
      { file: 'job/log/line-times.ts', from: 'const isRough = !isClose', to: 'const isRough = isClose' },
    ],
    by: { test: 'cli/tail/timestamps.test.ts', name: /another owner took the job over/ },
  },
  {
    what: 'tail -f of several jobs: a line of one goes on behind the unfinished line of another',
    changes: [{ file: 'cli/tail/follow.ts', from: 'if (this.open !== view) this.open?.breakOff();', to: '' }],
    by: { test: 'cli/tail/several.test.ts', name: /each name has a colour of its own/ },
  },
  {
    what: 'tail -f --all in a job follows the output of that job into itself',
    changes: [{ file: 'cli/jobs/live-group.ts', from: "'own' || callers.has(view.id)", to: "'own'" }],
    by: { test: 'cli/tail/several.test.ts', name: /leaves that job out/ },
  },
  {
    what: 'path: --err prints the log of stdout',
    changes: [
      {
        file: 'cli/commands/path.ts',
        from: "[options.err ? 'err' : 'log']",
        to: "[isSplit ? 'log' : 'log']",
      },
    ],
    by: { test: 'cli/log-limit/log-limit.test.ts', name: /--split: stderr has a log/ },
  },
  {
    what: 'wait: the code is that of the first that ended in failure, not the first in the order given',
    changes: [
      {
        file: 'cli/wait/wait-for-ends.ts',
        from: 'ids.map((id) => wait.exits.get(id)).find(',
        to: '[...wait.exits.values()].find(',
      },
    ],
    by: { test: 'cli/wait/wait.test.ts', name: /a job that fails first does not decide/ },
  },
  {
    what: 'wait: ends are printed in the order in which the call hears of them',
    changes: [
      {
        file: 'cli/wait/wait-for-ends.ts',
        from: 'sortEnded([...seen, ...endedBefore(home, others, seen)], true)',
        to: 'seen',
      },
    ],
    by: { test: 'cli/wait/wait.test.ts', name: /two ends are printed in their order/ },
  },
  {
    what: 'kill: an unknown job among several is left out, and the others are stopped',
    changes: [
      {
        file: 'cli/jobs/select.ts',
        from: '    if (!found.ok) return found;\n    const { view } = found.value;\n    views.set',
        to: '    if (!found.ok && references.length === 1) return found;\n    if (!found.ok) continue;\n    const { view } = found.value;\n    views.set',
      },
    ],
    by: { test: 'cli/stop/kill.test.ts', name: /several at once; an unknown one/ },
  },
  {
    what: 'send: --no-newline does nothing',
    changes: [
      { file: 'cli/commands/send.ts', from: "options['no-newline'] ? -1 : undefined", to: 'undefined' },
    ],
    by: { test: 'cli/stdin/send.test.ts', name: /each text is a line/ },
  },
  {
    what: 'kill: a grace that was ended by hand is told as 0s',
    changes: [
      {
        file: 'cli/messages/job-text.ts',
        from: "graceMs === 0 ? '' :",
        to: "graceMs < 0 ? '' :",
      },
    ],
    by: { test: 'cli/stop/clean-up.test.ts', name: /is not told as 0s/ },
  },
  {
    what: 'send: a job that has not opened its stdin yet has closed it',
    changes: [
      {
        file: 'engine/stop/send.ts',
        from: 'main !== undefined && !this.isOpening(main)',
        to: 'main !== undefined',
      },
    ],
    by: { test: 'cli/stdin/send.test.ts', name: /has recorded itself/ },
  },
  {
    what: 'pause: sends a stop signal that a program can ignore',
    changes: [
      {
        file: 'supervisor/stop/pause.ts',
        from: "signalProcess(stat, 'SIGSTOP')",
        to: "signalProcess(stat, 'SIGTSTP')",
      },
    ],
    by: { test: 'cli/stop/pause.test.ts', name: /every process stands still/ },
  },
  {
    what: 'resume: a job that is not paused is said to be resumed',
    changes: [
      {
        file: 'cli/messages/control.ts',
        from: '  if (already)\n',
        to: "  if (already && verb === 'pause')\n",
      },
    ],
    by: { test: 'cli/stop/pause.test.ts', name: /every process stands still/ },
  },
  {
    what: 'restart: programs are told the directory of the call',
    changes: [
      {
        file: 'cli/run/restart-draft.ts',
        from: 'const env = hasPwd ? rest.env : [',
        to: 'const env = !hasPwd ? rest.env : [',
      },
    ],
    by: { test: 'cli/run/restart.test.ts', name: /from another directory/ },
  },
  {
    what: 'a job of a newer bgjob is started, without what this one does not know',
    changes: [
      { file: 'engine/queue/next-candidate.ts', from: 'if (unknownNeeds(own).length > 0) continue;', to: '' },
    ],
    by: { test: 'cli/queue/needs.test.ts', name: /a job of a newer bgjob waits/ },
  },
  {
    what: 'a supervisor takes the next job though its program was replaced',
    changes: [
      {
        file: 'supervisor/next-job.ts',
        from: 'if (!mayStartNext || (isProgramReplaced() && missingPart() === undefined)) {',
        to: 'if (!mayStartNext) {',
      },
    ],
    by: { test: 'cli/queue/needs.test.ts', name: /a supervisor takes the next job itself/ },
  },
  {
    what: 'a service whose program is gone stays',
    changes: [
      { file: 'engine/automation/recovery.ts', from: '    await stopBroken(home, service);\n', to: '' },
    ],
    by: { test: 'cli/startup/program-gone.test.ts', name: /node of the scheduler is gone/ },
  },
  {
    what: 'no command adopts a job whose supervisor could not be replaced',
    changes: [
      {
        file: 'engine/automation/recovery.ts',
        from: '  await quietly(async () => adoptOrphans(home));\n',
        to: '',
      },
    ],
    by: { test: 'cli/startup/program-gone.test.ts', name: /supervisor and its node are gone/ },
  },
  {
    what: 'a supervisor whose Node is gone runs no --on-exit',
    changes: [
      {
        file: 'engine/hooks/exit-hook.ts',
        from: 'if (runHere && missingPart() !== undefined) {',
        to: 'if (false) {',
      },
    ],
    by: { test: 'cli/startup/program-gone.test.ts', name: /node of a running job is gone/ },
  },
  {
    what: 'a call whose supervisor is gone starts a job that is lost',
    changes: [
      {
        file: 'engine/launch/spawn-supervisor.ts',
        from: "  if (missing !== undefined) return fail({ code: 'program-gone', path: missing });\n",
        to: '',
      },
    ],
    by: { test: 'cli/startup/program-gone.test.ts', name: /a call without its files/ },
  },
  {
    what: 'cron add --boot finds only a line of the same Node',
    changes: [
      {
        file: 'cli/automation/boot-entry.ts',
        from: '.find(({ home }) => home === homePath(context.env));',
        to: '.find(({ home }) => home === homePath(context.env) && line === cronLine(context));',
      },
    ],
    by: { test: 'programs/bootentry.test.ts', name: /another Node/ },
  },
  {
    what: 'a job with --stdin in a queue does not say that its starter must know it',
    changes: [{ file: 'job/needs.ts', from: 'stdin: (stdin) => stdin !== null,', to: "stdin: 'known'," }],
    by: { test: 'cli/queue/needs.test.ts', name: /only what changes how a job is started/ },
  },
  {
    what: 'a queued job keeps the I/O priority of the job before it',
    changes: [
      {
        file: 'supervisor/start.ts',
        from: 'ioPriorityWords(spec.placement?.ioPriority ?? null)',
        to: 'ioPriorityWords(null)',
      },
    ],
    by: { test: 'cli/queue/inherited.test.ts', name: /the I\/O priority of a job/, needs: 'ionice' },
  },
  {
    what: 'a schedule that a confined process added runs outside of it',
    changes: [
      {
        file: 'engine/launch/confinement.ts',
        from: "...namespaces(), ...thisConfinement()].join('\\n'));\n}\n\n/** The first namespaces",
        to: "...namespaces()].join('\\n'));\n}\n\n/** The first namespaces",
      },
    ],
    by: { test: 'cli/automation/confined.test.ts', name: /a schedule runs only where it was added/ },
  },
  {
    what: 'compiled code of another build is run',
    changes: [
      {
        file: 'cli/boot.ts',
        from: 'if (!(half > 0) || !bytes.subarray(2 * half).equals(text)) return undefined;',
        to: 'if (!(half > 0)) return undefined;',
      },
    ],
    by: { test: 'cli/startup/code-cache.test.ts', name: /the code of another build is not run/ },
  },
  {
    what: 'compiled code is run from a directory that others can write',
    changes: [
      {
        file: 'cli/boot.ts',
        from: 'if (uid !== process.geteuid!() || (mode & OTHERS_WRITE) !== 0) return false;',
        to: 'if (uid !== process.geteuid!()) return false;',
      },
    ],
    by: { test: 'cli/startup/code-cache.test.ts', name: /neither read nor written where others/ },
  },
  {
    what: 'queue: a queue in which jobs wait is removed',
    changes: [
      {
        file: 'engine/queue/remove-queue.ts',
        from: 'running > 0 || waiting > 0 || adding',
        to: 'running > 0 || adding',
      },
    ],
    by: { test: 'cli/queue/queue.test.ts', name: /remove: refused also where jobs only wait/ },
  },
  {
    what: 'move: several that are moved to the front change places',
    changes: [{ file: 'cli/commands/move.ts', from: '(_, n) => first + n)', to: '(_, n) => first - n)' }],
    by: { test: 'cli/queue/move.test.ts', name: /to the front in the order named/ },
  },
  {
    what: 'cron: run starts a second job beside the one that runs, though --overlap is skip',
    changes: [
      {
        file: 'cli/commands/cron.ts',
        from: "if (last !== undefined && schedule.overlap === 'skip')",
        to: "if (last !== undefined && schedule.overlap === 'allow')",
      },
    ],
    by: { test: 'cli/automation/cron.test.ts', name: /run by hand: not beside the one that runs/ },
  },
  {
    what: 'trigger: a delivery that comes again starts another job',
    changes: [
      {
        file: 'services/listener/delivery.ts',
        from: 'if (previous?.started) {',
        to: 'if (previous?.started && delivery.id === null) {',
      },
    ],
    by: { test: 'cli/automation/trigger.test.ts', name: /a delivery starts one job/ },
  },
  {
    what: 'boot: schedules and triggers are not named',
    changes: [
      {
        file: 'cli/commands/boot.ts',
        from: 'for (const { serves, id, names } of served.value) {',
        to: 'for (const { serves, id, names } of served.value.slice(1)) {',
      },
    ],
    by: { test: 'cli/automation/boot.test.ts', name: /the scheduler is started again/ },
  },
  {
    what: 'gc: --dry-run removes',
    changes: [
      {
        file: 'engine/gc/collect.ts',
        from: '(dryRun || (await remove(home, view, mayRun)))',
        to: '((await remove(home, view, mayRun)) || dryRun)',
      },
    ],
    by: { test: 'cli/gc/gc.test.ts', name: /--dry-run only says so/ },
  },
  {
    what: 'skill: a page that bgjob did not write is overwritten',
    changes: [
      {
        file: 'cli/skill/plan.ts',
        from: 'if (old !== null || force) return',
        to: 'if (old !== null || force || !remove) return',
      },
    ],
    by: { test: 'cli/skill/skill.test.ts', name: /what others wrote is refused/ },
  },
  {
    what: 'skill --codex: the hooks of others are printed anew',
    changes: [
      {
        file: 'cli/skill/codex-hooks.ts',
        from: 'let now = before.text;',
        to: 'let now = JSON.stringify(JSON.parse(before.text));',
      },
    ],
    by: { test: 'cli/skill/hooks.test.ts', name: /beside the hooks of others/ },
  },
  {
    what: 'skill --codex: a file that Codex cannot read is written over',
    changes: [
      {
        file: 'cli/skill/plan.ts',
        from: "const text = file?.trim() === '' ? null : file;",
        to: 'const text = !file || hooksTrouble(file) ? null : file;',
      },
    ],
    by: { test: 'cli/skill/hooks.test.ts', name: /cannot read is refused/ },
  },
  {
    what: 'skill --dry-run writes',
    changes: [
      {
        file: 'cli/skill/skill.ts',
        from: 'if (!isTry && !applyChange(change)) return',
        to: 'if (!applyChange(change)) return',
      },
    ],
    by: { test: 'cli/skill/hooks.test.ts', name: /--dry-run: says/ },
  },
  {
    what: 'skill --remove leaves the hooks of the page',
    changes: [
      {
        file: 'cli/skill/skill.ts',
        from: "if (remove) return [...plugin.toReversed(), 'SKILL.md'];",
        to: "if (remove) return ['SKILL.md'];",
      },
    ],
    by: { test: 'cli/skill/hooks.test.ts', name: /removed: as before/ },
  },
  {
    what: 'skill --user leaves the hooks of an older bgjob',
    changes: [
      {
        file: 'cli/skill/skill.ts',
        from: '(found !== null && isOurFile(found.bytes.toString()));',
        to: '(found === null && isOurFile(file));',
      },
    ],
    by: { test: 'cli/skill/hooks.test.ts', name: /removed: as before/ },
  },
  {
    what: 'skill --remove removes the folder that a link means',
    changes: [
      {
        file: 'cli/skill/plan.ts',
        from: 'removeEmptyParents(path, base);',
        to: 'removeEmptyParents(real, base);',
      },
    ],
    by: { test: 'cli/skill/hooks.test.ts', name: /a folder behind a link/ },
  },
  {
    what: 'doctor does not see that hooks find no bgjob',
    changes: [
      {
        file: 'cli/skill/hooks.ts',
        from: "findCommand('bgjob', env['PATH'], '/').ok;",
        to: "findCommand('sh', env['PATH'], '/').ok;",
      },
    ],
    by: { test: 'cli/skill/hooks.test.ts', name: /none in PATH/ },
  },
  {
    what: 'doctor does not see that hooks are switched off',
    changes: [
      {
        file: 'cli/skill/hosts.ts',
        from: 'if (setting !== undefined) return { path, setting };',
        to: 'if (setting === path) return { path, setting };',
      },
    ],
    by: { test: 'cli/skill/hooks.test.ts', name: /doctor says which hosts/ },
  },
  {
    what: '--tell: a failure of codex counts as a message that it took',
    changes: [
      {
        file: 'supervisor/queue-message.ts',
        from: 'if (code === 0) return done(null);',
        to: 'if (code !== null) return done(null);',
      },
    ],
    by: { test: 'cli/hooks/tell.test.ts', name: /a codex that fails/ },
  },
  {
    what: '--tell: a job that succeeds is told where only failures are asked for',
    changes: [
      {
        file: 'supervisor/queue-message.ts',
        from: 'if (tell === null || session === null || !tellDue(view)) return;',
        to: 'if (tell === null || session === null) return;',
      },
    ],
    by: { test: 'cli/hooks/tell.test.ts', name: /--tell=failure/ },
  },
  {
    what: 'skill: what somebody edited meanwhile is written over',
    changes: [
      {
        file: 'base/fs/user-files.ts',
        from: 'if (!fstatSync(fd).isFile() || !readFileSync(fd).equals(before)) return false;',
        to: 'if (!fstatSync(fd).isFile()) return false;',
      },
    ],
    by: { test: 'cli/skill/skill.test.ts', name: /what somebody edits meanwhile is not lost/ },
  },
  {
    what: 'the directories above a home are what the umask leaves',
    changes: [
      {
        file: 'base/fs/directories.ts',
        from: 'mkdirSync(path, 0o755);',
        to: 'mkdirSync(path);',
      },
    ],
    by: { test: 'cli/home/parents.test.ts', name: /above a home under umask 000/ },
  },
  {
    what: 'a verb ends in the middle where stdout takes no line',
    changes: [
      {
        file: 'cli/output/output.ts',
        from: '      this.lost = thrown.errno;\n',
        to: '      throw thrown;\n',
      },
    ],
    by: { test: 'cli/output/lost-answer.test.ts', name: /all of them are, and each is told/ },
  },
  {
    what: 'trigger rotate: nobody knows the new secret, and the old one is refused',
    changes: [
      {
        file: 'cli/automation/trigger-add.ts',
        from: 'now.value.secret === next.secret ? write(trigger)',
        to: 'now.value.secret === next.secret ? write(next)',
      },
    ],
    by: { test: 'cli/output/lost-answer.test.ts', name: /a secret that nobody saw/ },
  },
  {
    what: 'cron add --boot: a path may end the line of crontab',
    changes: [
      {
        file: 'cli/automation/boot-call.ts',
        from: "if (command.includes('\\n')) return undefined;",
        to: '',
      },
    ],
    by: { test: 'programs/bootentry.test.ts', name: /a home of any name/, needs: 'crontab' },
  },
  {
    what: 'the listener: a crowd cuts off who has shown the secret',
    changes: [
      {
        file: 'services/listener/http-server.ts',
        from: 'if (sender.isProven) this.genuine.add(request);',
        to: 'if (!sender.isProven) this.genuine.add(request);',
      },
    ],
    by: { test: 'hostile/slow-clients.test.ts', name: /cuts off no slow delivery whose token is right/ },
  },
  {
    what: 'the listener: slow senders keep the files of large bodies',
    changes: [
      {
        file: 'services/listener/body.ts',
        from: '|| this.slowest() !== undefined;',
        to: ';',
      },
    ],
    by: { test: 'unit/services/listener/body.test.ts', name: /the fifth gets that of a slow one/ },
  },
  {
    what: 'the listener: a large body of a genuine sender has no more time than any other',
    changes: [
      { file: 'services/listener/http-server.ts', from: 'begun > BODY_MS + paidMs', to: 'begun > BODY_MS' },
    ],
    by: { test: 'hostile/slow-clients.test.ts', name: /a large body has longer/ },
  },
  {
    what: 'the listener: the body of a wrong token is read',
    changes: [
      {
        file: 'services/listener/handler.ts',
        from: "if (check.byHead !== 'wrong') return",
        to: "if (check.byHead !== 'wrong' || head.name !== '') return",
      },
    ],
    by: { test: 'cli/automation/trigger-bodies.test.ts', name: /without the right token/ },
  },
  {
    what: 'the listener: the body of a stranger has a name, and a kill leaves it',
    changes: [
      {
        file: 'base/fs/atomic-write.ts',
        from: '  unlinkSync(path);\n  writeAll(fd, Buffer.from(text));',
        to: '  writeAll(fd, Buffer.from(text));',
      },
    ],
    by: { test: 'cli/automation/trigger-bodies.test.ts', name: /leave no file/ },
  },
  {
    what: 'gc: payloads take no room',
    changes: [{ file: 'engine/gc/collect.ts', from: 'job.input, job.payload]', to: 'job.input]' }],
    by: { test: 'cli/automation/trigger-bodies.test.ts', name: /gc counts it/ },
  },
  {
    what: 'trigger: the token of GitLab proves nothing',
    changes: [{ file: 'services/listener/signature.ts', from: " ?? header('x-gitlab-token')", to: '' }],
    by: { test: 'unit/services/listener/signature.test.ts', name: /GitLab sends the secret itself/ },
  },
  {
    what: 'each command starts all listeners, however many',
    changes: [
      { file: 'engine/automation/recovery.ts', from: '++started === MOST_STARTED', to: 'started < 0' },
    ],
    by: { test: 'cli/automation/trigger-ports.test.ts', name: /eight listeners at most/ },
  },
  {
    what: 'the rule of a POSIX string of TZ does not matter',
    changes: [
      {
        file: 'job/automation/timezone.ts',
        from: 'rule === undefined || rule === one.rule',
        to: 'one.summer !== undefined',
      },
    ],
    by: { test: 'unit/job/automation/timezone.test.ts', name: /without a rule the names decide/ },
  },
  {
    what: 'cron add: the user of a line of /etc/cron.d becomes a part of the command',
    changes: [
      { file: 'job/automation/crontab.ts', from: "rest.replace(/^root\\s+(?=\\S)/, '')", to: 'rest' },
    ],
    by: { test: 'cli/automation/cron-zones.test.ts', name: /what is foreign has a hint/ },
  },
  {
    what: 'trigger: a ping starts a job',
    changes: [
      {
        file: 'services/listener/webhook-event.ts',
        from: 'return isPing(event) ? PING : undefined;',
        to: 'return undefined;',
      },
    ],
    by: { test: 'cli/automation/trigger-events.test.ts', name: /^a ping of GitHub/ },
  },
  {
    what: 'trigger: a delivery that comes again does not say that its job failed',
    changes: [
      { file: 'services/listener/delivery.ts', from: 'if (code === 0) return text;', to: 'return text;' },
    ],
    by: { test: 'cli/automation/trigger-events.test.ts', name: /how to start it again/ },
  },
  {
    what: 'trigger: --event leaves nothing out',
    changes: [
      {
        file: 'services/listener/webhook-event.ts',
        from: '(one) => plainName(one) === plainName(event)',
        to: '() => true',
      },
    ],
    by: { test: 'cli/automation/trigger-events.test.ts', name: /--event chooses/ },
  },
  {
    what: 'trigger add: an older listener takes every event for a trigger with --event',
    changes: [
      {
        file: 'cli/automation/trigger-add.ts',
        from: "(events.length > 0 ? ['event'] : [])",
        to: '[]',
      },
    ],
    by: { test: 'cli/automation/trigger-events.test.ts', name: /--event chooses/ },
  },
  {
    what: 'the listener: strangers fill the disk with what was refused',
    changes: [
      {
        file: 'job/automation/rejections.ts',
        from: 'own.length >= MOST_PER_NAME ?',
        to: 'own.length < 0 ?',
      },
    ],
    by: { test: 'unit/job/automation/rejections.test.ts', name: /sixteen for each trigger/ },
  },
  {
    what: 'a variable with no shell name is a word of env',
    changes: [
      {
        file: 'engine/shim/shim.ts',
        from: 'if (!envSplits()) {',
        to: 'if (envSplits()) {',
      },
    ],
    by: { test: 'programs/visible-words.test.ts', name: /a job in another directory/, needs: 'strace' },
  },
  {
    what: 'doctor: on a busy machine the newest job alone is checked',
    changes: [
      {
        file: 'engine/doctor/job-checks.ts',
        from: 'if (looked >= LEAST && systemClock.monotonic() > until) break;',
        to: 'if (systemClock.monotonic() > until) break;',
      },
    ],
    by: { test: 'cli/doctor/doctor-home.test.ts', name: /many damaged records/ },
  },
  {
    what: 'doctor: a lost job that left something running is not told',
    changes: [
      {
        file: 'engine/doctor/job-checks.ts',
        from: "view.status.outcome.kind !== 'lost') return [];",
        to: "view.status.outcome.kind === 'lost') return [];",
      },
    ],
    by: { test: 'cli/doctor/doctor-home.test.ts', name: /a lost job that left something/ },
  },
  {
    what: 'completion: offers the jobs of all projects',
    changes: [
      {
        file: 'cli/completion/candidates.ts',
        from: 'const live = liveHere(home, here).reverse();',
        to: 'const live = (ended ? listLive(home).flatMap((id) => observe(home, id) ?? []) : liveHere(home, here)).reverse();',
      },
    ],
    by: { test: 'cli/completion/completion.test.ts', name: /bash: the function/ },
  },
  {
    what: 'a list leaves out the job that is being started',
    changes: [
      {
        file: 'cli/jobs/job-filter.ts',
        from: '[...waiting.queued, ...waiting.admitted]',
        to: '[...waiting.queued]',
      },
    ],
    by: { test: 'chaos/being-started.test.ts', name: /listed: after launcher: link/, needs: 'gcc' },
  },
  {
    what: 'supervisors of an older bgjob, which refuse the home after an update, count as failed ones',
    changes: [
      {
        file: 'job/home/records.ts',
        from: 'owner !== undefined && missingOf(KNOWN_NEEDS, owner.knows).length > 0',
        to: 'false',
      },
    ],
    by: { test: 'cli/queue/damaged.test.ts', name: /three owners in a row that left no state/ },
  },
  {
    what: 'a job that ended three supervisors is started once more',
    changes: [
      {
        file: 'engine/queue/admission.ts',
        from: 'generation > MAX_FAILED && countFailedOwners',
        to: 'generation > 100 * MAX_FAILED && countFailedOwners',
      },
    ],
    by: { test: 'cli/queue/damaged.test.ts', name: /three owners in a row that left no state/ },
  },
  {
    what: 'an owner writes into whatever stands at the path of its job',
    changes: [
      {
        file: 'job/home/anchored-home.ts',
        from: 'if (!isSameFile(fileAt(path), this.file)) return NOWHERE;',
        to: '',
      },
    ],
    by: { test: 'cli/home/replaced.test.ts', name: /what is in the home is removed under a job: the new/ },
  },
  {
    what: 'of a job of a terminal in a home that was removed nothing is known, though the shim has said it',
    changes: [{ file: 'supervisor/start.ts', from: ' || recorded !== undefined', to: '' }],
    by: { test: 'cli/home/replaced.test.ts', name: /put back from a copy: the job of a terminal/ },
  },
  {
    what: 'a self-test that is interrupted leaves its jobs',
    changes: [
      {
        file: 'cli/self-test/stage.ts',
        from: "if (ids.length > 0) await this.bgjob(['kill'",
        to: "if (ids.length > 99) await this.bgjob(['kill'",
      },
    ],
    by: { test: 'cli/doctor/self-test.test.ts', name: /SIGTERM in the middle/ },
  },
  {
    what: 'a self-test in which a check failed exits 0',
    changes: [
      {
        file: 'cli/self-test/self-test.ts',
        from: "results.every(({ result }) => result !== 'failed')",
        to: 'results.length > 0',
      },
    ],
    by: { test: 'cli/doctor/self-test.test.ts', name: /a check that fails says what it found/ },
  },
  {
    what: 'the shim records no CPU time',
    changes: [{ file: 'engine/shim/shim.sh', from: 'command times\n', to: '\n' }],
    by: { test: 'cli/usage/usage.test.ts', name: /a job that ends by itself/ },
  },
  {
    what: 'the shim of a target asks a subshell for the CPU time: zero',
    changes: [
      {
        file: 'engine/targets/far/shim.sh',
        from: '[ ! -f usage ] || { command times >>usage; } 2>/dev/null',
        to: '[ ! -f usage ] || { echo "$(times)" >>usage; } 2>/dev/null',
      },
    ],
    by: { test: 'unit/engine/targets/shim-engine.test.ts', name: /CPU time of the job, of its children/ },
  },
  {
    what: 'the CPU time of what a stop on a target kills is not noted',
    changes: [
      {
        file: 'engine/targets/far/processes.sh',
        from: 'far_sum=$((far_sum + far_cpu))',
        to: 'far_sum=0',
      },
    ],
    by: { test: 'unit/engine/targets/shim-engine.test.ts', name: /what it cost: of a job over a limit/ },
  },
  {
    what: 'what the shim of a target used before its job counts as the cost of a job without an end of `times`',
    changes: [
      { file: 'engine/targets/far-records.ts', from: 'times.length === 4 ? ', to: 'times.length ? ' },
    ],
    by: {
      test: 'unit/engine/targets/far-records.test.ts',
      name: /the cost of a job stands behind the end record/,
    },
  },
  {
    what: 'the log stream of a target keeps to itself what a job cost',
    changes: [
      {
        file: 'engine/targets/far/stream.pl',
        from: '"E $record|" . used($uid) . "\\n"',
        to: '"E $record\\n"',
      },
    ],
    by: { test: 'unit/engine/targets/far-stream.test.ts', name: /^perl: what a job cost/ },
  },
  {
    what: 'a shim that serves several jobs: each job has the CPU time of all before it',
    changes: [
      {
        file: 'engine/usage/usage-file.ts',
        from: 'second.ms - first.ms : null',
        to: 'second.ms : null',
      },
    ],
    by: { test: 'unit/engine/usage/usage-file.test.ts', name: /written twice/ },
  },
  {
    what: 'a lost job has a cost',
    changes: [
      {
        file: 'supervisor/supervision.ts',
        from: "startedAt !== null && outcome.kind !== 'lost';",
        to: 'startedAt !== null;',
      },
      {
        file: 'job/view.ts',
        from: "view.kind === 'ended' && view.status.outcome.kind !== 'lost' ?",
        to: "view.kind === 'ended' ?",
      },
    ],
    by: { test: 'cli/usage/usage.test.ts', name: /nothing is known of a lost job/ },
  },
  {
    what: 'a sample leaves out the children',
    changes: [
      {
        file: 'engine/usage/sample.ts',
        from: 'if (seen.has(child)) continue;',
        to: 'if (child > 0) continue;',
      },
    ],
    by: { test: 'unit/engine/usage/sample.test.ts', name: /the children of each thread count/ },
  },
  {
    what: 'a job over --memory is said to be killed',
    changes: [
      { file: 'job/view.ts', from: "view.status.stop?.cause === 'memory'", to: 'view.kind.length === 0' },
    ],
    by: { test: 'cli/usage/memory.test.ts', name: /every command says why/ },
  },
  {
    what: 'a group is made where its processes cannot be moved into it',
    changes: [
      {
        file: 'engine/usage/control-group.ts',
        from: 'const isOurs = tree.isWritable(parent) && ',
        to: 'const isOurs = parent !== ROOT || ',
      },
    ],
    by: { test: 'unit/engine/usage/control-group.test.ts', name: /a part of the tree/ },
  },
  {
    what: 'a job over --memory is not run again by --retry',
    changes: [{ file: 'job/lifecycle.ts', from: "&& stop?.cause === 'memory'", to: '&& stop === null' }],
    by: { test: 'cli/usage/memory.test.ts', name: /--retry runs it again/ },
  },
  {
    what: 'an older version starts the jobs of a schedule without their limit',
    changes: [
      {
        file: 'cli/automation/cron-add.ts',
        from: 'if (schedule.needs.length > 0) admitNeeds(home);',
        to: 'if (schedule.needs.length > 9) admitNeeds(home);',
      },
    ],
    by: { test: 'cli/usage/memory.test.ts', name: /an older version refuses the home/ },
  },
  {
    what: 'a silent log is looked at four times a second',
    changes: [
      {
        file: 'supervisor/log-limit/growth-rate.ts',
        from: 'Math.max(silentMs / SILENCE_SHARE, isSwept ? SILENT_MS : QUIET_MS)',
        to: 'QUIET_MS',
      },
    ],
    by: { test: 'unit/supervisor/log-limit/growth-rate.test.ts', name: /once a second/ },
  },
  {
    what: 'samples with a limit come as rarely as those without',
    changes: [
      {
        file: 'engine/usage/usage-meter.ts',
        from: 'isWatched ? Math.min(this.leftMs, LIMIT_MS) : this.leftMs',
        to: 'isWatched ? this.leftMs : this.leftMs',
      },
    ],
    by: { test: 'unit/engine/usage/usage-meter.test.ts', name: /each second/ },
  },
  {
    what: 'failures count for how long a job usually takes',
    changes: [
      {
        file: 'engine/usage/past-runs.ts',
        from: 'exitCodeOf(outcome) === 0 && ',
        to: 'exitCodeOf(outcome) < 256 && ',
      },
    ],
    by: { test: 'unit/engine/usage/past-runs.test.ts', name: /fewer than three/ },
  },
  // ---- caught by a round of the crash matrix ----
  {
    what: 'a job runs as long as it has an owner on record',
    changes: [
      {
        file: 'engine/observe/observe.ts',
        from: '  return false;\n}\n\n/** The adopter of an adopter',
        to: '  return owner !== undefined;\n}\n\n/** The adopter of an adopter',
      },
    ],
    by: {
      promised: 'no job is shown running that is not',
      setting: 'a job that nobody watches',
      kill: at('shim', 'write jobs/N/exit.N', 1, 'before'),
    },
  },
  {
    what: 'a reader that finds nobody alive does not look for the code',
    changes: [
      { file: 'engine/observe/observe.ts', from: '  if (exit) {\n', to: '  if (exit && exit.code < 0) {\n' },
      { file: 'engine/observe/observe.ts', from: 'if (isExitDamaged(', to: 'if (!exit && isExitDamaged(' },
    ],
    by: {
      promised: 'no exit code is lost',
      setting: 'a job that nobody watches',
      kill: at('shim', 'write socket', 1, 'before'),
    },
  },
  {
    what: 'what nobody saw is called a success',
    changes: [
      {
        file: 'job/home/records.ts',
        from: 'createBlank(job.exit(attempt), 8);',
        to: "require('node:fs').writeFileSync(job.exit(attempt), '0\\n0\\n    ');",
      },
    ],
    by: {
      promised: 'no outcome is invented',
      setting: 'run',
      kill: at('shim', 'write jobs/N/exit.N', 1, 'before'),
    },
  },
  {
    what: 'gc removes the newest job, and the next id is that of the newest directory',
    changes: [
      { file: 'engine/gc/collect.ts', from: '.filter((id) => id !== highest));', to: ');' },
      {
        file: 'job/home/ids.ts',
        from: 'const id = claimAfter(home, readHint(home) ?? ',
        to: 'const id = claimAfter(home, 0 * (readHint(home) ?? 0) + ',
      },
      {
        file: 'job/home/ids.ts',
        from: 'if (id > floor) return id;',
        to: 'if (id > 0 * floor) return id;',
      },
    ],
    by: { promised: 'no id is reused', setting: 'gc' },
  },
  {
    what: 'a record is written under its own name',
    changes: [
      {
        file: 'base/fs/atomic-write.ts',
        // biome-ignore lint/suspicious/noTemplateCurlyInString: a piece of a source
        from: 'const temporary = `${path}.tmp`;\n  requireDirectory(dirname(path));\n  try {\n    try',
        to: 'const temporary = path;\n  try {\n    try',
      },
    ],
    by: {
      promised: 'no half-written record is visible',
      setting: 'run',
      kill: { ...at('supervisor', 'open jobs/N/state.json', 1, 'after'), look: assertWhole },
      unbroken: { ...at('supervisor', 'open jobs/N/state.json.tmp', 1, 'after'), look: assertWhole },
    },
  },
  {
    what: 'the supervisor stays when all is done',
    changes: [
      {
        file: 'supervisor/after-end.ts',
        from: '  await limit;\n',
        to: '  await limit;\n  setInterval(() => {}, 1000);\n',
      },
    ],
    by: { promised: 'no process is left', setting: 'run', kill: at('launcher', 'exit -', 1, 'before') },
  },
  {
    what: 'the id is printed as soon as it is claimed',
    changes: [
      {
        file: 'engine/launch/launch.ts',
        from: 'id = claimId(home);',
        // biome-ignore lint/suspicious/noTemplateCurlyInString: a piece of a source
        to: 'id = claimId(home); require("node:fs").writeSync(1, `${id}\\n`);',
      },
    ],
    by: {
      promised: 'an id that was printed is a job',
      setting: 'run',
      kill: at('launcher', 'rename jobs/N/spec.json', 1, 'before'),
    },
  },
  {
    what: 'an adopter does not know the limits',
    changes: [
      {
        file: 'supervisor/supervision.ts',
        from: "if (status.phase === 'running') this.pauses.enter",
        to: "if (status.phase === 'running' && this.owner.generation === 1) this.pauses.enter",
      },
    ],
    by: { promised: 'everything goes on', setting: 'an adopted job with a time limit' },
  },
  {
    what: 'nobody counts the slots',
    changes: [
      {
        file: 'job/queue/queue-files.ts',
        from: 'return readValid(queue.slots, slotsSchema)?.slots ?? DEFAULT_SLOTS;',
        to: 'return 9 + (readValid(queue.slots, slotsSchema)?.slots ?? DEFAULT_SLOTS);',
      },
    ],
    by: { promised: 'no more run than there are slots', setting: 'the next of a queue' },
  },
  {
    what: 'an adopter that finds no state starts the job, whatever runs',
    changes: [
      {
        file: 'supervisor/adopt.ts',
        from: "if (before.phase === 'starting') startedBefore(supervision);",
        to: "if (before.phase === 'starting') supervision.start(supervision);",
      },
      { file: 'supervisor/adopt.ts', from: '  dequeue(supervision);\n', to: '' },
    ],
    by: {
      promised: 'no job is started twice',
      setting: 'run into an empty queue',
      kill: at('supervisor', 'open jobs/N/state.json.tmp', 1, 'before'),
    },
  },
];
