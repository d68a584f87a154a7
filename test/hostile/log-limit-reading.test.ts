/** Reading a log while its limit trims it, by time, and what `wait` says of it; two jobs that follow each other. */
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { rigTest } from '../rig/rig.ts';
import { until } from '../rig/until.ts';

const LINE = 16;
/** Sixteen bytes each, which say where they stand. */
const lineAt = (offset: number): string => `${String(offset).padStart(LINE - 1, '0')}\n`;
const lines = (from: number, to: number): Buffer => {
  const all: string[] = [];
  for (let at = from - (from % LINE); at < to; at += LINE) all.push(lineAt(at));
  const start = from % LINE;
  return Buffer.from(all.join('')).subarray(start, start + (to - from));
};

rigTest('raw reads while the log is trimmed: true bytes, and the gaps told make up the rest', async (rig) => {
  const puppet = await rig.puppet();
  const id = await rig.run(['--max-log', '256k', '--', ...puppet.command]);
  let [written, cursor, read, gone] = [0, 0, 0, 0];
  const next = async (): Promise<number> => {
    const [piece] = await rig.json(['tail', String(id), '--since', String(cursor), '--raw']);
    const bytes = Buffer.from(piece.base64, 'base64');
    assert.equal(piece.from, cursor + piece.gone);
    assert.equal(piece.to, piece.from + bytes.length);
    assert.ok(bytes.equals(lines(piece.from, piece.to)), `bytes ${piece.from}-${piece.to}`);
    [read, gone, cursor] = [read + bytes.length, gone + piece.gone, piece.to];
    return bytes.length + piece.gone;
  };
  for (let round = 1; round <= 6; round++) {
    await puppet.print(lines(written, written + 128 * 1024).toString());
    written += 128 * 1024;
    await next();
  }
  // the limit has cut what was not read yet: the next reads meet the gap
  await until(
    async () => (await rig.show(id)).log.trimmedBytes,
    (bytes) => bytes > cursor,
    'a cut beyond the cursor',
  );
  await puppet.exit(0);
  await rig.bgjob(['wait', String(id)]);
  while ((await next()) > 0);
  assert.ok(gone > 0, 'a gap was told');
  assert.equal(cursor, written);
  assert.equal(read + gone, written);
});

rigTest('wait says once on stderr what was trimmed', async (rig) => {
  const id = await rig.run(['--max-log', '1M', '--', 'seq', '1000000']);
  await rig.bgjob(['wait', String(id)]);
  await until(
    async () => (await rig.show(id)).log.trimmedBytes,
    (bytes) => bytes > 5 * 2 ** 20,
    'the last cut',
  );
  const { stdout, stderr } = await rig.bgjob(['wait', String(id)]);
  assert.equal(stderr.match(/trimmed by --max-log: bgjob show 1/g)?.length, 1, stderr);
  assert.doesNotMatch(stdout, /trimmed/);
  const plain = await rig.run(['--', 'true']);
  assert.doesNotMatch((await rig.bgjob(['wait', String(plain)])).stderr, /trimmed/);
});

rigTest('tail --since 5m begins where the log ended then; without an index at its beginning', async (rig) => {
  // the owner's own last sample comes after the end
  const id = await rig.runOut(['--', 'seq', '3']);
  const times = rig.file(id, 'out/times');
  assert.ok(fs.existsSync(times), 'an index');
  const sample = (agoMs: number, size: number): Buffer => {
    const bytes = Buffer.alloc(16);
    bytes.writeDoubleLE(Date.now() - agoMs, 0);
    bytes.writeDoubleLE(size, 8);
    return bytes;
  };
  const shown = async () => (await rig.bgjob(['tail', String(id), '--since', '5m'])).stdout;
  fs.writeFileSync(times, Buffer.concat([sample(3_600_000, 2), sample(400_000, 4), sample(60_000, 6)]));
  assert.equal(await shown(), '3\n');
  fs.writeFileSync(times, 'damaged, but long enough for two');
  assert.equal(await shown(), '1\n2\n3\n');
  fs.rmSync(times);
  assert.equal(await shown(), '1\n2\n3\n');
});

rigTest('two jobs that follow each other stay within their limits', async (rig) => {
  const size = (id: number) => fs.statSync(rig.file(id, 'out/log')).size;
  const follow = (id: number) => ['--max-log', '64k', `seq 20000; exec bgjob tail -f --since 0 --raw ${id}`];
  // the first waits for the second to be there
  const first = await rig.run([
    '--max-log',
    '64k',
    'until [ -e go ]; do sleep 0.05; done; exec bgjob tail -f --since 0 --raw 2',
  ]);
  const second = await rig.run(follow(first));
  fs.writeFileSync(`${rig.project}/go`, '');
  await until(
    () => size(first),
    (bytes) => bytes > 256 * 1024,
    'much more than its limit',
  );
  for (const id of [first, second]) {
    await until(
      () => fs.statSync(rig.file(id, 'out/log')).blocks * 512,
      (bytes) => bytes <= 64 * 1024,
      'within',
    );
    assert.equal((await rig.bgjob(['kill', String(id)])).code, 0);
  }
});
