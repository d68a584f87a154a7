/** Settings that switch the hooks of a host off. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { claudeHooksOff, codexHooksOff } from '../../../../src/cli/skill/hosts.ts';

test('Claude Code: by the user, or only those of the administrator are allowed', () => {
  assert.equal(claudeHooksOff('{"disableAllHooks": true}', false), 'disableAllHooks');
  assert.equal(claudeHooksOff('{"allowManagedHooksOnly": true}', true), 'allowManagedHooksOnly');
  const on = ['{"disableAllHooks": false}', '{"allowManagedHooksOnly": true}', 'no JSON', 'null', '[]', ''];
  for (const text of on) assert.equal(claudeHooksOff(text, false), undefined, text);
});

test('Codex: the feature, in a table or as a dotted key, and of the administrator', () => {
  const off = [
    '[features]\nhooks = false',
    '[ features ] # x\n a = 1\n  codex_hooks=false # no',
    'features.hooks = false\r\n',
  ];
  for (const text of off)
    assert.match(codexHooksOff(text, false) ?? '', /^features\.(codex_)?hooks = false$/, text);
  const on = [
    'hooks = false',
    '[features]\n# hooks = false',
    '[features]\nhooks = true',
    '[features]\n[x]\nhooks = false',
  ];
  for (const text of [...on, 'allow_managed_hooks_only = true'])
    assert.equal(codexHooksOff(text, false), undefined, text);
  assert.equal(codexHooksOff('allow_managed_hooks_only = true', true), 'allow_managed_hooks_only = true');
});
