/**
 * A log that is emptied while it is written, cut and read, against a model: offsets never go back, no byte is
 * read that was not
 * written there, and who reads on sees all that comes after the last emptying.
 */
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { JobPaths } from '../../../../src/job/home/paths.ts';
import { Log } from '../../../../src/job/log/log.ts';
import { emptiedAt, type Trimming, writeTrimmedNow } from '../../../../src/job/log/trim-record.ts';
import { LogFile } from '../../../../src/supervisor/log-limit/log-file.ts';
import { folderTest } from '../../../rig/folder.ts';
import fc from '../../../rig/property.ts';
import { rounds } from '../../../rig/rounds.ts';

const BLOCK = 64;

/**
 * The job: what it wrote since it emptied its log last. No two bytes in a row come again, so each piece has
 * one place.
 */
class Writer {
  written = Buffer.alloc(0);
  /** How often it emptied its log. */
  times = 0;
  private n = 0;
  private readonly path: string;
  constructor(path: string) {
    this.path = path;
    fs.writeFileSync(path, '');
  }
  write(lines: number): void {
    const text = Buffer.from(Array.from({ length: lines }, () => `line ${this.n++}\n`).join(''));
    this.written = Buffer.concat([this.written, text]);
    fs.appendFileSync(this.path, text);
  }
  empty(): void {
    this.written = Buffer.alloc(0);
    this.times++;
    fs.truncateSync(this.path);
  }
}

/** The owner: it looks, records, and cuts as `--max-log` does. */
class Owner {
  trimming: Trimming | null = null;
  size = 0;
  private readonly job: JobPaths;
  private readonly file: LogFile;
  constructor(job: JobPaths, mark: Trimming['mark'] = null) {
    this.job = job;
    this.file = new LogFile(job.log, mark);
  }
  look(): void {
    const { bytes, isEmptied } = this.file.read()!;
    const size = (this.trimming?.base ?? 0) + bytes;
    if (!isEmptied && size >= this.size) this.size = size;
    else {
      this.record(emptiedAt(this.size));
      this.file.reset();
      this.look();
    }
  }
  trim(): void {
    this.look();
    const { floor = 0, from = 0, to = 0 } = this.trimming ?? {};
    const cut = to > from ? { from } : { from: floor + BLOCK };
    const end = this.size - BLOCK * 8;
    if (end <= Math.max(cut.from, to)) return;
    this.record({ ...emptiedAt(floor), ...cut, to: end, mark: this.file.positionRecord });
    assert.ok(this.file.isSame);
    const fd = this.file.openToCut();
    fs.writeSync(fd, Buffer.alloc(end - cut.from), 0, end - cut.from, cut.from - floor);
    fs.closeSync(fd);
  }
  /** It dies, and another takes its place. */
  replace(): Owner {
    this.close();
    const next = new Owner(this.job, this.trimming?.mark);
    [next.trimming, next.size] = [this.trimming, this.size];
    return next;
  }
  close(): void {
    this.file.close();
  }
  private record(trimming: Trimming): void {
    writeTrimmedNow(this.job, { v: 1, log: trimming, err: null });
    this.trimming = trimming;
  }
}

/** Who reads on, from the first byte. */
class Reader {
  at = 0;
  /** Which bytes of the log as it is now it read: from, to. */
  ranges: [number, number][] = [];
  private times = 0;
  private place = 0;
  private readonly memory: Buffer;
  private readonly log: Log;
  private readonly writer: Writer;
  constructor(job: JobPaths, writer: Writer, piece: number) {
    this.log = Log.open(job)!;
    this.log.seek(0);
    this.memory = Buffer.alloc(piece);
    this.writer = writer;
  }
  read(): boolean {
    const { bytes, from, to, gone, emptied } = this.log.next(this.memory);
    assert.ok(from >= this.at, `offset ${from} after ${this.at}`);
    assert.equal(to - from, bytes.length);
    if (emptied > 0) [this.place, this.ranges] = [0, []];
    else this.place += gone;
    const there = this.writer.written.subarray(this.place, this.place + bytes.length);
    assert.equal(bytes.toString(), there.toString(), `at byte ${this.place} of the log`);
    // what it read before says nothing of the log as it is now
    if (this.times !== this.writer.times) this.ranges = [];
    this.times = this.writer.times;
    this.ranges.push([this.place, this.place + bytes.length]);
    this.place += bytes.length;
    this.at = to;
    return bytes.length > 0 || emptied > 0;
  }
  drain(): void {
    while (this.read());
    assert.equal(this.log.hasMore, false);
  }
  close(): void {
    this.log.close();
  }
}

type Step =
  | { do: 'write'; lines: number }
  | { do: 'empty' }
  | { do: 'look' }
  | { do: 'trim' }
  | { do: 'replace' }
  | { do: 'read'; reader: number };

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({ do: fc.constant('write' as const), lines: fc.integer({ min: 1, max: 120 }) }),
  },
  {
    weight: 5,
    arbitrary: fc.record({ do: fc.constant('read' as const), reader: fc.integer({ min: 0, max: 1 }) }),
  },
  { weight: 2, arbitrary: fc.constant<Step>({ do: 'empty' }) },
  { weight: 3, arbitrary: fc.constantFrom<Step>({ do: 'look' }, { do: 'trim' }, { do: 'replace' }) },
);

folderTest('emptied, cut, written and read in any order', (dir) => {
  fs.mkdirSync(join(dir, 'out'));
  const job = new JobPaths(dir);
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      fs.rmSync(job.trimmed, { force: true });
      const writer = new Writer(job.log);
      let owner = new Owner(job);
      const readers = [50, 1000].map((piece) => new Reader(job, writer, piece));
      for (const one of steps) {
        if (one.do === 'write') writer.write(one.lines);
        else if (one.do === 'empty') writer.empty();
        else if (one.do === 'look') owner.look();
        else if (one.do === 'trim') owner.trim();
        else if (one.do === 'replace') owner = owner.replace();
        else readers[one.reader]!.read();
      }
      owner.look();
      const left = writer.written;
      const { from = 0, to = 0, base = 0 } = owner.trimming ?? {};
      for (const reader of readers) {
        reader.drain();
        let end = 0;
        for (const [begin, until] of [...reader.ranges, [from - base, to - base] as const].sort(
          (a, b) => a[0] - b[0],
        )) {
          if (begin <= end) end = Math.max(end, until);
        }
        assert.equal(end, left.length, 'what was not trimmed was read');
        assert.ok(reader.at >= owner.size, 'no offset is behind the record');
        reader.close();
      }
      const fresh = Log.open(job)!;
      assert.equal(fresh.size, owner.size);
      const head = to > from ? left.subarray(0, from - base) : left;
      assert.deepEqual(fresh.read(base, base + left.length).bytes, head);
      const last = left.toString().match(/[^\n]*\n/g) ?? [];
      assert.equal(fresh.lastLines(2, 100).bytes.toString(), last.slice(-2).join(''));
      fresh.close();
      owner.close();
    }),
    {
      numRuns: rounds(300, 2000),
      examples: [
        // emptied and cut between two reads: what the reader remembers is half in the hole
        [
          [
            { do: 'write', lines: 10 },
            { do: 'read', reader: 1 },
            { do: 'empty' },
            { do: 'write', lines: 73 },
            { do: 'trim' },
          ],
        ],
      ],
    },
  );
});
