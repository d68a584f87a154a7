/** The line of sh in hooks.json starts Node only if there may be news. Other shells: programs/hook-shells. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { HOOK_EVENTS, HOOK_MARK, hookCommand, hookEntries } from '../../../src/cli/hook/hooks-json.ts';
import { tryLine } from '../../rig/hook-shells.ts';
import { rigTest } from '../../rig/rig.ts';

for (const inner of [null, ['/bin/bash', '--posix']])
  rigTest(`the line in ${inner?.join(' ') ?? 'sh'}`, (rig) =>
    tryLine(rig, { outer: ['/bin/sh', '-c'], inner }),
  );

rigTest('a closed stdin, and a terminal of settings that end shells early, are no error', async (rig) => {
  const line = hookCommand('PostToolBatch', 'claude');
  for (const before of ['exec <&-', 'exec </', 'export SHELLOPTS; set -eu', 'export POSIXLY_CORRECT=1'])
    assert.equal((await rig.bash(`${before}\n${line}`)).code, 0, before);
});

test('the entries have only what both hosts know, and the line stays the same for ever', () => {
  for (const host of ['claude', 'codex'] as const) {
    const entries = hookEntries(host);
    assert.deepEqual(Object.keys(entries), HOOK_EVENTS[host]);
    for (const [event, groups] of Object.entries(entries)) {
      const command = hookCommand(event, host);
      assert.deepEqual(groups, [{ hooks: [{ type: 'command', command, timeout: 5 }] }]);
      assert.ok(command.includes(HOOK_MARK));
      // fish reads these differently; a line break would need another kind of quotes in TOML
      assert.match(command, /^sh -c '(?!.*\\\\)[^'\n]*' bgjob \w+ \w+$/);
    }
  }
  // Codex asks each user for trust again if this changes: change it only if the line is wrong
  const hash = createHash('sha256').update(hookCommand('Stop', 'codex')).digest('hex');
  assert.equal(hash.slice(0, 16), '8628971bca07c241');
});
