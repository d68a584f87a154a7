/** The line that hosts of agents run, in some shell: when it starts bgjob (a spy), and that it exits 0. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { hookCommand } from '../../src/cli/hook/hooks-json.ts';
import type { Rig } from './rig.ts';

export interface LineShells {
  /** The shell in which the host runs the line. */
  outer: string[];
  /** The program that `sh` is; null: that of this machine. */
  inner: string[] | null;
}

const ID = 'abc.1:2_3-4';
const PROMPT = String.raw`it's $(touch hacked) \"session_id\":\"b\" \\ %s`;
const INPUT = `{"session_id":"${ID}","cwd":"/","prompt":"${PROMPT}"}`;

export async function tryLine(rig: Rig, { outer, inner }: LineShells): Promise<void> {
  const { dir, home } = rig;
  const bin = join(dir, 'shells');
  const spy = join(dir, 'spied');
  fs.mkdirSync(bin);
  const program = (name: string, text: string): void =>
    fs.writeFileSync(join(bin, name), `#!/bin/bash\n${text}\n`, { mode: 0o755 });
  program('bgjob', `echo "$*" >>${spy}; cat >>${spy}; echo told`);
  if (inner) program('sh', `exec ${inner.join(' ')} "$@"`);
  const env = { ...rig.env, HOME: dir, PATH: `${bin}:${rig.env['PATH']}` };
  const run = (event: string, input: string | null, path = env.PATH) =>
    new Promise<{ said: string; got: string; failed: unknown }>((resolve, reject) => {
      fs.rmSync(spy, { force: true });
      const [file = '', ...args] = [...outer, hookCommand(event, 'claude')];
      const child = spawn(file, args, { cwd: rig.project, env: { ...env, PATH: path }, stdio: 'pipe' });
      let said = '';
      let failed: unknown = null;
      child.on('error', reject);
      child.stdout.on('data', (text) => (said += text));
      // a host reports it as an error of the hook
      child.stdin.on('error', (error) => (failed = error));
      child.stdin.end(input ?? '');
      child.on('close', (code, signal) => {
        assert.deepEqual([code, signal], [0, null], `${event}: ${said}`);
        const got = fs.existsSync(spy) ? fs.readFileSync(spy, 'utf8') : '';
        resolve({ said, got, failed });
      });
    });
  const starts = async (event: string, input = INPUT): Promise<boolean> => {
    const { said, got, failed } = await run(event, input);
    assert.equal(failed, null);
    assert.equal(said, got === '' ? '' : 'told\n');
    assert.ok(got === '' || got === `hook ${event} --host claude\n${input}`, `it got ${got.slice(0, 300)}`);
    return got !== '';
  };
  const EVENTS = ['UserPromptSubmit', 'PostToolBatch', 'Stop'];
  for (const event of EVENTS) assert.equal(await starts(event), false, 'no home');
  assert.equal(await starts('SessionStart'), true);
  const own = join(home, 'sessions', `s.${ID}`);
  for (const path of [join(home, 'ended'), join(home, 'live'), own]) fs.mkdirSync(path, { recursive: true });
  for (const event of EVENTS) assert.equal(await starts(event), true, 'no stamp');
  const at = (path: string, seconds: number): void => {
    if (!fs.existsSync(path)) fs.writeFileSync(path, '');
    fs.utimesSync(path, seconds, seconds);
  };
  const set = (seconds: number): void => {
    at(join(own, 'stamp'), seconds);
    at(join(own, 'stop'), seconds);
  };
  at(join(home, 'ended'), 1_000_000);
  at(join(home, 'live'), 1_000_000);
  for (const [seconds, isStarted] of [
    [999_999, true],
    [1_000_000, true],
    [1_000_001, false],
  ] as const) {
    set(seconds);
    for (const event of EVENTS) assert.equal(await starts(event), isStarted, `${event} at ${seconds}`);
  }
  // another order of the fields, or another session
  for (const input of ['', '{}', `{"cwd":"/","session_id":"${ID}"}`, '{"session_id":"other"}'])
    assert.equal(await starts('PostToolBatch', input), true, input);
  // a host writes all, however much it is
  const large = INPUT.replace('it', 'x'.repeat(3_000_000));
  assert.equal(await starts('PostToolBatch', large), false);
  set(0);
  assert.equal(await starts('PostToolBatch', large), true);
  set(1_000_001);
  // at a prompt: a job that runs, an end that was not told, one that is to be told later
  for (const path of [join(home, 'live', '1'), join(own, '42'), join(own, 'later')]) {
    fs.writeFileSync(path, '');
    at(join(home, 'live'), 1_000_000);
    assert.deepEqual([await starts('UserPromptSubmit'), await starts('PostToolBatch')], [true, false], path);
    fs.rmSync(path);
    at(join(home, 'live'), 1_000_000);
    assert.equal(await starts('UserPromptSubmit'), false);
  }
  // bgjob was removed, or fails as no hook may
  program('bgjob', 'exit 2');
  await run('SessionStart', INPUT);
  fs.rmSync(join(bin, 'bgjob'));
  const others = env.PATH.split(':').filter((one) => !fs.existsSync(join(one, 'bgjob')));
  assert.deepEqual((await run('SessionStart', INPUT, others.join(':'))).said, '');
  assert.equal(fs.existsSync(join(rig.project, 'hacked')), false);
}
