/** The line of progress: what it says, and that it fits. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { renderProgress } from '../../../../src/cli/wait/progress.ts';

const pace = { perSecond: 87.3, leftMs: 79_000 };

test('with room it says everything, in less the most important', () => {
  const amounts = { total: 10_000, ended: 3120, failed: 12, running: 2 };
  assert.equal(
    renderProgress(amounts, pace, 100, 'ended'),
    `${'█'.repeat(7)}${'░'.repeat(17)} 31% 3,120 of 10,000 ended · 12 failed · 2 running · 87/s · 1m19s left`,
  );
  assert.equal(renderProgress(amounts, pace, 40, 'ended'), '3120/10000 · 12 failed · 1m19s left');
  assert.equal(renderProgress(amounts, pace, 24, 'ended'), '3120/10000 · 12 failed');
  assert.equal(renderProgress(amounts, pace, 5, 'ended'), '31%');
  const quiet = { total: 3, ended: 1, failed: 0, running: 0 };
  assert.equal(renderProgress(quiet, null, 26, 'ended'), '███░░░░░░ 33% 1 of 3 ended');
});

test('it is never wider than the terminal, and never breaks', () => {
  for (let columns = 0; columns < 120; columns++)
    for (const ended of [0, 1, 4999, 9999, 10_000])
      for (const failed of [0, ended])
        for (const speed of [
          null,
          pace,
          { perSecond: 0.0001, leftMs: 1e12 },
          { perSecond: 1e6, leftMs: 0 },
        ]) {
          const text = renderProgress({ total: 10_000, ended, failed, running: 3 }, speed, columns, 'ended');
          assert.ok(text.length <= columns, `${columns}: ${text}`);
          assert.doesNotMatch(text, /NaN|Infinity|undefined/);
        }
});

test('slow jobs are told per minute and per hour', () => {
  const amounts = { total: 10, ended: 5, failed: 0, running: 0 };
  const line = (perSecond: number) => renderProgress(amounts, { perSecond, leftMs: 5000 }, 100, 'ended');
  assert.match(line(0.5), / 30\/min /);
  assert.match(line(0.01), / 36\/h /);
});
