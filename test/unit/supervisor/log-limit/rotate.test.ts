/**
 * Cutting a log by copying its ends, while the job empties it: what the job writes after that is neither cut
 * nor lost.
 */
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { JobPaths } from '../../../../src/job/home/paths.ts';
import { emptiedAt, type Trimming } from '../../../../src/job/log/trim-record.ts';
import { LogFile } from '../../../../src/supervisor/log-limit/log-file.ts';
import { finishRotation, rotateLog } from '../../../../src/supervisor/log-limit/rotate.ts';
import { folderTest } from '../../../rig/folder.ts';

const MIB = 2 ** 20;
const HEAD = 2 * MIB;
const KEEP = MIB;
const OLD = Buffer.alloc(6 * MIB, 'old\n');
const NEW = Buffer.from('what came after the emptying\n');

/** A log that its owner has seen. */
function makeLog(dir: string): { job: JobPaths; file: LogFile } {
  const job = new JobPaths(dir);
  fs.mkdirSync(join(dir, 'out'));
  fs.writeFileSync(job.log, OLD);
  const file = new LogFile(job.log, null);
  assert.deepEqual(file.read(), { bytes: OLD.length, isEmptied: false });
  return { job, file };
}

const empty = (job: JobPaths, text = NEW): void => {
  fs.truncateSync(job.log);
  fs.appendFileSync(job.log, text);
};

/** One rotation; what it published. */
async function rotate(
  { job, file }: { job: JobPaths; file: LogFile },
  act: { meanwhile?: () => void; published?: (trimming: Trimming) => void } = {},
): Promise<{ isDone: boolean; published: Trimming[] }> {
  const published: Trimming[] = [];
  const rotating = rotateLog(job, 'log', file, null, { headBytes: HEAD, keepBytes: KEEP }, (trimming) => {
    published.push(trimming);
    act.published?.(trimming);
  });
  // it copies a piece at a time, and gives others their turn between
  act.meanwhile?.();
  return { isDone: await rotating, published };
}

folderTest('nobody empties it: the ends are kept, and the log begins anew', async (dir) => {
  const log = makeLog(dir);
  const { isDone, published } = await rotate(log);
  assert.ok(isDone);
  assert.deepEqual(
    published.map(({ turning, from, to, base, keep }) => [turning, from, to, base, keep]),
    [true, false].map((turning) => [turning, HEAD, OLD.length - KEEP, OLD.length, 1]),
  );
  assert.equal(fs.statSync(log.job.log).size, 0);
  assert.ok(fs.readFileSync(log.job.sideFile('log', 0)).equals(OLD.subarray(0, HEAD)));
  assert.ok(fs.readFileSync(log.job.sideFile('log', 1)).equals(OLD.subarray(-KEEP)));
});

for (const [what, text] of [
  ['and writes little', NEW],
  ['and writes more than there was', Buffer.concat([OLD, OLD, NEW]).subarray(1)],
] as const)
  folderTest(`the job empties it while it is copied ${what}: nothing is published or cut`, async (dir) => {
    const log = makeLog(dir);
    const { isDone, published } = await rotate(log, { meanwhile: () => empty(log.job, text) });
    assert.deepEqual([isDone, published], [false, []]);
    assert.ok(fs.readFileSync(log.job.log).equals(text));
    assert.deepEqual(log.file.read(), { bytes: text.length, isEmptied: true });
    // the emptying is recorded, and the next rotation is of what came after it
    log.file.reset();
    empty(log.job, OLD);
    log.file.read();
    assert.ok((await rotate(log)).isDone);
    assert.equal(fs.statSync(log.job.log).size, 0);
  });

folderTest('the job empties it when the record is written: what it writes then stays', async (dir) => {
  const log = makeLog(dir);
  const { isDone, published } = await rotate(log, {
    published: ({ turning }) => turning && empty(log.job),
  });
  assert.ok(isDone);
  assert.deepEqual(
    published.map(({ turning, base }) => [turning, base]),
    [true, false].map((turning) => [turning, OLD.length]),
  );
  assert.ok(fs.readFileSync(log.job.log).equals(NEW));
  assert.ok(fs.readFileSync(log.job.sideFile('log', 1)).equals(OLD.subarray(-KEEP)));
});

for (const [what, text, left] of [
  ['was copied is cut', OLD, Buffer.alloc(0)],
  ['came after an emptying stays', NEW, NEW],
] as const)
  folderTest(`an owner died in the midst of it: its successor ends it, and what ${what}`, async (dir) => {
    const log = makeLog(dir);
    const [before] = (await rotate(log)).published;
    fs.writeFileSync(log.job.log, text);
    const again = new LogFile(log.job.log, null);
    again.read();
    const published: Trimming[] = [];
    finishRotation(log.job, 'log', again, before!, (trimming) => published.push(trimming));
    assert.deepEqual(published, [{ ...before!, turning: false, mark: null }]);
    assert.ok(fs.readFileSync(log.job.log).equals(left));
  });

folderTest('a log that was emptied before is kept from there on', async (dir) => {
  const log = makeLog(dir);
  const published: Trimming[] = [];
  const before = emptiedAt(1000);
  const bytes = { headBytes: HEAD, keepBytes: KEEP };
  assert.ok(await rotateLog(log.job, 'log', log.file, before, bytes, (trimming) => published.push(trimming)));
  const { from, to, base, floor } = published.at(-1)!;
  assert.deepEqual(
    [from, to, base, floor],
    [HEAD, OLD.length - KEEP, OLD.length, 0].map((offset) => offset + 1000),
  );
});
