/** Finding the job's command as exec would: against a shell's own `command -v`, which runs it or does not. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { findCommand, findTool, refusedTool } from '../../../../src/engine/os/programs.ts';
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

const asTool = (path: string): string => {
  fs.mkdirSync(dirname(path), { recursive: true });
  fs.writeFileSync(path, '', { mode: 0o755 });
  return path;
};

/** Runs `body` with a PATH and a home of its own. */
function withPath(dir: string, path: string, body: (home: string) => void): void {
  const { PATH, BGJOB_HOME } = process.env;
  fs.mkdirSync(`${dir}/home/cache`, { recursive: true, mode: 0o700 });
  Object.assign(process.env, { PATH: path, BGJOB_HOME: `${dir}/home` });
  try {
    body(`${dir}/home`);
  } finally {
    Object.assign(process.env, { PATH });
    if (BGJOB_HOME === undefined) delete process.env['BGJOB_HOME'];
    else process.env['BGJOB_HOME'] = BGJOB_HOME;
  }
}

folderTest('a tool in PATH: found, remembered, and found again when it has moved', (dir) => {
  const link = `${dir}/home/cache/tool.t1`;
  const [one, two] = ['one', 'two'].map((name) => asTool(`${dir}/${name}/t1`));
  withPath(dir, `/none:${dir}/one`, (home) => {
    // `run` looks for bash before it makes the home
    fs.rmdirSync(`${home}/cache`);
    assert.equal(findTool('t1'), one);
    fs.mkdirSync(`${home}/cache`, 0o700);
    assert.equal(findTool('t1'), one);
  });
  assert.equal(fs.readlinkSync(link), one);
  fs.rmSync(one!);
  withPath(dir, '/none', () => assert.equal(findTool('t1'), undefined));
  withPath(dir, `${dir}/two`, () => assert.equal(findTool('t1'), two));
  assert.equal(fs.readlinkSync(link), two);
  // what another process remembered
  fs.symlinkSync(asTool(`${dir}/one/t2`), `${dir}/home/cache/tool.t2`);
  withPath(dir, '/none', () => assert.equal(findTool('t2'), `${dir}/one/t2`));
});

folderTest('a fixed folder comes before PATH', (dir) => {
  asTool(`${dir}/one/mkfifo`);
  withPath(dir, `${dir}/one`, () => assert.ok(!findTool('mkfifo')!.startsWith(dir)));
  assert.deepEqual(fs.readdirSync(`${dir}/home/cache`), []);
});

folderTest('a tool that is not trusted', (dir) => {
  // any user can write the folder, or the file
  asTool(`${dir}/open/t3`);
  fs.chmodSync(`${dir}/open`, 0o777);
  fs.chmodSync(asTool(`${dir}/file/t3`), 0o777);
  withPath(dir, `${dir}/open:${dir}/file`, () => {
    assert.equal(findTool('t3'), undefined);
    assert.equal(refusedTool('t3'), `${dir}/open/t3`);
  });
  // a relative folder, and the working directory
  const relative = (to: string) => join('..', '..', '..', '..', '..', '..', '..', '..', dir, to);
  asTool(`${dir}/one/t4`);
  for (const path of [relative('one'), '.', '', `:${relative('one')}`])
    withPath(dir, path, () => assert.equal(findTool('t4'), undefined, path));
  // a later folder of PATH
  withPath(dir, `${dir}/open:${dir}/one`, () => {
    asTool(`${dir}/one/t3`);
    assert.equal(findTool('t3'), `${dir}/one/t3`);
  });
});

folderTest('a remembered place that leads into the home, or has another name, is not believed', (dir) => {
  const remember = (name: string, path: string) => fs.symlinkSync(path, `${dir}/home/cache/tool.${name}`);
  withPath(dir, '/none', (home) => {
    remember('t5', asTool(`${home}/jobs/t5`));
    fs.mkdirSync(`${dir}/linked`);
    fs.symlinkSync(`${home}/jobs/t5`, `${dir}/linked/t6`);
    remember('t6', `${dir}/linked/t6`);
    remember('t7', asTool(`${dir}/one/t8`));
    for (const name of ['t5', 't6', 't7']) assert.equal(findTool(name), undefined, name);
    remember('t9', asTool(`${dir}/one/t9`));
    fs.chmodSync(`${home}/cache`, 0o777);
    assert.equal(findTool('t9'), undefined, 'any user can write the cache');
    fs.chmodSync(`${home}/cache`, 0o700);
    assert.equal(findTool('t9'), `${dir}/one/t9`);
  });
});
