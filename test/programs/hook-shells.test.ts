/** The line of hooks.json in the shells that may run it: as `sh`, and as the login shell of a user of Codex. */
import { tryLine } from '../rig/hook-shells.ts';
import { missing } from '../rig/needs.ts';
import { rigTest } from '../rig/rig.ts';

for (const inner of [['dash'], ['busybox', 'sh'], ['zsh', '--emulate', 'sh']])
  rigTest(`sh is ${inner.join(' ')}`, (rig) => tryLine(rig, { outer: ['/bin/sh', '-c'], inner }), {
    skip: missing(inner[0]!),
  });

// as login shells these leave PATH alone
for (const outer of ['fish', 'zsh'])
  rigTest(`the login shell is ${outer}`, (rig) => tryLine(rig, { outer: [outer, '-lc'], inner: null }), {
    skip: missing(outer),
  });
