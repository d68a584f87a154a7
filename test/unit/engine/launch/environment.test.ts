/** What a job finds in its environment, and what our own processes get. */
import assert from 'node:assert/strict';
import { userInfo } from 'node:os';
import { test } from 'node:test';
import { jobEnvironment, ownEnvironment, withEnvMarker } from '../../../../src/engine/launch/environment.ts';
import { STAND_IN, withAccount } from '../../../../src/engine/launch/variable-rules.ts';
import type { Spec } from '../../../../src/job/spec.ts';

const MARKER = { BGJOB_ID: '42', BGJOB_HOME: '/home', BGJOB_TOKEN: 'secret' };
const ASKPASS = { SSH_ASKPASS: STAND_IN };
type Facts = Pick<Spec, 'stdin' | 'pty' | 'cwd'>;
const PLAIN: Facts = { stdin: null, pty: null, cwd: '/' };
const HELD: Facts = { ...PLAIN, stdin: { kind: 'hold' } };
const made = (caller: NodeJS.ProcessEnv, env: string[] = [], facts = PLAIN, isChosen = false) =>
  jobEnvironment(caller, { env, ...facts }, '/', isChosen);
const environment = (...given: Parameters<typeof made>) => {
  const entries = withEnvMarker(made(...given).environment, MARKER);
  const names = entries.map((entry) => entry.slice(0, entry.indexOf('=')));
  assert.equal(new Set(names).size, names.length, 'each name once');
  return Object.fromEntries(entries.map((entry, n) => [names[n]!, entry.slice(names[n]!.length + 1)]));
};

test('defaults only where nothing is set; blanks are nothing', () => {
  const defaults = { PYTHONUNBUFFERED: '1', PAGER: 'cat', GIT_PAGER: 'cat', GIT_TERMINAL_PROMPT: '0' };
  assert.deepEqual(environment({}), { ...defaults, ...ASKPASS, ...MARKER });
  for (const [name, value] of Object.entries(defaults))
    for (const blank of ['', ' ']) assert.equal(environment({ [name]: blank })[name], value);
  assert.equal(environment({ PAGER: 'less' })['PAGER'], 'less');
  assert.equal(environment({ PAGER: 'less' }, ['PAGER='])['PAGER'], '', 'the last word');
});

test('a terminal has a type, and no size but its own', () => {
  const facts = { ...HELD, pty: { columns: 80, rows: 24 } };
  for (const TERM of [undefined, '', ' '])
    assert.equal(environment({ TERM }, [], facts)['TERM'], 'xterm-256color');
  const { changedVariables } = made({ COLUMNS: '80', LINES: '50' }, [], facts);
  assert.deepEqual(changedVariables, [{ name: 'LINES', did: 'removed', why: 'terminal-size' }]);
  const seen = environment({ TERM: 'dumb', COLUMNS: '80', LINES: '50' }, [], facts);
  assert.deepEqual([seen['TERM'], seen['COLUMNS'], seen['LINES']], ['dumb', '80', undefined]);
  assert.equal(environment({ COLUMNS: '7' })['COLUMNS'], '7', 'without a terminal');
});

test('editors and askpass of the caller fail where no person answers', () => {
  const wait = { EDITOR: 'code --wait', GIT_ASKPASS: '/opt/ask', SSH_ASKPASS: '/opt/ask', VISUAL: ' ' };
  const { changedVariables } = made(wait);
  assert.deepEqual(
    changedVariables.map(({ name, did, why }) => [name, did, why]),
    ['EDITOR', 'GIT_ASKPASS', 'SSH_ASKPASS'].map((name) => [name, 'changed', 'no-person']),
  );
  const seen = environment(wait);
  for (const name of ['EDITOR', 'GIT_ASKPASS', 'SSH_ASKPASS']) assert.equal(seen[name], STAND_IN, name);
  assert.equal(environment(wait, ['EDITOR=code --wait'])['EDITOR'], 'code --wait');
  assert.equal(environment(wait, [], HELD)['EDITOR'], 'code --wait');
  assert.equal('SSH_ASKPASS' in environment({}, [], HELD), false);
  for (const asksNobody of [':', 'true', '/bin/true', 'sed -i s/a/b/', 'echo'])
    assert.equal(environment({ GIT_EDITOR: asksNobody })['GIT_EDITOR'], asksNobody);
  for (const asks of ['truely', 'vim', '/opt/true-ed', 'sedit'])
    assert.equal(environment({ GIT_EDITOR: asks })['GIT_EDITOR'], STAND_IN, asks);
  // a job inside of a job
  assert.deepEqual(made({ EDITOR: STAND_IN }).changedVariables, []);
  assert.equal('EDITOR' in environment({ EDITOR: STAND_IN }, [], HELD), false);
});

test('gpg asks on no terminal of the caller, and with --pty on that of the job', () => {
  for (const facts of [PLAIN, HELD, { ...HELD, pty: { columns: 80, rows: 24 } }]) {
    const { changedVariables } = made({ GPG_TTY: '/dev/pts/1' }, [], facts);
    assert.deepEqual(changedVariables, [{ name: 'GPG_TTY', did: 'removed', why: 'other-terminal' }]);
    assert.equal('GPG_TTY' in environment({ GPG_TTY: '/dev/pts/1' }, [], facts), false);
  }
  assert.equal(environment({}, ['GPG_TTY=/dev/pts/1'])['GPG_TTY'], '/dev/pts/1');
});

test('jobs of schedules and triggers have the variables of the account', () => {
  const { username, homedir } = userInfo();
  const seen = environment({ PATH: '/bin' }, [], PLAIN, true);
  assert.deepEqual([seen['USER'], seen['LOGNAME'], seen['HOME']], [username, username, homedir]);
  assert.equal(environment({ HOME: '/x' }, ['USER=me'], PLAIN, true)['USER'], 'me');
  assert.equal('USER' in environment({}), false);
  // a record of before 0.11
  assert.deepEqual(withAccount(['HOME=/x', 'SHELL=/s', 'USER=me']), [
    `LOGNAME=${username}`,
    ...['HOME=/x', 'SHELL=/s', 'USER=me'],
  ]);
});

test("Node's own variables pass through", () => {
  const seen = environment({ NODE_OPTIONS: '--require ./x', A: 'b', MAKELEVEL: '1' });
  assert.deepEqual([seen['NODE_OPTIONS'], seen['A'], seen['MAKELEVEL']], ['--require ./x', 'b', '1']);
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
