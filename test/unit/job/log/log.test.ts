/** Pieces of a log, against a plain way to cut lines; and that a huge log is never read whole. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { JobPaths } from '../../../../src/job/home/paths.ts';
import { Log } from '../../../../src/job/log/log.ts';
import { folderTest } from '../../../rig/folder.ts';
import fc from '../../../rig/property.ts';
import { rounds } from '../../../rig/rounds.ts';

function openText(dir: string, text: string | Uint8Array): Log {
  fs.mkdirSync(join(dir, 'out'), { recursive: true });
  fs.writeFileSync(join(dir, 'out/log'), text);
  return Log.open(new JobPaths(dir))!;
}

/** Lines with their ends; the last one may have none. */
const linesOf = (text: string): string[] => text.match(/[^\n]*\n|[^\n]+$/g) ?? [];

const logText = fc.string({ unit: fc.constantFrom('a', 'b', '\n', '\n', 'long line '), maxLength: 40 });
const amounts = fc.tuple(logText, fc.integer({ min: 0, max: 8 }), fc.integer({ min: 0, max: 120 }));

folderTest('the last lines, as somebody would cut them by hand', (dir) => {
  fc.assert(
    fc.property(amounts, ([text, lines, limit]) => {
      const log = openText(dir, text);
      try {
        const piece = log.lastLines(lines, limit);
        const shown = piece.bytes.toString();
        const about = JSON.stringify({ text, lines, limit, shown });
        assert.equal(text.slice(piece.from), shown, `it reaches the end: ${about}`);
        assert.deepEqual([piece.to, piece.size], [text.length, text.length]);
        assert.ok(shown.length <= limit, about);
        const all = linesOf(text);
        assert.ok(linesOf(shown).length <= lines, about);
        const wanted = all.slice(Math.max(0, all.length - lines)).join('');
        if (lines > 0 && wanted.length <= limit) assert.equal(shown, wanted, about);
        // too much for the limit: whole lines, as many as there is room for, or the end of one
        else if (lines > 0 && limit > 0) {
          assert.ok(wanted.endsWith(shown), about);
          const room = linesOf(text.slice(text.length - limit));
          const cut = text[text.length - limit - 1] !== '\n';
          const whole = cut && room.length > 1 ? room.slice(1).join('') : room.join('');
          assert.equal(shown, whole, about);
        }
      } finally {
        log.close();
      }
    }),
    { numRuns: rounds(400, 1500) },
  );
});

folderTest('pieces put together are the log, byte for byte, also while it grows', (dir) => {
  const bytes = fc.uint8Array({ minLength: 0, maxLength: 300 });
  fc.assert(
    fc.property(bytes, bytes, fc.integer({ min: 1, max: 50 }), (first, more, step) => {
      const log = openText(dir, first);
      try {
        const pieces: Buffer[] = [];
        let cursor = 0;
        const drain = () => {
          for (let piece = log.read(0, 0); ; ) {
            piece = log.read(cursor, cursor + step);
            assert.equal(piece.from, cursor);
            assert.equal(piece.to, cursor + piece.bytes.length);
            if (piece.bytes.length === 0) return;
            pieces.push(piece.bytes);
            cursor = piece.to;
          }
        };
        drain();
        fs.appendFileSync(join(dir, 'out/log'), more);
        drain();
        assert.deepEqual(Buffer.concat(pieces), Buffer.concat([first, more]));
      } finally {
        log.close();
      }
    }),
    { numRuns: rounds(100, 200) },
  );
});

folderTest('a read before the beginning, behind the end or backwards is empty or bounded', (dir) => {
  const log = openText(dir, 'hello');
  const read = (from: number, to: number) => log.read(from, to).bytes.toString();
  assert.deepEqual(
    [read(0, 100), read(3, 4), read(5, 9), read(900, 1000), read(4, 2), read(2, 2)],
    ['hello', 'l', '', '', '', ''],
  );
  log.close();
});

folderTest('a log of ten gigabytes of holes is read at its end alone', (dir) => {
  const log = openText(dir, '');
  fs.truncateSync(join(dir, 'out/log'), 10 * 2 ** 30);
  fs.appendFileSync(join(dir, 'out/log'), '\nlast line\n');
  const before = process.memoryUsage().rss;
  const piece = log.lastLines(1, 8192);
  assert.equal(piece.bytes.toString(), 'last line\n');
  assert.equal(piece.from, 10 * 2 ** 30 + 1);
  assert.ok(process.memoryUsage().rss - before < 100e6);
  log.close();
});

folderTest('what is no log is none', (dir) => {
  const job = (name: string) => new JobPaths(join(dir, name));
  for (const name of ['none', 'directory', 'link', 'fifo', 'file'])
    fs.mkdirSync(join(dir, name, 'out'), { recursive: true });
  fs.mkdirSync(job('directory').log);
  fs.writeFileSync(job('file').log, '');
  fs.symlinkSync(job('file').log, job('link').log);
  spawnSync('mkfifo', [job('fifo').log]);
  for (const name of ['none', 'directory', 'link', 'fifo'])
    assert.equal(Log.open(job(name)), undefined, name);
  Log.open(job('file'))!.close();
});
