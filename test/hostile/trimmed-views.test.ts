/**
 * What is seen of a log that was trimmed, and of one that is just being trimmed: no byte that was not written
 * there, every gap told.
 */
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { type Rig, rigTest } from '../rig/rig.ts';
import { until } from '../rig/until.ts';

/** Line k is k in 15 digits: every byte is known by its offset. */
const WRITER = `
const { writeSync } = require('node:fs');
for (let n = 0; n < 2000000; n += 2000) {
  let text = '';
  for (let k = n; k < n + 2000; k++) text += String(k).padStart(15, '0') + '\\n';
  for (let at = 0; at < text.length; ) at += writeSync(1, text.slice(at));
}
`;
const LINES = 2_000_000;
const LINE_BYTES = 16;

/** Whether these are the bytes that the writer wrote from this offset on. */
function isTrue(bytes: Buffer, from: number): boolean {
  const first = Math.floor(from / LINE_BYTES);
  const lines = Math.ceil((from + bytes.length) / LINE_BYTES) - first;
  let text = '';
  for (let k = first; k < first + lines; k++) text += `${String(k).padStart(15, '0')}\n`;
  const skip = from - first * LINE_BYTES;
  return bytes.toString('latin1') === text.slice(skip, skip + bytes.length);
}

/** An ended job whose log was trimmed; the last cut comes after the end was told. */
async function trimmedJob(rig: Rig): Promise<void> {
  await rig.bgjob(['run', '--wait', '--max-log', '1M', '--', 'seq', '1000000']);
  await rig.untilLeft(1);
  const { log } = await rig.show(1);
  assert.ok(log.trimmedBytes > 5 * 2 ** 20, `${log.trimmedBytes}`);
}

rigTest(
  'raw reads from cursors while the log is trimmed: true bytes, and gaps that make up the rest',
  async (rig) => {
    await rig.run(['--max-log', '1M', '--', process.execPath, '-e', WRITER]);
    await until(
      () => fs.existsSync(rig.file(1, 'out/trimmed')),
      (is) => is,
      'the first cut',
    );
    let [cursor, read, gone] = [0, 0, 0];
    for (let ended = false; ; ) {
      const wasEnded = ended;
      ended = (await rig.bgjob(['status', '1'])).code !== 75;
      const [piece] = await rig.json(['tail', '1', '--since', String(cursor), '--raw', '-n', '20000']);
      const bytes = Buffer.from(piece.base64, 'base64');
      assert.equal(piece.from, cursor + piece.gone, 'a gap is told where it is');
      assert.equal(piece.to, piece.from + bytes.length);
      assert.ok(isTrue(bytes, piece.from), `bytes ${piece.from}-${piece.to} are not what was written there`);
      [cursor, read, gone] = [piece.cursor, read + bytes.length, gone + piece.gone];
      if (wasEnded && piece.to === piece.from) break;
    }
    const { log } = await rig.show(1);
    assert.equal(log.bytes, LINES * LINE_BYTES);
    assert.equal(read + gone, log.bytes);
    assert.ok(gone > 0, 'something was trimmed');
  },
);

rigTest(
  'a trimmed log: wait and tail say what was cut, each view tells the gap once and where it is',
  async (rig) => {
    await trimmedJob(rig);
    const waited = await rig.bgjob(['wait', '1']);
    assert.match(waited.stderr, /\([\d.]+ MB of its output trimmed by --max-log: bgjob show 1\)/);
    const plain = await rig.bgjob(['tail', '1']);
    assert.match(
      plain.stderr,
      /\(not all of it; [\d.]+ MB trimmed by --max-log, the rest: bgjob tail 1 --full\)/,
    );
    const full = (await rig.bgjob(['tail', '1', '--full'])).stdout.split('\n');
    const marks = full.filter((line) => line.startsWith('[…'));
    assert.equal(marks.length, 1);
    assert.match(marks[0]!, /^\[… [\d.]+ MB trimmed by --max-log …\]$/);
    const at = full.indexOf(marks[0]!);
    assert.deepEqual([full[0], full.at(-2)], ['1', '1000000']);
    // around the gap lines may be cut; all others are numbers in order
    const numbers = full.filter((line, n) => line !== '' && Math.abs(n - at) > 1).map(Number);
    assert.ok(numbers.every((number, n) => n === 0 || number > numbers[n - 1]!));
    const [piece] = await rig.json(['tail', '1', '--since', '300000', '-n', '3']);
    assert.equal(piece.from, 300_000 + piece.gone);
    const { stdout } = await rig.bgjob(['tail', '1', '--since', '300000', '-n', '2']);
    assert.match(stdout, /^\[… [\d.]+ MB trimmed by --max-log …\]\n/);
    const grep = await rig.bgjob(['tail', '1', '--grep', '^(2|999999)$', '-C', '1']);
    assert.equal(grep.stdout, '1\n2\n3\n--\n999998\n999999\n1000000\n');
    assert.match(grep.stderr, /trimmed by --max-log/);
    const matched = await rig.bgjob(['wait', '1', '--until', '^999999$']);
    assert.match(matched.stdout, /^1 ready: it printed "999999"$/m);
  },
);

rigTest('following over a gap tells it', async (rig) => {
  await trimmedJob(rig);
  const { stdout, stderr } = await rig.bgjob(['tail', '-f', '1', '--since', '0']);
  assert.match(stdout, /^1\n2\n/);
  assert.match(stdout, /\n1000000\n$/);
  assert.ok(!stdout.includes('\0'));
  assert.match(stderr, /^\[… [\d.]+ MB trimmed by --max-log …\]$/m);
});
