/** A job between two attempts, seen by a reader that is slow: it is not lost, and has not ended. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { mock, test } from 'node:test';
import { observe } from '../../../../src/engine/observe/observe.ts';
import { identify, thisHost } from '../../../../src/engine/os/process-identity.ts';
import { type Home, openHome } from '../../../../src/job/home/home.ts';
import type { JobPaths } from '../../../../src/job/home/paths.ts';
import { claimOwner, prepareExit, writeSpec, writeState } from '../../../../src/job/home/records.ts';
import {
  addEntry,
  findEntry,
  makeQueue,
  markStarted,
  removeEntry,
} from '../../../../src/job/queue/queue-files.ts';
import { entryName } from '../../../../src/job/queue/queue-order.ts';
import type { Placement, Spec } from '../../../../src/job/spec.ts';
import type { State, Status } from '../../../../src/job/state.ts';

const { bootId, machine } = thisHost();
const placement: Placement = {
  ...{ queue: 'q', priority: 0, notBefore: null, after: [] },
  ...{ sandbox: 's', cgroup: 'c', umask: 0o22, ioPriority: null, batch: null },
};
const spec: Spec & { placement: Placement } = {
  ...{ v: 1, id: 7, name: null, argv: ['/bin/false'], line: null, words: ['false'], script: null },
  ...{
    cwd: '/',
    cwdLink: null,
    project: '/',
    tags: [],
    env: [],
    changedVariables: [],
    keepEnv: false,
    timeoutMs: null,
    idleTimeoutMs: null,
  },
  ...{
    graceMs: 5000,
    maxLogBytes: null,
    onMaxLog: 'trim',
    memory: null,
    split: false,
    stdin: null,
    pty: null,
    placement,
    target: null,
  },
  ...{
    retry: 1,
    backoffMs: 0,
    retryOn: null,
    onExit: null,
    notify: null,
    tell: null,
    server: false,
    parent: null,
    session: null,
    restartOf: null,
    origin: null,
  },
  // added so long ago that it cannot be about to appear
  ...{ createdAt: 1, createdMonotonicMs: 0, bootId, machine, needs: [] },
};
const stateOf = (generation: number, attempt: number, status: Status): State => ({
  ...{ v: 1, generation, attempt, attempts: [], status, stopped: 0, forced: 0 },
  ...{ left: [], logBytes: null, spec: null },
});

/** A home in which job 7 was added; `hold` opens its FIFO, and `unlock` closes it. */
function withJob(body: (home: Home, job: JobPaths, hold: () => void, unlock: () => void) => void): void {
  const dir = fs.mkdtempSync(join(tmpdir(), 'bgjob-observe-'));
  let held: number | undefined;
  const unlock = () => {
    if (held !== undefined) fs.closeSync(held);
    held = undefined;
  };
  try {
    const opened = openHome(join(dir, 'home'), true);
    assert.ok(opened.ok && opened.value);
    const job = opened.value.job(7);
    fs.mkdirSync(job.dir, { recursive: true, mode: 0o700 });
    execFileSync('mkfifo', [job.alive]);
    writeSpec(job, spec);
    addEntry(makeQueue(opened.value, 'q'), entryName(7, '/', placement));
    const hold = () => {
      held = fs.openSync(job.alive, fs.constants.O_RDWR);
    };
    body(opened.value, job, hold, unlock);
  } finally {
    unlock();
    fs.rmSync(dir, { recursive: true, force: true });
  }
}

const RUNNING: Status = { phase: 'running', startedAt: 1, startedMonotonicMs: 1, holding: null };
const QUEUED: Status = { phase: 'queued', notBefore: null };

test('its entry goes between two looks', () => {
  withJob((home, job, hold) => {
    const self = identify(process.pid)!;
    claimOwner(job, { generation: 1, identity: { ...self, startTicks: self.startTicks + 1 }, slot: null });
    writeState(job, stateOf(1, 2, QUEUED));
    assert.deepEqual(observe(home, 7)?.kind, 'live');
    const entry = findEntry(home, spec)!;

    const exists = fs.existsSync;
    let moves = 0;
    const mocked = mock.method(fs, 'existsSync', ((path: string) => {
      if (path === `${entry.folder}/${entry.name}` && moves++ === 0) {
        hold();
        claimOwner(job, { generation: 2, identity: self, slot: null });
        writeState(job, stateOf(2, 2, RUNNING));
        markStarted(home, 7, entry);
      }
      return exists(path);
    }) as typeof exists);
    const view = observe(home, 7);
    mocked.mock.restore();
    assert.equal(moves, 1);
    assert.ok(view?.kind === 'live', JSON.stringify(view));
    assert.equal(view.status.phase, 'running');
  });
});

test('it is put back after its state was read: the end of that attempt is not its end', () => {
  withJob((home, job, hold, unlock) => {
    claimOwner(job, { generation: 1, identity: identify(process.pid)!, slot: null });
    hold();
    writeState(job, stateOf(1, 1, RUNNING));
    prepareExit(job, 1);
    const queue = home.queue('q');
    const entry = findEntry(home, spec)!;
    removeEntry(entry);

    const open = fs.openSync;
    let moves = 0;
    // the first look at the FIFO comes after all records were read
    const mocked = mock.method(fs, 'openSync', ((path: string, ...rest: [number]) => {
      if (path === job.alive && moves++ === 0) {
        fs.writeFileSync(job.exit(1), '3\n3\n');
        addEntry(queue, entry.name);
        writeState(job, stateOf(1, 2, QUEUED));
        unlock();
      }
      return open(path, ...rest);
    }) as typeof open);
    const view = observe(home, 7);
    mocked.mock.restore();
    assert.ok(moves > 0);
    assert.ok(view?.kind === 'live', JSON.stringify(view));
    assert.deepEqual([view.status.phase, view.state?.attempt], ['queued', 2]);
  });
});
