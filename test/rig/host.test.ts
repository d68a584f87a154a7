/** The fake host runs hooks as the hosts of agents document it. */
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { FakeHost, type Handler, isMatch, readAnswer } from './host.ts';
import { rigTest } from './rig.ts';

const command = (line: string, more: Partial<Handler> = {}): Handler => ({
  type: 'command',
  command: line,
  ...more,
});

const ROOT_WORD = '$'.concat('{CLAUDE_PLUGIN_ROOT}');

rigTest('matchers, both forms, the same hook once, stdin, timeout, exit code 2', async (rig) => {
  const note = (word: string) => `cat >>${rig.dir}/${word}`;
  const hooks = {
    PreToolUse: [
      { matcher: 'Bash|Edit', hooks: [command(note('exact')), command(note('exact'))] },
      { matcher: 'Ba', hooks: [command(note('part'))] },
      { matcher: '^B.s', hooks: [command(note('regex'))] },
    ],
    UserPromptSubmit: [
      // no event of a prompt has a matcher
      { matcher: 'Bash', hooks: [command('cat >/dev/null; echo plain text')] },
      { hooks: [command(`${ROOT_WORD}/x y`, { args: ['$HOME', ROOT_WORD] })] },
    ],
    PostToolBatch: [
      { hooks: [command('cat >/dev/null; echo plain text'), command('exec sleep 1000', { timeout: 0.01 })] },
    ],
    Stop: [{ hooks: [command('cat; echo no >&2; exit 2'), command('cat; echo trouble >&2; exit 3')] }],
  };
  const host = new FakeHost(rig, { hooks: { hooks } });
  fs.mkdirSync(host.root, { recursive: true });
  fs.writeFileSync(join(host.root, 'x y'), '#!/bin/sh\ncat >/dev/null\necho "$@"\n', { mode: 0o755 });
  await host.fire('PreToolUse', { tool_name: 'Bash' });
  assert.ok(!fs.existsSync(`${rig.dir}/part`));
  for (const word of ['exact', 'regex']) {
    const input = JSON.parse(fs.readFileSync(`${rig.dir}/${word}`, 'utf8'));
    assert.deepEqual([input.hook_event_name, input.tool_name], ['PreToolUse', 'Bash']);
    assert.equal(Object.keys(input)[0], 'session_id');
  }
  const prompt = await host.fire('UserPromptSubmit', { prompt: 'x' });
  assert.deepEqual(prompt.lines.sort(), [`$HOME ${host.root}`, 'plain text']);
  const batch = await host.fire('PostToolBatch');
  assert.deepEqual([batch.lines, batch.blocked], [[], []]);
  assert.ok(batch.notices.includes('PostToolBatch: it was killed at its timeout'));
  const stop = await host.fire('Stop');
  assert.deepEqual([stop.blocked, stop.notices], [['no\n'], ['Stop: exit code 3: trouble']]);
  const deaf = new FakeHost(rig, { hooks: { hooks: { Stop: [{ hooks: [command('exit 0')] }] } } });
  const { notices } = await deaf.fire('Stop', { last_assistant_message: 'x'.repeat(5_000_000) });
  assert.deepEqual(notices, ['it did not read its stdin']);
  assert.ok(isMatch(undefined, 'x') && isMatch('*', 'x') && !isMatch('Bash', 'BashOutput'));
});

rigTest('an answer with one field too many is refused, and so is one of another event', async () => {
  const context = (event: string, more = {}) =>
    JSON.stringify({ hookSpecificOutput: { hookEventName: event, additionalContext: 'said', ...more } });
  for (const [host, event, text] of [
    ['codex', 'UserPromptSubmit', context('UserPromptSubmit', { more: 1 })],
    ['codex', 'Stop', context('Stop')],
    ['claude', 'UserPromptSubmit', context('Stop')],
    ['claude', 'PostToolBatch', context('PostToolBatch', { permissionDecision: 'allow' })],
    ['claude', 'Stop', JSON.stringify({ decision: 'allow' })],
    ['codex', 'Stop', JSON.stringify({ decision: 'block' })],
    ['claude', 'SessionStart', '{"broken'],
  ] as const)
    assert.throws(() => readAnswer(host, event, text), `${host} ${event} ${text}`);
  assert.deepEqual(readAnswer('claude', 'Stop', context('Stop')), { context: 'said', goesOn: true });
  assert.deepEqual(readAnswer('claude', 'PostToolUse', 'text\n'), { context: '', goesOn: false });
});
