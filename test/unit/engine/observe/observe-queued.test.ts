/** A job that waits for its next attempt, seen by a reader at the very moment at which it is started: it is not lost. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { mock, test } from 'node:test';
import { observe } from '../../../../src/engine/observe/observe.ts';
import { identify, thisHost } from '../../../../src/engine/os/process-identity.ts';
import { openHome } from '../../../../src/job/home/home.ts';
import { claimOwner, writeSpec, writeState } from '../../../../src/job/home/records.ts';
import { addEntry, findEntry, makeQueue, markStarted } from '../../../../src/job/queue/queue-files.ts';
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

test('its entry goes between two looks', () => {
  const dir = fs.mkdtempSync(join(tmpdir(), 'bgjob-observe-'));
  let held: number | undefined;
  try {
    const opened = openHome(join(dir, 'home'), true);
    assert.ok(opened.ok && opened.value);
    const home = opened.value;
    const job = home.job(7);
    fs.mkdirSync(job.dir, { recursive: true, mode: 0o700 });
    execFileSync('mkfifo', [job.alive]);
    writeSpec(job, spec);
    addEntry(makeQueue(home, 'q'), entryName(7, '/', placement));
    const self = identify(process.pid)!;
    claimOwner(job, { generation: 1, identity: { ...self, startTicks: self.startTicks + 1 }, slot: null });
    writeState(job, stateOf(1, 2, { phase: 'queued', notBefore: null }));
    assert.deepEqual(observe(home, 7)?.kind, 'live');
    const entry = findEntry(home, spec)!;

    const exists = fs.existsSync;
    let moves = 0;
    const mocked = mock.method(fs, 'existsSync', ((path: string) => {
      if (path === `${entry.folder}/${entry.name}` && moves++ === 0) {
        held = fs.openSync(job.alive, fs.constants.O_RDWR);
        claimOwner(job, { generation: 2, identity: self, slot: null });
        writeState(
          job,
          stateOf(2, 2, { phase: 'running', startedAt: 1, startedMonotonicMs: 1, holding: null }),
        );
        markStarted(home, 7, entry);
      }
      return exists(path);
    }) as typeof exists);
    const view = observe(home, 7);
    mocked.mock.restore();
    assert.equal(moves, 1);
    assert.ok(view?.kind === 'live', JSON.stringify(view));
    assert.equal(view.status.phase, 'running');
  } finally {
    if (held !== undefined) fs.closeSync(held);
    fs.rmSync(dir, { recursive: true, force: true });
  }
});
