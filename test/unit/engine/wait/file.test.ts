/** Waiting for a file. */

import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { join } from 'node:path';
import type { WaitNews } from '../../../../src/engine/wait/condition.ts';
import { waitFile } from '../../../../src/engine/wait/file.ts';
import { folderTest } from '../../../rig/folder.ts';
import { CALL_MS } from '../../../rig/until.ts';

const soon = () => AbortSignal.timeout(CALL_MS);
const nobody = (news: WaitNews) => assert.fail(`reported: ${news.kind}`);

folderTest('a path exists when its link leads somewhere; not before', async (dir) => {
  const [link, target] = [join(dir, 'link'), join(dir, 'sub', 'target')];
  fs.symlinkSync(target, link);
  const missing = await waitFile(link, AbortSignal.timeout(100), nobody);
  assert.deepEqual(missing, { ok: true, value: undefined });
  const waiting = waitFile(link, soon(), nobody);
  fs.mkdirSync(join(dir, 'sub'));
  fs.writeFileSync(target, '');
  assert.deepEqual(await waiting, {
    ok: true,
    value: { condition: 'file', facts: { file: link } },
  });
  const long = await waitFile(join(dir, 'x'.repeat(5000)), soon(), nobody);
  assert.equal(long.ok, false);
});
