/** A log that is emptied while nobody is in charge, or while it is cut: the next owner cuts nothing of what was written since. */
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { rigTest } from '../rig/rig.ts';
import { until } from '../rig/until.ts';
import { betweenOwners, runPuppet } from './death.ts';

const MIB = 2 ** 20;
/** Lines that differ, so many bytes and a few more. */
function linesOf(bytes: number, word: string): string {
  let text = '';
  for (let n = 0; text.length < bytes; n++) text += `${word} ${n} ${'x'.repeat(80)}\n`;
  return text;
}

/** How much comes after the emptying: less than the log held, and, unseen by its length, more. */
for (const [what, bytes] of [
  ['less than before', 0.8 * MIB],
  ['more than before', 2.2 * MIB],
] as const) {
  rigTest(`emptied between two owners, and ${what} is written: nothing new is punched`, async (rig) => {
    const puppet = await rig.puppet();
    const id = await runPuppet(rig, puppet, ['--max-log', '1M']);
    await puppet.print(linesOf(2 * MIB, 'old'));
    await until(
      async () => (await rig.show(id)).log.trimmedBytes,
      (trimmed) => trimmed > 0,
      'a cut',
    );
    const text = linesOf(bytes, 'new');
    await betweenOwners(rig, id, 2, async () => {
      fs.truncateSync(rig.file(id, 'out/log'));
      // each line differs from the one that stood there
      await puppet.print(text);
      // asked before anybody has recorded it
      const { log } = await rig.show(id);
      assert.equal(log.trimmedBytes, 0);
      const { stdout } = await rig.bgjob(['tail', String(id), '--full', '--raw']);
      assert.equal(stdout, text);
    });
    const { log } = await until(
      () => rig.show(id),
      ({ log }) => log.emptiedBytes > 0,
      'the emptying is recorded',
    );
    assert.ok(log.emptiedBytes >= 2 * MIB, `${log.emptiedBytes}`);
    await puppet.print('the last line\n');
    await puppet.exit(0);
    assert.equal((await rig.bgjob(['wait', String(id)])).code, 0);
    await rig.untilLeft(id);
    const { stdout } = await rig.bgjob(['tail', String(id), '--full', '--raw']);
    assert.ok(!stdout.includes('\0') && !stdout.includes('old'), 'no hole, and nothing of before');
    const trimmed = (await rig.show(id)).log.trimmedBytes;
    assert.equal(stdout.length, text.length + 14 - trimmed);
    assert.ok(bytes > MIB || trimmed === 0, `${trimmed} bytes of what was new and short enough`);
    assert.ok(stdout.startsWith(text.slice(0, 200_000)) && stdout.endsWith('the last line\n'));
  });
}
