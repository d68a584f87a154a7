/** `bgjob hook`: what the hosts of agents get at each event, in their forms; a turn is never disturbed. */
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { hookCommand } from '../../../src/cli/hook/hooks-json.ts';
import { type Answer, type Rig, ROOT, rigTest } from '../../rig/rig.ts';
import { until } from '../../rig/until.ts';

const GOLDEN = join(ROOT, 'test', 'cli', 'hook', 'golden');
/** In one line, as hosts and bgjob write it. */
const golden = (name: string): string =>
  `${JSON.stringify(JSON.parse(fs.readFileSync(join(GOLDEN, name), 'utf8')))}\n`;
const SESSION = 'abc-1';
const OWN = { CLAUDE_CODE_SESSION_ID: SESSION };

interface Call {
  host?: 'claude' | 'codex';
  env?: Record<string, string>;
  [field: string]: unknown;
}

/** Calls the hook as a host does. */
function call(rig: Rig, event: string, { host = 'claude', env = {}, ...fields }: Call = {}): Promise<Answer> {
  const input = JSON.stringify({
    session_id: SESSION,
    cwd: rig.project,
    hook_event_name: event,
    ...fields,
  });
  return rig.bgjob(['hook', event, '--host', host], { input, env });
}

/** The lines that the agent reads; none: the hook is silent. */
async function lines(rig: Rig, event: string, options: Call = {}): Promise<string[]> {
  const { code, stdout, stderr } = await call(rig, event, options);
  assert.deepEqual([code, stderr], [0, '']);
  if (stdout === '') return [];
  const answer = JSON.parse(stdout);
  return (answer.reason ?? answer.hookSpecificOutput.additionalContext).split('\n');
}

/** The ids in what an agent reads. */
const idsOf = (texts: string[]): string[] => texts.map((text) => /job (\d+) "/.exec(text)?.[1] ?? text);

const untilEnded = (rig: Rig, id: number): Promise<unknown> =>
  until(
    () => fs.readdirSync(join(rig.home, 'ended')),
    (names) => names.some((name) => name.includes(`.${id}.`)),
    `the end of ${id}`,
  );

/** A job of the session that failed, and of which nobody was told. */
async function ended(rig: Rig, env: Record<string, string> = OWN, args: string[] = []): Promise<number> {
  const id = await rig.run([...args, 'exit 3'], { env });
  await untilEnded(rig, id);
  await rig.untilLeft(id);
  return id;
}

/** Lets a job have ended an hour earlier than it did. */
function age(rig: Rig, id: number): void {
  const name = fs.readdirSync(join(rig.home, 'ended')).find((one) => one.includes(`.${id}.`))!;
  const older = String(Number(name.slice(0, 14)) - 3_600_000).padStart(14, '0') + name.slice(14);
  fs.renameSync(join(rig.home, 'ended', name), join(rig.home, 'ended', older));
  const file = rig.file(id, 'state.json');
  const { sum: _, checksum: __, ...state } = JSON.parse(fs.readFileSync(file, 'utf8'));
  state.status.endedAt -= 3_600_000;
  fs.writeFileSync(file, JSON.stringify(state));
}

/** A job that runs until its puppet is told to end. */
async function running(rig: Rig, args: string[] = [], env: Record<string, string> = OWN): Promise<number> {
  const puppet = await rig.puppet();
  const id = await rig.run([...args, '--', ...puppet.command], { env });
  await rig.untilState(id, 'running');
  return id;
}

for (const host of ['claude', 'codex'] as const)
  rigTest(`${host}: the answer to each event is the documented one, byte for byte`, async (rig) => {
    const batch = host === 'claude' ? 'PostToolBatch' : 'PostToolUse';
    const { session_id } = JSON.parse(golden(`${host}.Stop.in.json`));
    const env = { BGJOB_SESSION: `${host}:${session_id}` };
    const answer = async (event: string): Promise<void> => {
      const input = golden(`${host}.${event}.in.json`).replace('PROJECT', rig.project);
      const { code, stdout, stderr } = await rig.bgjob(['hook', event, '--host', host], { input });
      assert.deepEqual([code, stderr], [0, '']);
      const text = stdout.replaceAll(/\b(?:[\d.]+[hms])+( after its start)?/g, 'TIME$1');
      assert.equal(text, golden(`${host}.${event}.out.json`), event);
      const { hookSpecificOutput: form, ...rest } = JSON.parse(text);
      // the schemas of Codex know no other field, and none of this at the end of a turn
      const isReason = host === 'codex' && event === 'Stop';
      assert.deepEqual(Object.keys(rest), isReason ? ['decision', 'reason'] : []);
      assert.deepEqual(Object.keys(form ?? {}), isReason ? [] : ['hookEventName', 'additionalContext']);
    };
    await running(rig, ['-n', 'build'], env);
    await running(rig, ['-n', 'web', '--reuse'], env);
    await answer('Stop');
    await answer('SessionStart');
    await ended(rig, env, ['-n', 'test']);
    await answer(batch);
    await ended(rig, env);
    await answer('UserPromptSubmit');
    await rig.bgjob(['kill', '1', '2']);
  });

rigTest('an end is told once, by whatever host; at most five, and then how many more', async (rig) => {
  for (let n = 0; n < 7; n++) await ended(rig);
  const first = await lines(rig, 'PostToolBatch');
  assert.deepEqual(idsOf(first.slice(0, 5)), ['7', '6', '5', '4', '3']);
  const stamp = join(rig.home, 'sessions', `s.${SESSION}`, 'stamp');
  assert.equal(fs.existsSync(stamp), false, 'the line starts Node again');
  assert.deepEqual(first.slice(5), ['bgjob: 2 more jobs ended (bgjob ls --unseen)']);
  assert.deepEqual(idsOf(await lines(rig, 'PostToolUse', { host: 'codex' })), ['2', '1']);
  for (const host of ['claude', 'codex'] as const)
    assert.deepEqual(await lines(rig, 'UserPromptSubmit', { host }), []);
});

rigTest(
  'other sessions are told of their own ends; an end without a session is told in its project',
  async (rig) => {
    await ended(rig, { CODEX_THREAD_ID: 'other' });
    await ended(rig, {});
    assert.deepEqual(idsOf(await lines(rig, 'PostToolBatch')), ['2']);
    assert.deepEqual(idsOf(await lines(rig, 'PostToolUse', { host: 'codex', session_id: 'other' })), ['1']);
    // BGJOB_SESSION of the host names the session of its jobs, too
    await ended(rig, { ...OWN, BGJOB_SESSION: 'mine' });
    assert.deepEqual(await lines(rig, 'PostToolBatch'), []);
    assert.deepEqual(idsOf(await lines(rig, 'PostToolBatch', { env: { BGJOB_SESSION: 'mine' } })), ['3']);
  },
);

rigTest('the line of a host: Node is started for an end, and not again before the next one', async (rig) => {
  const spy = join(rig.dir, 'calls');
  const bgjob = `#!/bin/sh\necho call >>${spy}\nexec ${join(rig.dir, 'bin', 'bgjob')} "$@"\n`;
  fs.mkdirSync(join(rig.dir, 'spy'));
  fs.writeFileSync(join(rig.dir, 'spy', 'bgjob'), bgjob, { mode: 0o755 });
  const env = { PATH: `${join(rig.dir, 'spy')}:${rig.env['PATH']}` };
  const line = async (event: string): Promise<string> => {
    const input = JSON.stringify({ session_id: SESSION, cwd: rig.project, hook_event_name: event });
    const { code, stdout } = await rig.start('/bin/sh', ['-c', hookCommand(event, 'claude')], { input, env })
      .answer;
    assert.equal(code, 0);
    return stdout;
  };
  const count = (): number => (fs.existsSync(spy) ? fs.readFileSync(spy, 'utf8').split('\n').length - 1 : 0);
  const changedAt = (path: string): bigint => fs.statSync(join(rig.home, path), { bigint: true }).mtimeNs;
  assert.equal(await line('UserPromptSubmit'), '');
  assert.equal(count(), 0, 'there is no home');
  for (let n = 1; n <= 2; n++) {
    const id = await ended(rig);
    assert.match(await line('PostToolBatch'), new RegExp(`job ${id} `));
    assert.equal(count(), n);
    const stamp = `sessions/s.${SESSION}/stamp`;
    assert.ok(changedAt(stamp) > changedAt('ended'));
    // some shells compare whole seconds
    fs.utimesSync(join(rig.home, 'ended'), 1, 1);
    for (const event of ['PostToolBatch', 'UserPromptSubmit']) assert.equal(await line(event), '');
    assert.equal(count(), n);
  }
});

rigTest('a session that is resumed in another project hears of an end there', async (rig) => {
  const here = join(rig.dir, 'here');
  fs.mkdirSync(here);
  await ended(rig, {});
  const line = async (event: string, cwd: string): Promise<string> => {
    const text = JSON.stringify({ session_id: SESSION, cwd, hook_event_name: event, source: 'resume' });
    return (await rig.bash(`printf %s '${text}' | ${hookCommand(event, 'claude')}`)).stdout;
  };
  assert.equal(await line('PostToolBatch', here), '');
  await line('SessionStart', rig.project);
  assert.match(await line('PostToolBatch', rig.project), /job 1 /);
});

rigTest('the line finds a job at the prompt of which no process was left to record the end', async (rig) => {
  const puppet = await rig.puppet();
  await rig.run(['--', ...puppet.command], { env: OWN });
  await lines(rig, 'UserPromptSubmit');
  const { shim, watcher } = await rig.shimOf(1);
  for (const pid of [watcher, rig.ownerPid(1), shim]) process.kill(pid, 'SIGKILL');
  await rig.untilState(1, 'lost');
  fs.utimesSync(join(rig.home, 'ended'), 1, 1);
  const input = JSON.stringify({ session_id: SESSION, cwd: rig.project });
  const prompt = hookCommand('UserPromptSubmit', 'codex');
  // `show` told it to the project, but not to the session
  const { stdout } = await rig.start('/bin/sh', ['-c', prompt], { input }).answer;
  assert.match(stdout, /job 1 .* ended: lost/);
  await rig.bgjob(['kill', '1']);
});

rigTest(
  'an end of another session is told at a prompt when it is an hour old, though no file changes',
  async (rig) => {
    const later = join(rig.home, 'sessions', `s.${SESSION}`, 'later');
    await ended(rig, { BGJOB_SESSION: 'other' });
    assert.deepEqual(await lines(rig, 'PostToolBatch'), []);
    assert.ok(fs.existsSync(later), 'the line starts Node at each prompt');
    age(rig, 1);
    const texts = await lines(rig, 'UserPromptSubmit');
    assert.deepEqual(idsOf(texts), ['1']);
    assert.match(texts[0]!, / \(of another session\)$/);
    await lines(rig, 'UserPromptSubmit');
    assert.equal(fs.existsSync(later), false);
  },
);

rigTest('a subagent is told nothing, so that its session is told', async (rig) => {
  await ended(rig);
  assert.deepEqual(await lines(rig, 'PostToolBatch', { agent_id: 'agent-1' }), []);
  assert.deepEqual(idsOf(await lines(rig, 'PostToolBatch', { agent_type: 'main' })), ['1']);
});

rigTest('an answer that nobody takes is given again', async (rig) => {
  await ended(rig);
  const input = JSON.stringify({ session_id: SESSION, cwd: rig.project });
  const hook = `printf %s '${input}' | bgjob hook PostToolBatch --host claude`;
  // a pipe that has no reader any more
  const unread = 'mkfifo unread; exec 8<>unread 9>unread 8<&-';
  for (const way of ['>/dev/full', '>&9'])
    assert.equal(
      (await rig.bash(`set -o pipefail; ${unread}; ${hook} ${way} 2>/dev/null; rm unread`)).code,
      0,
    );
  assert.equal(fs.existsSync(join(rig.home, 'sessions', `s.${SESSION}`, 'stamp')), false);
  assert.deepEqual(idsOf(await lines(rig, 'PostToolBatch')), ['1']);
});

rigTest('after a compaction, clear or resume the agent hears what runs; at a start nothing', async (rig) => {
  await running(rig, ['-n', 'mine']);
  await running(rig, ['-n', 'theirs'], { BGJOB_SESSION: 'other' });
  await ended(rig);
  for (const source of ['compact', 'clear', 'resume']) {
    const texts = await lines(rig, 'SessionStart', { source });
    assert.deepEqual(idsOf(texts), ['1', '2'], source);
    assert.match(texts[1]!, / \(of another session\)$/);
  }
  assert.deepEqual(await lines(rig, 'SessionStart', { source: 'startup' }), []);
  // none of these told the end
  assert.deepEqual(idsOf(await lines(rig, 'UserPromptSubmit')), ['3']);
  await rig.bgjob(['kill', '1', '2']);
});

rigTest('at the end of a turn: once for a prompt, what was started since then', async (rig) => {
  const stop = (prompt_id: string, rest: Call = {}) =>
    lines(rig, 'Stop', { stop_hook_active: false, prompt_id, ...rest });
  await running(rig);
  await running(rig, ['-n', 'web', '--reuse']);
  await running(rig, [], { BGJOB_SESSION: 'other' });
  assert.deepEqual(await stop('p1', { stop_hook_active: true }), []);
  assert.deepEqual(idsOf(await stop('p1')), ['1']);
  await running(rig);
  assert.deepEqual(await stop('p1'), [], 'once for a prompt');
  await lines(rig, 'UserPromptSubmit');
  assert.deepEqual(await stop('p2'), [], 'it was started before');
  await running(rig);
  assert.deepEqual(idsOf(await stop('p2', { host: 'codex' })), ['5']);
  // a host that does not name its prompts
  assert.deepEqual(await stop(''), []);
  await running(rig);
  assert.deepEqual(idsOf(await stop('')), ['6']);
  await lines(rig, 'SessionStart', { source: 'compact' });
  await running(rig);
  assert.deepEqual(idsOf(await stop('')), ['7'], 'a compaction begins no prompt');
  await rig.bgjob(['kill', ...['1', '2', '3', '4', '5', '6', '7']]);
});

rigTest('a server is left out by --until-port and --until-url, also after a restart', async (rig) => {
  const puppet = await rig.puppet();
  const port = '1';
  for (const args of [
    ['--until-port', port],
    ['--until-url', `http://127.0.0.1:${port}/`],
  ])
    await rig.bgjob(['run', ...args, '--wait=1ms', '--', ...puppet.command], { env: OWN });
  for (const id of [1, 2])
    assert.equal(JSON.parse(fs.readFileSync(rig.file(id, 'spec.json'), 'utf8')).server, true);
  await rig.bgjob(['kill', '1', '2']);
  const again = await rig.run(['--', ...puppet.command], { env: OWN });
  await rig.bgjob(['restart', String(again), '--until-port', port, '--wait=1ms'], { env: OWN });
  assert.equal(JSON.parse(fs.readFileSync(rig.file(4, 'spec.json'), 'utf8')).server, true);
  assert.deepEqual(await lines(rig, 'Stop'), []);
  await rig.bgjob(['kill', '4']);
});

rigTest('the longest id of a session, and ids with colons, are those of the jobs, too', async (rig) => {
  for (const session_id of ['x'.repeat(128), 'a:b', ':']) {
    const id = await ended(rig, { CLAUDE_CODE_SESSION_ID: session_id });
    assert.deepEqual(idsOf(await lines(rig, 'PostToolBatch', { session_id })), [`${id}`], session_id);
  }
});

rigTest('a job that is paused is not said to have been paused, or to run, all the time', async (rig) => {
  const id = await running(rig, ['-n', 'mine']);
  await rig.bgjob(['pause', `${id}`]);
  const [stop] = await lines(rig, 'Stop');
  assert.match(stop!, / is still paused after [\dm.]+s \(bgjob wait 1\)$/);
  const [start] = await lines(rig, 'SessionStart', { source: 'clear' });
  assert.match(start!, /^bgjob: job 1 "mine" is paused, [\dm.]+s after its start \(bgjob tail 1\)$/);
  await rig.bgjob(['kill', `${id}`]);
});

rigTest(
  'in a home that cannot be written the prompt tells, and no tool and no end of a turn does',
  async (rig) => {
    const id = await ended(rig);
    const live = await running(rig);
    // its folder cannot be made
    const folder = join(rig.home, 'sessions', `s.${SESSION}`);
    fs.rmSync(folder, { recursive: true });
    fs.writeFileSync(folder, '');
    for (let n = 0; n < 2; n++) {
      assert.deepEqual(await lines(rig, 'PostToolBatch'), []);
      assert.deepEqual(await lines(rig, 'Stop', { prompt_id: 'p' }), []);
    }
    assert.deepEqual(idsOf(await lines(rig, 'UserPromptSubmit')), [`${id}`]);
    await rig.bgjob(['kill', `${live}`]);
  },
);

rigTest('Claude Code: BGJOB_MAX_WAIT is below the limit of its tool, once in its file', async (rig) => {
  const file = join(rig.dir, 'env');
  const start = async (env: Record<string, string>): Promise<string> => {
    await lines(rig, 'SessionStart', { source: 'startup', env: { CLAUDE_ENV_FILE: file, ...env } });
    return fs.existsSync(file) ? fs.readFileSync(file, 'utf8') : '';
  };
  assert.equal(await start({ BGJOB_MAX_WAIT: '30s' }), '', 'the user has a lower one');
  fs.writeFileSync(file, 'export A=1');
  for (let n = 0; n < 2; n++) assert.equal(await start({}), 'export A=1\nexport BGJOB_MAX_WAIT=100s\n');
  fs.rmSync(file);
  const long = { BASH_DEFAULT_TIMEOUT_MS: '600000', BGJOB_MAX_WAIT: '1h' };
  assert.equal(await start(long), 'export BGJOB_MAX_WAIT=500s\n');
  fs.rmSync(file);
  await lines(rig, 'SessionStart', { host: 'codex', env: { CLAUDE_ENV_FILE: file } });
  assert.equal(fs.existsSync(file), false, 'Codex has no such limit');
  assert.equal(fs.existsSync(rig.home), false, 'no hook makes a home');
});

rigTest('whatever is wrong, the exit code is 0 and stdout is empty', async (rig) => {
  const id = await ended(rig);
  const silent = async (what: string, script: string): Promise<void> => {
    const { code, stdout } = await rig.bash(script);
    assert.deepEqual([code, stdout], [0, ''], what);
  };
  const input = JSON.stringify({ session_id: SESSION, cwd: rig.project });
  const hook = 'bgjob hook UserPromptSubmit --host claude';
  await silent('no stdin', `${hook} <&-`);
  await silent('a directory', `${hook} </`);
  await silent('nothing', `${hook} </dev/null`);
  await silent('no JSON', `echo '{"session_id":' | ${hook}`);
  for (const text of ['[]', 'null', '"x"', '{"hook_event_name":"Stop"}'])
    await silent(text, `echo '${text}' | ${hook}`);
  await silent('no end of zeros', `${hook} </dev/zero`);
  await silent('no end of text', `yes | ${hook}`);
  // a writer that is open for longer than the call, and is silent
  await silent('no end', `mkfifo f; exec 9<>f; ${hook} <f; test -p f`);
  for (const args of ['', 'Stop', 'Stop --host gemini', 'Stop --nope', 'Frob --host claude', '--host'])
    await silent(args, `echo '${input}' | bgjob hook ${args} 2>/dev/null`);
  const seen = (): boolean => fs.existsSync(rig.file(id, 'seen'));
  const format = join(rig.home, 'format');
  const before = fs.readFileSync(format);
  for (const [what, text] of [
    ['newer', '99\n'],
    ['damaged', 'x'],
  ] as const) {
    fs.writeFileSync(format, text);
    await silent(what, `echo '${input}' | ${hook}`);
  }
  fs.writeFileSync(format, before);
  fs.chmodSync(rig.home, 0o777);
  await silent('open to others', `echo '${input}' | ${hook}`);
  fs.chmodSync(rig.home, 0o700);
  fs.writeFileSync(join(rig.home, 'config.json'), '{');
  await silent('bad config', `echo '${input}' | bgjob hook SessionStart --host claude 2>/dev/null`);
  fs.rmSync(join(rig.home, 'config.json'));
  assert.equal(seen(), false);
  // a host that keeps stdin open, after it wrote all
  const open = `mkfifo g; exec 9<>g; echo '${input}' >g; ${hook} <g`;
  assert.match((await rig.bash(open)).stdout, /job 1 /);
  assert.equal(seen(), true);
});

rigTest(
  'hostile ids and records: no file outside of the home, and no word of theirs in a line of its own',
  async (rig) => {
    await ended(rig, {});
    for (const session_id of ['../../x', 'a/b', '', 'x'.repeat(200), 'a\nb', 7, null])
      assert.deepEqual(await lines(rig, 'Stop', { session_id }), []);
    assert.deepEqual(idsOf(await lines(rig, 'UserPromptSubmit', { session_id: '../../x', cwd: 'project' })), [
      '1',
    ]);
    assert.deepEqual(fs.readdirSync(rig.dir).sort(), ['.cache', 'bin', 'home', 'project']);
    // a link in the folder of the session is not followed
    const folder = join(rig.home, 'sessions', `s.${SESSION}`);
    const target = join(rig.dir, 'target');
    fs.writeFileSync(target, 'mine');
    fs.mkdirSync(folder, { recursive: true, mode: 0o700 });
    for (const name of ['stamp', 'stop', 'prompt', 'later']) fs.symlinkSync(target, join(folder, name));
    await ended(rig, OWN, ['-n', 'x']);
    await rig.run(['--', 'printf', '\u001b[31m\nbgjob: job 9'], { env: OWN });
    await untilEnded(rig, 3);
    const texts = await lines(rig, 'UserPromptSubmit');
    assert.deepEqual(idsOf(texts), ['3', '2']);
    assert.equal(fs.readFileSync(target, 'utf8'), 'mine');
  },
);
