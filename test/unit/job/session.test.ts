/** Sessions: what names one, and the environment that hands one on. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  isNamedSession,
  isSameSession,
  parseSession,
  sessionIn,
  withSession,
} from '../../../src/job/session.ts';

test('HOST:ID or ID, of 128 characters at most', () => {
  assert.deepEqual(parseSession('a'), { host: null, id: 'a' });
  assert.deepEqual(parseSession('h:a:b'), { host: 'h', id: 'a:b' });
  assert.deepEqual(parseSession('..'), { host: null, id: '..' });
  assert.equal(parseSession('x'.repeat(128))?.id.length, 128);
  for (const bad of ['', ':', ':a', 'a:', 'a/b', 'a b', 'a\n', 'é', 'x'.repeat(129)])
    assert.equal(parseSession(bad), undefined, bad);
  for (const bad of ['', 'a/b', '../x']) assert.equal(sessionIn({ CLAUDE_CODE_SESSION_ID: bad }), null);
  assert.deepEqual(sessionIn({ CODEX_THREAD_ID: 'a:b' }), { host: 'codex', id: 'a:b' });
});

test('the id is the session; a host that is asked for must be the same', () => {
  const [claude, codex] = [
    { host: 'claude', id: 'a' },
    { host: 'codex', id: 'a' },
  ];
  assert.equal(isSameSession(claude, codex), true);
  assert.equal(isSameSession(claude, null) || isSameSession(null, null), false);
  assert.equal(isNamedSession(claude, codex), false);
  assert.equal(isNamedSession({ host: null, id: 'a' }, codex), true);
});

test('an environment hands on this session and no other, whatever it had; -e of the user stays', () => {
  const before = [
    ...['BGJOB_SESSION=x:1', 'CLAUDE_CODE_SESSION_ID=c', 'CODEX_THREAD_ID=t', 'BGJOB_SESSION=bad value'],
    ...['CODEX_THREAD_ID=', 'A=1'],
  ];
  const sessions = [
    null,
    { host: null, id: 'n' },
    ...['claude', 'codex', 'x'].map((host) => ({ host, id: 'n' })),
  ];
  for (let some = 0; some < 2 ** before.length; some++)
    for (const session of sessions) {
      const given = before.filter((_, n) => some & (1 << n));
      const made = withSession(given, { session, env: [] });
      const env = Object.fromEntries(made.map((entry) => entry.split('=')));
      assert.deepEqual(sessionIn(env), session, `${given}`);
      assert.deepEqual(made.includes('A=1'), given.includes('A=1'));
    }
  const own = ['BGJOB_SESSION=mine'];
  assert.deepEqual(withSession(own, { session: null, env: own }), own);
});
