/** Cursors: two readers of one log, each with its own; concatenated, their reads are the log byte for byte. */
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { type Rig, rigTest } from '../../rig/rig.ts';

/** Writes 10,000 lines of many scripts, cut at places that have nothing to do with characters or lines. */
const WRITER = `
const fs = require('node:fs');
while (process.argv[2] && !fs.existsSync(process.argv[2])) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 5);
let seed = 42;
const next = (most) => (seed = (seed * 1103515245 + 12345) % 2147483648) % most;
const words = ['plain', 'grün', 'žluť', 'мир', '世界', '👩‍💻', 'naïve', '\\u0915\\u094d\\u0937'];
let text = '';
for (let n = 0; n < 10000; n++) text += n + ' ' + words[next(words.length)] + ' ' + words[next(words.length)] + '\\n';
const bytes = Buffer.from(text);
for (let at = 0; at < bytes.length; ) at += fs.writeSync(1, bytes, at, Math.min(bytes.length - at, 1 + next(700)));
`;

const cursorOf = (stderr: string): number => Number(/cursor (\d+)\]/.exec(stderr)![1]);

/** Reads until the job ended and nothing is new; returns all that was read. */
async function readAll(rig: Rig, words: string[], raw: boolean): Promise<string> {
  let all = Buffer.alloc(0);
  for (let ended = false; ; ) {
    const wasEnded = ended;
    ended = (await rig.bgjob(['status', '1'])).code !== 75;
    const [object] = await rig.json(['tail', '1', ...words, ...(raw ? ['--raw'] : [])]);
    const bytes = raw
      ? Buffer.from(object.base64, 'base64')
      : Buffer.from(object.lines.map((line: string) => `${line}\n`).join(''));
    all = Buffer.concat([all, bytes]);
    if (wasEnded && object.to === object.from) return all.toString();
  }
}

rigTest('10,000 lines of UTF-8 cut anywhere, read by two readers while they are written', async (rig) => {
  fs.writeFileSync(join(rig.project, 'writer.js'), WRITER);
  await rig.run(['--', 'node', 'writer.js', 'go']);
  // the first read of a reader is the end of what is there: here nothing yet
  for (const reader of ['fast', 'slow']) await rig.bgjob(['tail', '1', '--new', '--reader', reader]);
  fs.writeFileSync(join(rig.project, 'go'), '');
  const bound = ['-n', '1500'];
  const [fast, slow] = await Promise.all([
    readAll(rig, ['--new', '--reader', 'fast', ...bound], true),
    readAll(rig, ['--new', '--reader', 'slow', '-n', '700'], false),
  ]);
  const log = rig.log(1);
  assert.equal(log.split('\n').length - 1, 10_000);
  assert.equal(fast, log, 'raw reads are the log');
  assert.equal(slow, log, 'readable ones too: no character and no line was cut');
});

rigTest(
  'concatenated raw reads from cursors are the log, byte for byte, while it is written',
  async (rig) => {
    fs.writeFileSync(join(rig.project, 'writer.js'), WRITER);
    await rig.run(['--', 'node', 'writer.js']);
    const pieces: string[] = [];
    for (let cursor = 0, ended = false; ; ) {
      const wasEnded = ended;
      ended = (await rig.bgjob(['status', '1'])).code !== 75;
      const call = rig.startBgjob(['tail', '1', '--since', String(cursor), '--raw', '-n', '100000']);
      const bytes: Buffer[] = [];
      call.child.stdout!.removeAllListeners('data');
      call.child.stdout!.setEncoding('latin1').on('data', (text) => bytes.push(Buffer.from(text, 'latin1')));
      const { stderr, code } = await call.answer;
      assert.equal(code, 0, stderr);
      const before = cursor;
      cursor = cursorOf(stderr);
      const read = Buffer.concat(bytes);
      assert.equal(read.length, cursor - before, 'the cursor counts the bytes');
      pieces.push(read.toString('latin1'));
      if (wasEnded && cursor === before) break;
    }
    assert.equal(pieces.join(''), fs.readFileSync(rig.file(1, 'out/log'), 'latin1'));
  },
);

rigTest(
  '--new: first the end as tail shows it, then only what is new, each reader for itself',
  async (rig) => {
    const puppet = await rig.puppet();
    await rig.run(['--', ...puppet.command]);
    await rig.untilState(1, 'running');
    await puppet.print(Array.from({ length: 100 }, (_, n) => `line ${n}\n`).join(''));
    const first = await rig.bgjob(['tail', '1', '--new']);
    assert.match(first.stdout, /^line 60\n/);
    assert.match(first.stdout, /line 99\n$/);
    const nothing = await rig.bgjob(['tail', '1', '--new']);
    assert.deepEqual([nothing.code, nothing.stdout], [0, '']);
    assert.match(nothing.stderr, /^\[1 running .* \| nothing new for .* \| cursor 790\]\n$/);
    await puppet.print('more\n');
    assert.equal((await rig.bgjob(['tail', '1', '--new'])).stdout, 'more\n');
    assert.match((await rig.bgjob(['tail', '1', '--new', '--reader', 'other'])).stdout, /line 99\nmore\n$/);
    await puppet.exit(0);
  },
);

rigTest('--since a time is of stdout; of stderr it is refused, not answered wrongly', async (rig) => {
  await rig.bgjob(['run', '-w', '--split', '--', 'sh', '-c', 'echo out of some length; echo err >&2']);
  const { code, stdout, stderr } = await rig.bgjob(['tail', '1', '--err', '--since', '0s']);
  assert.deepEqual([code, stdout], [125, '']);
  assert.match(stderr, /--since: with --err it takes a cursor/);
  assert.equal((await rig.bgjob(['tail', '1', '--err', '--since', '0'])).stdout, 'err\n');
});
