/** What a job finds in its environment, and what our own processes get. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { jobEnvironment, ownEnvironment, withEnvMarker } from '../../../../src/engine/launch/environment.ts';

const MARKER = { BGJOB_ID: '42', BGJOB_HOME: '/home', BGJOB_TOKEN: 'secret' };
const environment = (caller: NodeJS.ProcessEnv, overrides: string[] = []) => {
  const entries = withEnvMarker(jobEnvironment(caller, { env: overrides, stdin: null, pty: null }), MARKER);
  const names = entries.map((entry) => entry.slice(0, entry.indexOf('=')));
  assert.equal(new Set(names).size, names.length, 'each name once');
  return Object.fromEntries(entries.map((entry, n) => [names[n]!, entry.slice(names[n]!.length + 1)]));
};

test('defaults only where nothing is set', () => {
  const defaults = { PYTHONUNBUFFERED: '1', PAGER: 'cat', GIT_PAGER: 'cat', GIT_TERMINAL_PROMPT: '0' };
  assert.deepEqual(environment({}), { ...defaults, ...MARKER });
  for (const name of Object.keys(defaults))
    assert.equal(environment({ [name]: '' })[name], '', 'set to nothing is set');
  assert.equal(environment({ PAGER: 'less' })['PAGER'], 'less');
});

test("what make would have said to its children is gone, Node's own variables pass through", () => {
  const seen = environment({
    MAKEFLAGS: '--jobserver-auth=3,4',
    MFLAGS: '-j',
    MAKELEVEL: '1',
    NODE_OPTIONS: '--require ./x',
    A: 'b',
  });
  for (const name of ['MAKEFLAGS', 'MFLAGS', 'MAKELEVEL']) assert.equal(name in seen, false);
  assert.deepEqual([seen['NODE_OPTIONS'], seen['A']], ['--require ./x', 'b']);
});

test('overrides: the last one counts, over the caller and the defaults, never over the marker', () => {
  const seen = environment({ A: 'caller' }, [
    'A=1',
    'A=2=3',
    'EMPTY=',
    'PAGER=more',
    'MAKEFLAGS=-s',
    'BGJOB_ID=7',
    'LINES=a\nb',
  ]);
  assert.deepEqual(
    [seen['A'], seen['EMPTY'], seen['PAGER'], seen['MAKEFLAGS'], seen['BGJOB_ID'], seen['LINES']],
    ['2=3', '', 'more', '-s', '42', 'a\nb'],
  );
});

test('a job inside a job carries its own marker', () => {
  assert.equal(
    environment({ BGJOB_ID: '1', BGJOB_HOME: '/other', BGJOB_TOKEN: 'old' })['BGJOB_TOKEN'],
    'secret',
  );
});

test('our own processes get what they need, and no marker', () => {
  const caller = {
    HOME: '/root',
    PATH: '/bin',
    LANG: 'C',
    NODE_OPTIONS: '--require ./x',
    LD_PRELOAD: 'x.so',
    ...MARKER,
  };
  assert.deepEqual(ownEnvironment(caller), { HOME: '/root', PATH: '/bin', LANG: 'C' });
  assert.deepEqual(ownEnvironment({ HOME: '' }), { HOME: '' });
});
