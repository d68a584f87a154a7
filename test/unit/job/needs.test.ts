/** Which keys of a spec its starter must know. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { KNOWN_NEEDS, missingOf, needsOf, needText, unknownNeeds } from '../../../src/job/needs.ts';
import type { Placement } from '../../../src/job/spec.ts';
import { sshTarget } from '../../../src/job/target.ts';

const placement: Placement = {
  ...{ queue: 'q', priority: 0, notBefore: null, after: [] },
  ...{ sandbox: '', cgroup: '', umask: 0, ioPriority: null, batch: null },
};
const none = {
  ...{ target: null, stdin: null, pty: null, onExit: null, notify: null, tell: null },
  ...{ memory: null, retryOn: null },
};
const plain = { placement, ...none };
const all = {
  ...plain,
  target: sshTarget('box', 'gpu1'),
  stdin: { kind: 'hold' as const },
  pty: { columns: 80, rows: 24 },
  onExit: 'true',
  notify: { when: 'always' as const, desktop: [], terminal: null },
  tell: { when: 'failure' as const, env: [] },
  memory: 2 ** 30,
  retryOn: [{ from: 75, to: 75 }],
};

test('a plain job needs nothing; each of these keys is needed where it says something', () => {
  assert.deepEqual(needsOf(plain), []);
  assert.deepEqual(needsOf(all), ['memory', 'target', 'retryOn', 'stdin', 'pty', 'onExit', 'notify', 'tell']);
  assert.deepEqual(needsOf({ ...plain, onExit: '' }), ['onExit']);
  assert.deepEqual(KNOWN_NEEDS, ['memory', 'target', 'retryOn', 'stdin', 'pty', 'onExit', 'notify', 'tell']);
});

test('a job that does not wait is started by the program that adds it', () => {
  assert.deepEqual(needsOf({ ...all, placement: null }), []);
});

test('what a program does not know', () => {
  assert.deepEqual(unknownNeeds({ needs: ['pty', 'timeTravel', 'toString'] }), ['timeTravel', 'toString']);
  assert.deepEqual(unknownNeeds({ needs: KNOWN_NEEDS }), []);
  assert.deepEqual(missingOf(['stdin', 'pty'], ['pty']), ['stdin']);
  assert.equal(needText(['stdin', 'onExit', 'target']), '--stdin, --on-exit, --on');
});
