/** Which deliveries `wait --trigger` still has to tell. */
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import {
  allReported,
  answersOf,
  FIRST_MS,
  type ReportedDeliveries,
  readReported,
  reportedAtFirst,
  unreported,
  withReported,
  writeReported,
} from '../../../../src/job/automation/reported-deliveries.ts';
import type { TemplateEvent } from '../../../../src/job/automation/template-records.ts';
import { TemplatePaths } from '../../../../src/job/home/paths.ts';
import { folderTest } from '../../../rig/folder.ts';

const event = (notedAt: number, job: number | null, more: Partial<TemplateEvent> = {}): TemplateEvent => ({
  at: notedAt,
  until: null,
  times: 1,
  did: 'started',
  why: null,
  job,
  by: 'delivery',
  notedAt,
  delivery: null,
  ...more,
});
const EVENTS = [event(10, 1), event(20, 2), event(20, null, { did: 'failed' }), event(30, 3)];

test('a delivery that came again is no answer, one whose job failed to start is', () => {
  const skipped = event(25, null, { did: 'skipped' });
  assert.deepEqual(answersOf([...EVENTS, skipped]), EVENTS);
});

test('what was not told yet; at first what came within a day', () => {
  const jobs = (answered: ReportedDeliveries) => unreported(EVENTS, answered).map(({ job }) => job);
  assert.deepEqual(jobs(allReported([])), [1, 2, null, 3]);
  assert.deepEqual(jobs(allReported(EVENTS.slice(0, 3))), [3]);
  assert.deepEqual(jobs(allReported(EVENTS)), []);
  assert.deepEqual(jobs(reportedAtFirst(EVENTS, 30)), [1, 2, null, 3]);
  assert.deepEqual(jobs(reportedAtFirst(EVENTS, FIRST_MS + 20)), [2, null, 3]);
  assert.deepEqual(jobs(reportedAtFirst(EVENTS, FIRST_MS + 31)), []);
  // the journal began anew: it does not know the last one any more
  assert.deepEqual(jobs(allReported([event(15, 9)])), [2, null, 3]);
});

test('in whatever order they are told, each is told once, and the record becomes short again', () => {
  let answered = reportedAtFirst(EVENTS, 40);
  for (const place of [2, 0, 3, 1]) {
    assert.ok(unreported(EVENTS, answered).includes(EVENTS[place]!));
    answered = withReported(EVENTS, answered, EVENTS[place]!);
    assert.ok(!unreported(EVENTS, answered).includes(EVENTS[place]!));
    // two that waited at once were told the same
    assert.deepEqual(withReported(EVENTS, answered, EVENTS[place]!), answered);
  }
  assert.deepEqual(answered, allReported(EVENTS));
});

folderTest('the record on the disk; one that cannot be read is none', (dir) => {
  const paths = new TemplatePaths(dir);
  fs.chmodSync(dir, 0o700);
  assert.equal(readReported(paths, 'key'), undefined);
  const answered = withReported(EVENTS, allReported([]), EVENTS[1]!);
  writeReported(paths, 'key', answered);
  assert.deepEqual(readReported(paths, 'key'), answered);
  assert.equal(readReported(paths, 'other'), undefined);
  fs.writeFileSync(join(dir, 'told.key'), 'torn');
  assert.equal(readReported(paths, 'key'), undefined);
});
