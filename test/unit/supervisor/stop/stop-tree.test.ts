/** A stop that comes while the shim forks: the first signal is for the job, which is younger than the watcher. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import * as fs from 'node:fs';
import { identify, isDeadState, readStat } from '../../../../src/engine/os/process-identity.ts';
import { openHome } from '../../../../src/job/home/home.ts';
import type { Event } from '../../../../src/job/lifecycle.ts';
import type { StatusOf } from '../../../../src/job/state.ts';
import { stopTree } from '../../../../src/supervisor/stop/stop-tree.ts';
import { folderTest } from '../../../rig/folder.ts';
import { until } from '../../../rig/until.ts';

const stop = { by: 'kill', cause: 'kill', signal: 'SIGTERM', graceMs: 3_600_000, at: 1 } as const;

folderTest(
  'the watcher is found before the job is there: the job gets the signal all the same',
  async (dir) => {
    const opened = openHome(`${dir}/home`, true);
    assert.ok(opened.ok && opened.value);
    const job = opened.value.job(1);
    fs.mkdirSync(job.dir, { recursive: true });
    // it ignores the signal, and ends with its stdin
    const watcher = spawn('sh', ['-c', "trap '' TERM; echo; read -r _"], {
      stdio: ['pipe', 'pipe', 'ignore'],
    });
    await once(watcher.stdout!, 'data');
    let main: ChildProcess | undefined;
    const status: StatusOf<'stopping'> = {
      ...{ phase: 'stopping', startedAt: 1, startedMonotonicMs: 1, stop, sent: [], ended: null },
    };
    const looks = { forking: 0, found: 0 };
    const owner = {
      ...{ home: opened.value, job, attempt: 1, status, stopped: 0, forced: 0, isSwept: false },
      ...{ owner: { generation: 1, identity: identify(process.pid)!, slot: null, knows: [] } },
      get isForking() {
        looks.forking++;
        return main === undefined;
      },
      processes: async () => {
        looks.found++;
        // once the main process is on record the watcher is, too
        const stat = readStat((main ?? watcher).pid!);
        return stat && !isDeadState(stat.state) ? [stat] : [];
      },
      isOurs: (pid: number) => pid === watcher.pid,
      checkMain: () => {
        if (main?.signalCode) status.ended = { at: 2, code: 143, known: true, tookMs: null };
      },
      waitNudge: async () => {},
      dispatch: (..._events: Event[]) => {},
    };
    try {
      const stopped = stopTree(owner);
      await until(
        () => looks,
        ({ forking, found }) => forking > 3 || found > 0,
        'the stop has begun',
      );
      assert.equal(looks.found, 0, 'no process is signalled while the shim forks');
      main = spawn('sleep', ['1000'], { stdio: 'ignore' });
      await stopped;
      assert.deepEqual([main.signalCode, owner.stopped, owner.forced], ['SIGTERM', 1, 0]);
    } finally {
      // without the job the stop would go on
      status.ended ??= { at: 2, code: 143, known: true, tookMs: null };
      main?.kill('SIGKILL');
      watcher.stdin!.end();
      await once(watcher, 'exit');
    }
  },
);
