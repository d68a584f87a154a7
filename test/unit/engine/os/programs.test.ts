/** Finding the job's command as exec would: against a shell's own `command -v`, which runs it or does not. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { findCommand, findTool } from '../../../../src/engine/os/programs.ts';
import { folderTest } from '../../../rig/folder.ts';

/** What execvp makes of it: env(1) calls it. The program prints its own path. */
function executed(command: string, path: string | undefined, cwd: string): { found?: string; code: number } {
  const env = path === undefined ? {} : { PATH: path };
  const { status, stdout } = spawnSync('/usr/bin/env', ['--', command], { cwd, env, encoding: 'utf8' });
  return status === 0 ? { found: fs.realpathSync(join(cwd, stdout.trim())), code: 0 } : { code: status! };
}

folderTest('along PATH, with slashes, in odd places: the same as exec finds', (dir) => {
  const at = (...names: string[]) => join(dir, ...names);
  for (const name of ['one', 'two', 'cwd', 'cwd/sub', 'one/folder', 'odd name']) fs.mkdirSync(at(name));
  // each prints where it lies, relative to the directory it is run in
  const program = (path: string, mode = 0o755) =>
    fs.writeFileSync(at(path), `#!/bin/sh\necho '${join('..', path)}'\n`, { mode });
  for (const path of ['one/tool', 'two/tool', 'two/only-two', 'cwd/here', 'cwd/sub/below', 'odd name/odd'])
    program(path);
  program('one/only-two', 0o644);
  program('one/refused', 0o644);
  fs.mkdirSync(at('one/dir'));
  program('two/dir');
  fs.symlinkSync('nowhere', at('one/dangling'));
  fs.symlinkSync(at('two/tool'), at('one/linked'));
  const cwd = at('cwd');
  const both = `${at('one')}:${at('two')}`;
  const cases: [string, string | undefined][] = [
    ['tool', both],
    ['tool', `${at('two')}:${at('one')}`],
    ['only-two', both],
    ['dir', both],
    ['linked', both],
    ['dangling', both],
    ['refused', both],
    ['none', both],
    ['here', ''],
    ['here', both],
    ['here', `${both}:`],
    ['here', `:${both}`],
    ['here', `${at('one')}::${at('two')}`],
    ['here', '.'],
    ['below', 'sub'],
    ['below', './sub'],
    ['./here', both],
    ['sub/below', both],
    ['../one/tool', '/none'],
    [at('one/tool'), '/none'],
    ['./none', both],
    ['../one/refused', both],
    ['odd', at('odd name')],
    ['tool', `/none:${at('one/tool')}:${at('two')}`],
    ['tool', '/none'],
  ];
  for (const [command, path] of cases) {
    const real = executed(command, path, cwd);
    const ours = findCommand(command, path, cwd);
    const about = `${command} along ${path}: ${JSON.stringify(ours)}`;
    if (real.found !== undefined) {
      assert.ok(ours.ok, about);
      assert.equal(fs.realpathSync(ours.value), real.found, about);
      assert.ok(ours.value.startsWith('/'), about);
    } else {
      assert.equal(ours.ok, false, about);
      const code = ours.ok ? 0 : ours.failure.code;
      assert.equal(code, real.code === 126 ? 'command-not-executable' : 'command-not-found', about);
    }
  }
});

folderTest('why it cannot be executed', (dir) => {
  fs.mkdirSync(join(dir, 'folder'));
  fs.writeFileSync(join(dir, 'text'), '', { mode: 0o644 });
  const why = (command: string, path = '/none') => {
    const found = findCommand(command, path, dir);
    return found.ok ? found.value : found.failure;
  };
  assert.deepEqual(why('./folder'), {
    code: 'command-not-executable',
    command: './folder',
    why: 'directory',
  });
  assert.deepEqual(why('./text'), { code: 'command-not-executable', command: './text', why: 'permission' });
  assert.deepEqual(why('text', dir), { code: 'command-not-executable', command: 'text', why: 'permission' });
  // a folder along PATH is passed over
  assert.deepEqual(why('folder', dir), { code: 'command-not-found', command: 'folder' });
  // env(1) says 126 of text/x; nothing is there that could be made executable
  for (const command of ['', 'none', './none', 'text/x', 'x'.repeat(5000)])
    assert.deepEqual(why(command), { code: 'command-not-found', command });
});

test('where PATH is not set, the usual places count', () => {
  const sh = findCommand('sh', undefined, '/');
  assert.ok(sh.ok && /^\/(usr\/)?bin\/sh$/.test(sh.value));
  const expected = spawnSync('/bin/sh', ['-c', 'command -v env'], {
    encoding: 'utf8',
    env: {},
  }).stdout.trim();
  const env = findCommand('env', undefined, '/');
  assert.equal(env.ok && fs.realpathSync(env.value), fs.realpathSync(expected));
});

test('our own tools do not depend on the caller', () => {
  const before = process.env['PATH'];
  try {
    process.env['PATH'] = '/none';
    assert.ok(fs.existsSync(findTool('sh')!));
    assert.equal(findTool('no-such-tool'), undefined);
  } finally {
    process.env['PATH'] = before;
  }
});
