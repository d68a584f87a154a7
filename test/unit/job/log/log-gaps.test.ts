/**
 * Reading a trimmed log: every byte returned is the one written at that offset, and what is missing is told.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { JobPaths } from '../../../../src/job/home/paths.ts';
import { Log } from '../../../../src/job/log/log.ts';
import { readOffsetAt } from '../../../../src/job/log/time-index.ts';
import { emptiedAt, type Trimming, writeTrimmedNow } from '../../../../src/job/log/trim-record.ts';
import { folderTest } from '../../../rig/folder.ts';
import fc from '../../../rig/property.ts';
import { rounds } from '../../../rig/rounds.ts';

/** The byte at an offset of the pattern: never 0, a new line now and then. */
const byteAt = (offset: number): number =>
  offset % 37 === 36 ? 10 : 33 + ((offset * 7 + (offset >> 8)) % 90);
const pattern = (from: number, to: number): Buffer =>
  Buffer.from(Uint8Array.from({ length: Math.max(0, to - from) }, (_, n) => byteAt(from + n)));

function jobIn(dir: string): JobPaths {
  fs.rmSync(join(dir, 'out'), { recursive: true, force: true });
  fs.mkdirSync(join(dir, 'out'));
  return new JobPaths(dir);
}
const record = (job: JobPaths, trimming: Partial<Trimming>): void =>
  writeTrimmedNow(job, { v: 1, log: { ...emptiedAt(0), ...trimming }, err: null });

interface Made {
  size: number;
  from: number;
  to: number;
  base: number;
  sides: boolean;
}
const made: fc.Arbitrary<Made> = fc
  .tuple(fc.array(fc.integer({ min: 0, max: 900 }), { minLength: 4, maxLength: 4 }), fc.boolean())
  .map(([cuts, sides]) => {
    const [from, to, base, size] = cuts.sort((a, b) => a - b) as [number, number, number, number];
    return { from, to, base, size, sides };
  });

/** A log of the pattern as it stands on the disk: with a hole, or in side files. */
function make(dir: string, { size, from, to, base, sides }: Made): Log {
  const job = jobIn(dir);
  if (sides) {
    fs.writeFileSync(job.sideFile('log', 0), pattern(0, from));
    fs.writeFileSync(job.sideFile('log', 3), pattern(to, base));
    fs.writeFileSync(job.log, pattern(base, size));
    record(job, { from, to, base, keep: 3, turning: false });
  } else {
    fs.writeFileSync(job.log, Buffer.concat([pattern(0, from), Buffer.alloc(to - from), pattern(to, size)]));
    record(job, { from, to, base: 0, keep: 0, turning: false });
  }
  return Log.open(job)!;
}

folderTest('reads put together are what was written, minus the gaps that are told', (dir) => {
  fc.assert(
    fc.property(made, fc.integer({ min: 1, max: 300 }), (one, step) => {
      const log = make(dir, one);
      try {
        let [cursor, gone] = [0, 0];
        const pieces: Buffer[] = [];
        for (let piece = log.read(0, 0); ; ) {
          piece = log.read(cursor, cursor + step);
          assert.equal(piece.from, cursor + piece.gone);
          const isBeside = piece.to <= one.from || piece.from >= one.to;
          assert.ok(isBeside || one.from === one.to, 'no piece spans the gap');
          gone += piece.gone;
          if (piece.bytes.length === 0) break;
          assert.deepEqual(piece.bytes, pattern(piece.from, piece.to));
          pieces.push(piece.bytes);
          cursor = piece.to;
        }
        const left = Buffer.concat([pattern(0, one.from), pattern(one.to, one.size)]);
        assert.deepEqual(Buffer.concat(pieces), left);
        assert.equal(log.size, one.size);
        assert.equal(log.trimmedBytes, one.to - one.from);
        // at the very end of the log a gap is only told to who reads into it
        assert.ok(gone === one.to - one.from, `${gone} were told`);
      } finally {
        log.close();
      }
    }),
    { numRuns: rounds(150, 500) },
  );
});

folderTest('last lines stay on their side of the gap', (dir) => {
  const sizes = fc.tuple(made, fc.integer({ min: 1, max: 30 }), fc.integer({ min: 1, max: 900 }));
  fc.assert(
    fc.property(sizes, ([one, lines, limit]) => {
      const log = make(dir, one);
      try {
        const last = log.lastLines(lines, limit);
        assert.deepEqual(last.bytes, pattern(last.from, one.size));
        const isGap = one.to > one.from;
        if (isGap) assert.ok(last.from >= one.to, 'not back over the gap');
        if (last.gone > 0) assert.equal(last.gone, one.to - one.from);
      } finally {
        log.close();
      }
    }),
    { numRuns: rounds(150, 500) },
  );
});

folderTest(
  'while a log is trimmed under the reader, no byte is read that was not written there',
  async (dir, t) => {
    const job = jobIn(dir);
    const size = 4 * 2 ** 20;
    fs.writeFileSync(job.log, pattern(0, size));
    const probe = spawnSync('fallocate', ['-p', '-o', '0', '-l', '4096', job.log]);
    fs.writeFileSync(job.log, pattern(0, size));
    if (probe.status !== 0) return t.skip('no holes can be punched here');
    const log = Log.open(job)!;
    const { spawn } = await import('node:child_process');
    // a process of its own, so that it cuts between and within our calls
    const trimmer = `const fs = require('fs'); const [dir] = process.argv.slice(1);
    const log = fs.openSync(dir + '/out/log', 'r+'); const zero = Buffer.alloc(65536);
    for (let to = 131072; to <= ${size - 65536}; to += 65536) {
      const trimming = { from: 65536, to, base: 0, keep: 0, turning: false };
      fs.writeFileSync(dir + '/out/trimmed.tmp', JSON.stringify({ v: 1, log: trimming, err: null }));
      fs.renameSync(dir + '/out/trimmed.tmp', dir + '/out/trimmed');
      fs.writeSync(log, zero, 0, 65536, to - 65536);
    }`;
    let over = false;
    const child = spawn(process.execPath, ['-e', trimmer, dir], { stdio: 'inherit' });
    const end = new Promise<void>((resolve) =>
      child.once('exit', (code) => {
        assert.equal(code, 0);
        over = true;
        resolve();
      }),
    );
    let told = 0;
    const readAll = async () => {
      for (let cursor = 0; cursor < size; ) {
        const piece = log.read(cursor, cursor + 100_000);
        assert.ok(piece.bytes.equals(pattern(piece.from, piece.to)), `bytes ${piece.from}-${piece.to}`);
        told += piece.gone;
        cursor = piece.to;
        await new Promise((resolve) => setImmediate(resolve));
      }
    };
    while (!over) await readAll();
    await end;
    // and once more, when all of it is cut
    await readAll();
    assert.ok(told > 0, 'what was cut is told');
    log.close();
  },
);

folderTest('the time index answers with the last sample before, and with 0 where it cannot', (dir) => {
  const job = jobIn(dir);
  const sample = (time: number, size: number): Buffer => {
    const bytes = Buffer.alloc(16);
    bytes.writeDoubleLE(time, 0);
    bytes.writeDoubleLE(size, 8);
    return bytes;
  };
  assert.equal(readOffsetAt(job, 5000), 0);
  fs.writeFileSync(job.times, Buffer.concat([sample(1000, 10), sample(2000, 30), sample(4000, 70)]));
  assert.deepEqual(
    [999, 1000, 3999, 4000, 9e15].map((at) => readOffsetAt(job, at)),
    [0, 10, 30, 70, 70],
  );
  fs.appendFileSync(job.times, Buffer.alloc(7, 1));
  assert.equal(readOffsetAt(job, 9000), 70, 'half a sample is none');
  fs.writeFileSync(job.times, 'this is no index, but it is long enough for two');
  assert.equal(readOffsetAt(job, 9e15), 0);
  fs.rmSync(job.times);
  fs.mkdirSync(job.times);
  assert.equal(readOffsetAt(job, 9000), 0);
});
