/** The home is opened only if it is safely ours; and what is said of a job in words and codes. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { type Home, homePath, openHome } from '../../../../src/job/home/home.ts';
import type { Spec } from '../../../../src/job/spec.ts';
import { exitCodeOf, type Outcome } from '../../../../src/job/state.ts';
import { commandText } from '../../../../src/job/view.ts';
import { folderTest } from '../../../rig/folder.ts';

function trouble(path: string): string {
  const opened = openHome(path, true);
  if (opened.ok) return 'none';
  const { failure } = opened;
  return failure.code === 'home-refused' ? failure.trouble : failure.code;
}

folderTest('a home is made once, ours alone under any umask, and is the same when opened again', (dir) => {
  const path = join(dir, 'deep/home');
  assert.deepEqual(openHome(path, false), { ok: true, value: undefined });
  assert.equal(fs.existsSync(join(dir, 'deep')), false, 'asking makes nothing');
  const before = process.umask(0);
  const opened = openHome(path, true);
  process.umask(before);
  assert.ok(opened.ok);
  const home: Home = opened.value;
  for (const name of ['', 'jobs', 'live', 'ended', 'trash', 'cache'])
    assert.equal(fs.statSync(join(path, name)).mode & 0o777, 0o700, name);
  for (const name of ['token', 'format'])
    assert.equal(fs.statSync(join(path, name)).mode & 0o777, 0o600, name);
  assert.match(home.token, /^[0-9a-f]{32}$/);
  for (const make of [true, false] as const) {
    const again = make ? openHome(path, true) : openHome(path, false);
    assert.deepEqual(again, { ok: true, value: home });
  }
});

folderTest('what is not safely ours is refused, and says why', (dir) => {
  const at = (name: string) => join(dir, name);
  fs.mkdirSync(at('real'), 0o700);
  fs.symlinkSync(at('real'), at('link'));
  fs.symlinkSync(at('nowhere'), at('dangling'));
  fs.writeFileSync(at('file'), '');
  spawnSync('mkfifo', [at('fifo')]);
  for (const mode of [0o770, 0o702, 0o777, 0o1777]) {
    fs.mkdirSync(at(`open${mode}`));
    fs.chmodSync(at(`open${mode}`), mode);
    assert.equal(trouble(at(`open${mode}`)), 'open-to-others');
  }
  assert.deepEqual(
    ['link', 'dangling', 'file', 'fifo'].map((name) => trouble(at(name))),
    ['symbolic-link', 'symbolic-link', 'not-a-directory', 'not-a-directory'],
  );
  assert.equal(fs.existsSync(at('nowhere')), false);
  assert.equal(trouble(at('file/below')), 'io');
  if (process.geteuid!() === 0) {
    fs.mkdirSync(at('foreign'), 0o700);
    fs.chownSync(at('foreign'), 12345, 12345);
    assert.equal(trouble(at('foreign')), 'foreign');
  }
});

folderTest('a newer or damaged home is refused untouched', (dir) => {
  const path = join(dir, 'home');
  assert.equal(trouble(path), 'none');
  const write = (name: string, text: string) => fs.writeFileSync(join(path, name), text);
  write('format', '7\n');
  assert.deepEqual(openHome(path, false), {
    ok: false,
    failure: { code: 'home-newer', home: path, found: 7, known: 6 },
  });
  for (const text of ['', '1', 'x\n', '1 \n', '-1\n', '1234567890\n']) {
    write('format', text);
    assert.equal(trouble(path), 'damaged', JSON.stringify(text));
  }
  write('format', '1\n');
  for (const text of ['', '\n', 'x'.repeat(32), `${'a'.repeat(31)}\n`, `${'A'.repeat(32)}\n`]) {
    write('token', text);
    assert.equal(trouble(path), 'damaged', JSON.stringify(text));
  }
  fs.rmSync(join(path, 'token'));
  // never made anew: the processes of the old token would be nobody's
  assert.equal(trouble(path), 'damaged');
  assert.equal(fs.existsSync(join(path, 'token')), false);
});

folderTest('where the home is: absolute, and real up to its own name', (dir) => {
  fs.mkdirSync(join(dir, 'real'));
  fs.symlinkSync(join(dir, 'real'), join(dir, 'link'));
  assert.equal(homePath({ BGJOB_HOME: join(dir, 'link/../link/home') }), join(dir, 'real/home'));
  assert.equal(
    homePath({ BGJOB_HOME: join(dir, 'link') }),
    join(dir, 'link'),
    'a link in its place stays one, to be refused',
  );
  assert.equal(homePath({ BGJOB_HOME: 'x' }), join(fs.realpathSync('.'), 'x'));
  assert.equal(homePath({ BGJOB_HOME: join(dir, 'none/home') }), join(dir, 'none/home'));
  assert.match(homePath({ BGJOB_HOME: '' }), /^\/.*\/\.bgjob$/);
});

test('the exit code of each outcome', () => {
  const codes: [Outcome, number][] = [
    [{ kind: 'exited', code: 0, afterKill: false }, 0],
    [{ kind: 'exited', code: 42, afterKill: true }, 42],
    [{ kind: 'killed', code: 143, signal: 'SIGTERM' }, 143],
    [{ kind: 'timed-out', limit: 'timeout', code: 0 }, 124],
    [{ kind: 'timed-out', limit: 'idle-timeout', code: null }, 124],
    [{ kind: 'failed', why: '', code: 127 }, 127],
    [{ kind: 'cancelled' }, 1],
    [{ kind: 'skipped', why: '' }, 1],
    [{ kind: 'lost', why: '' }, 125],
  ];
  for (const [outcome, code] of codes) assert.equal(exitCodeOf(outcome), code, outcome.kind);
});

test('the command as it was typed can be typed again', () => {
  const text = (words: string[], line: string | null = null) =>
    commandText({ words, line, script: null } as Spec);
  assert.equal(text(['npm', 'run', 'a:b@c=d/e.f~g']), 'npm run a:b@c=d/e.f~g');
  assert.equal(text(['x'], 'a | b'), 'a | b');
  const words = [
    'printf',
    '%s\\0',
    '',
    "it's",
    '$x',
    'a b',
    '*',
    '-n',
    'two\nlines',
    '"',
    '`',
    '\\',
    '!',
    '#',
    '~',
    'A=1',
  ];
  const { stdout } = spawnSync('/bin/sh', ['-c', text(words)], { encoding: 'utf8' });
  assert.deepEqual(stdout.split('\0').slice(0, -1), words.slice(2));
});
