/** Records of jobs: what is read is what was written, or it is told why not; an exit status only as a whole line. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import nodeFs, * as fs from 'node:fs';
import { JobPaths } from '../../../../src/job/home/paths.ts';
import {
  claimOwner,
  isExitDamaged,
  isSeen,
  markSeen,
  prepareExit,
  readExit,
  readOwner,
  readSpec,
  readState,
  readStops,
  requestStop,
  reserveEnd,
  SETTINGS,
  SWEEPERS,
  writeSpec,
  writeState,
} from '../../../../src/job/home/records.ts';
import type { Identity } from '../../../../src/job/identity.ts';
import { KNOWN_NEEDS } from '../../../../src/job/needs.ts';
import type { Spec } from '../../../../src/job/spec.ts';
import type { State, Stop } from '../../../../src/job/state.ts';
import { folderTest } from '../../../rig/folder.ts';

const IDENTITY: Identity = { pid: 7, startTicks: 9, bootId: 'boot', pidNamespace: 'ns', machine: 'here' };
const SPEC: Spec = {
  v: 1,
  needs: [],
  id: 42,
  name: null,
  argv: ['/bin/true', ''],
  line: null,
  words: ['true', ''],
  script: null,
  cwd: '/',
  cwdLink: null,
  project: '/',
  tags: [],
  env: ['A=1'],
  changedVariables: [],
  keepEnv: false,
  timeoutMs: null,
  idleTimeoutMs: 5,
  graceMs: 0,
  maxLogBytes: 1 << 20,
  onMaxLog: 'trim',
  memory: null,
  split: false,
  onExit: null,
  notify: null,
  tell: null,
  server: false,
  stdin: null,
  pty: null,
  target: null,
  placement: {
    queue: 'api',
    priority: -3,
    notBefore: 7,
    after: [{ id: 41, any: true }],
    sandbox: 'abc',
    cgroup: '0::/',
    umask: 0o22,
    ioPriority: 'idle',
    batch: 40,
  },
  retry: 2,
  backoffMs: 1000,
  retryOn: null,
  parent: null,
  session: { host: 'claude', id: 'abc' },
  restartOf: null,
  origin: null,
  createdAt: 1.5,
  createdMonotonicMs: 2.25,
  bootId: 'boot',
  machine: 'here',
};
const STOP: Stop = { by: 'kill', cause: 'kill', signal: 'SIGTERM', graceMs: 5000, at: 3 };
const STATE: State = {
  v: 1,
  generation: 2,
  attempt: 2,
  attempts: [
    {
      startedAt: 1,
      endedAt: 2,
      endKnown: true,
      tookMs: null,
      outcome: { kind: 'exited', code: 1, afterKill: false },
    },
  ],
  status: {
    phase: 'stopping',
    startedAt: 1,
    startedMonotonicMs: 2,
    stop: STOP,
    sent: ['SIGTERM'],
    ended: { code: null, at: 4, known: false, tookMs: 7.5 },
  },
  stopped: 3,
  forced: 1,
  left: [IDENTITY],
  logBytes: null,
  spec: null,
};

folderTest('spec and state come back as they were written', (dir) => {
  const job = new JobPaths(dir);
  assert.deepEqual([readSpec(job, 42), readState(job)], [{ kind: 'absent' }, { kind: 'absent' }]);
  writeSpec(job, SPEC);
  writeState(job, STATE);
  assert.deepEqual(readSpec(job, 42), { kind: 'read', value: SPEC });
  assert.deepEqual(readState(job), { kind: 'read', value: STATE });
});

folderTest(
  'the last state takes the room that was kept for it, and nothing that stands in its place',
  (dir) => {
    const outcome = { kind: 'exited', code: 3, afterKill: false } as const;
    const last: State = {
      ...STATE,
      status: { phase: 'ended', startedAt: 1, endedAt: 2, endKnown: true, tookMs: null, outcome, stop: null },
      spec: SPEC,
    };
    const job = new JobPaths(dir);
    reserveEnd(job);
    const { ino, size } = fs.statSync(job.end);
    assert.ok(size >= JSON.stringify({ ...last, spec: null }).length);
    writeState(job, STATE);
    assert.equal(fs.existsSync(job.end), true, 'a state between leaves it alone');
    writeState(job, last);
    assert.deepEqual([fs.statSync(job.state).ino, fs.existsSync(job.end)], [ino, false]);
    assert.deepEqual(readState(job), { kind: 'read', value: last });
    writeState(job, { ...last, stopped: 9 });
    assert.deepEqual(readState(job), { kind: 'read', value: { ...last, stopped: 9 } });

    const outside = `${dir}/outside`;
    fs.writeFileSync(outside, 'mine');
    fs.symlinkSync(outside, job.end);
    writeState(job, last);
    assert.deepEqual(readState(job), { kind: 'read', value: last });
    fs.unlinkSync(job.end);
    execFileSync('mkfifo', [job.end]);
    writeState(job, { ...last, stopped: 9 });
    assert.equal(fs.readFileSync(outside, 'utf8'), 'mine');
  },
);

folderTest('what cannot be believed is unreadable, and says which field', (dir) => {
  const job = new JobPaths(dir);
  const why = (text: string) => {
    fs.writeFileSync(job.spec, text);
    const found = readSpec(job, 42);
    return found.kind === 'unreadable' ? found.why : found.kind;
  };
  const full = JSON.stringify(SPEC);
  assert.equal(why(''), 'spec.json: it is empty');
  for (let cut = 1; cut < full.length; cut++)
    assert.equal(why(full.slice(0, cut)), 'spec.json: it is not JSON');
  assert.equal(why(full), 'read');
  assert.equal(why(`${full}\0`), 'spec.json: it is not JSON');
  assert.equal(why('null'), 'spec.json: the record is not an object');
  assert.equal(why('[]'), 'spec.json: the record is not an object');
  assert.equal(why(JSON.stringify({ ...SPEC, id: 43 })), 'spec.json: it is of job 43');
  assert.equal(why(JSON.stringify({ ...SPEC, argv: [] })), 'spec.json: argv is empty');
  assert.equal(why(JSON.stringify({ ...SPEC, argv: ['a', 1] })), 'spec.json: argv[1] is not a text');
  assert.equal(why(JSON.stringify({ ...SPEC, v: 2 })), 'read');
  assert.equal(why(JSON.stringify({ ...SPEC, v: 3 })), 'spec.json: it was written by a newer bgjob');
  assert.equal(why(JSON.stringify({ ...SPEC, v: 0 })), 'spec.json: v is not 1 or 2');
  // fields that records of older versions do not have
  const later = [
    'needs',
    ...['maxLogBytes', 'onMaxLog', 'memory', 'split', 'script', 'placement', 'retry', 'backoffMs', 'retryOn'],
    ...['stdin', 'pty', 'onExit', 'notify', 'restartOf', 'origin', 'cwdLink', 'changedVariables', 'session'],
    ...['server', 'tell', 'target'],
  ];
  for (const key of later) {
    assert.equal(why(JSON.stringify({ ...SPEC, [key]: undefined })), 'read');
    if (key in SPEC)
      assert.match(why(JSON.stringify({ ...SPEC, [key]: [7] })), new RegExp(`${key}.* is not `));
  }
  for (const key of Object.keys(SPEC).filter((name) => !later.includes(name))) {
    const { [key as keyof Spec]: _, ...rest } = SPEC;
    assert.match(why(JSON.stringify(rest)), new RegExp(`^spec\\.json: ${key} is not `));
  }
  assert.equal(why(JSON.stringify({ ...SPEC, later: 'addition' })), 'read');
});

folderTest('the highest owner counts, by number and not by name', (dir) => {
  const job = new JobPaths(dir);
  assert.deepEqual(readOwner(job), { kind: 'absent' });
  for (const generation of [9, 10, 2])
    assert.equal(
      claimOwner(job, { generation, identity: { ...IDENTITY, pid: generation }, slot: null }),
      true,
    );
  assert.equal(claimOwner(job, { generation: 10, identity: IDENTITY, slot: null }), false);
  for (const name of ['owner.99.tmp', 'owner.', 'owner.x', 'owner.12.3.0.tmp', 'owner.1234567890'])
    fs.writeFileSync(`${dir}/${name}`, '');
  assert.deepEqual(readOwner(job), {
    kind: 'read',
    value: {
      generation: 10,
      identity: { ...IDENTITY, pid: 10 },
      knows: [...KNOWN_NEEDS, SWEEPERS, SETTINGS],
      slot: null,
    },
  });
  // one of before `needs`
  fs.writeFileSync(job.owner(10), JSON.stringify({ v: 1, identity: IDENTITY }));
  assert.deepEqual(readOwner(job), {
    kind: 'read',
    value: { generation: 10, identity: IDENTITY, knows: [], slot: null },
  });
  // a damaged one is never skipped for an older one
  fs.writeFileSync(job.owner(11), '{');
  assert.deepEqual(readOwner(job), { kind: 'unreadable', why: 'owner.11: it is not JSON' });
});

folderTest('an exit status counts only as a whole line', (dir) => {
  const job = new JobPaths(dir);
  assert.equal(readExit(job, 1), undefined);
  prepareExit(job, 1);
  assert.equal(fs.readFileSync(job.exit(1), 'utf8'), '        ');
  assert.equal(readExit(job, 1), undefined);
  assert.throws(() => prepareExit(job, 1), /EEXIST/);
  for (const code of [0, 7, 42, 127, 255]) {
    const line = `${code}\n`;
    // every state of an overwritten file in which a power cut could leave it
    for (let written = 0; written <= line.length; written++) {
      const text = line.slice(0, written) + '        '.slice(written);
      fs.writeFileSync(job.exit(1), text);
      assert.equal(readExit(job, 1)?.code, written === line.length ? code : undefined, JSON.stringify(text));
    }
    for (let length = 0; length <= line.length; length++) {
      fs.writeFileSync(job.exit(1), line.slice(0, length));
      assert.equal(readExit(job, 1)?.code, length === line.length ? code : undefined);
    }
  }
  for (const text of [
    '256\n',
    '999\n',
    '1000\n',
    ' 1\n',
    '-1\n',
    '+1\n',
    '1\r\n',
    '0x1\n',
    '\n',
    '\0\0\0\0',
    '1',
    'x\n',
    '٣\n',
    '3\n7\n',
    '3\n3\nx',
    '3\n33\n',
  ]) {
    fs.writeFileSync(job.exit(1), text);
    assert.equal(readExit(job, 1), undefined, JSON.stringify(text));
  }
  fs.utimesSync(job.exit(1), 1000, 1000.25);
  fs.writeFileSync(job.exit(1), '3\n');
  fs.utimesSync(job.exit(1), 1000, 1000.25);
  assert.deepEqual(readExit(job, 1), { code: 3, at: 1_000_250 });
  assert.equal(readExit(job, 2), undefined, 'of another attempt');
});

folderTest(
  'a status whose two copies differ is damaged, and so is what is no status; blanks are none yet',
  (dir) => {
    const job = new JobPaths(dir);
    assert.equal(isExitDamaged(job, 1), false);
    prepareExit(job, 1);
    assert.equal(isExitDamaged(job, 1), false);
    fs.writeFileSync(job.exit(1), '7\n7\n    ');
    assert.deepEqual([readExit(job, 1)?.code, isExitDamaged(job, 1)], [7, true]);
    // every bit of it
    const bytes = fs.readFileSync(job.exit(1));
    for (let bit = 0; bit < 8 * bytes.length; bit++) {
      const copy = Buffer.from(bytes);
      copy[bit >> 3]! ^= 1 << (bit & 7);
      fs.writeFileSync(job.exit(1), copy);
      assert.ok([undefined, 7].includes(readExit(job, 1)?.code), copy.toString());
    }
  },
);

folderTest('a job that is removed while its exit status is read has none', (dir, t) => {
  const job = new JobPaths(dir);
  fs.writeFileSync(job.exit(1), '3\n');
  const close = nodeFs.closeSync;
  t.mock.method(nodeFs, 'closeSync', (fd: number) => {
    fs.rmSync(job.exit(1), { force: true });
    close(fd);
  });
  assert.equal(readExit(job, 1), undefined);
});

folderTest('a request to stop stands; an unreadable one is still a request', (dir) => {
  const job = new JobPaths(dir);
  assert.deepEqual(readStops(job), []);
  assert.equal(requestStop(job, 'term', STOP), 'new');
  assert.equal(requestStop(job, 'term', { ...STOP, by: 'another' }), 'earlier');
  // when it came is told by the file: the clock of whoever asked may be wrong
  const stamped = (stop: Stop, hardness: 'term' | 'kill'): Stop => ({
    ...stop,
    at: Math.round(fs.statSync(job.stop(hardness)).mtimeMs),
  });
  assert.deepEqual(readStops(job), [stamped(STOP, 'term')]);
  const harder: Stop = { ...STOP, signal: 'SIGKILL', graceMs: 0 };
  assert.equal(requestStop(job, 'kill', harder), 'new');
  assert.deepEqual(readStops(job), [stamped(STOP, 'term'), stamped(harder, 'kill')]);
  for (const [hardness, signal] of [
    ['term', 'SIGTERM'],
    ['kill', 'SIGKILL'],
  ] as const) {
    fs.writeFileSync(job.stop(hardness), 'nonsense');
    const stop = readStops(job)[hardness === 'term' ? 0 : 1]!;
    assert.deepEqual(
      { ...stop, at: 0 },
      { by: 'an unreadable request', cause: 'kill', signal, graceMs: 5000, at: 0 },
    );
  }
});

folderTest('of two requests to stop the one with the shorter grace is kept, too', (dir) => {
  const job = new JobPaths(dir);
  const graces = () => readStops(job).map(({ graceMs, signal }) => `${signal} ${graceMs}`);
  const ask = (graceMs: number) => requestStop(job, 'term', { ...STOP, graceMs });
  assert.deepEqual([3000, 5000, 3000, 2000, 2000, 0].map(ask), [
    'new',
    ...['earlier', 'earlier', 'shorter', 'earlier', 'shorter'],
  ]);
  assert.deepEqual(graces(), ['SIGTERM 3000', 'SIGTERM 2000', 'SIGTERM 0']);
  const hardest: Stop = { ...STOP, signal: 'SIGKILL', graceMs: 0 };
  assert.deepEqual([requestStop(job, 'kill', hardest), ask(1)], ['new', 'earlier']);
  assert.deepEqual(graces(), ['SIGTERM 3000', 'SIGTERM 2000', 'SIGTERM 0', 'SIGKILL 0']);
});

folderTest('the end is told to somebody once, and a job that is gone is no reason to fail', (dir) => {
  const job = new JobPaths(dir);
  assert.equal(isSeen(job), false);
  markSeen(job);
  markSeen(job);
  assert.equal(isSeen(job), true);
  markSeen(new JobPaths(`${dir}/gone`));
  fs.mkdirSync(`${dir}/victim`, { mode: 0o700 });
  fs.symlinkSync('victim', `${dir}/link`);
  markSeen(new JobPaths(`${dir}/link`));
  assert.deepEqual(fs.readdirSync(`${dir}/victim`), [], 'nothing is noted through a link');
  assert.equal(isSeen(new JobPaths(`${dir}/gone`)), false);
});
