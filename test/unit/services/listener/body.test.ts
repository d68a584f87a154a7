/**
 * What is kept of a body while it comes: 1 MiB in memory; more in a file without a name, of which senders
 * that are not proven have four.
 */
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { BodyStore, RequestBody } from '../../../../src/services/listener/body.ts';
import { folderTest } from '../../../rig/folder.ts';

const MIB = 2 ** 20;
const pieces = (bytes: number): Buffer[] =>
  Array.from({ length: Math.ceil(bytes / 65_536) }, (_, n) =>
    Buffer.alloc(Math.min(65_536, bytes - n * 65_536), n),
  );
const statusOf = (body: RequestBody, bytes: number): number | undefined => {
  for (const piece of pieces(bytes)) {
    const reply = body.add(piece);
    if (reply) return reply.status;
  }
  return undefined;
};
/** The open files below a folder, as the kernel tells them. */
const openBelow = (dir: string): string[] =>
  fs.readdirSync('/proc/self/fd').flatMap((fd) => {
    try {
      const path = fs.readlinkSync(`/proc/self/fd/${fd}`);
      return path.startsWith(dir) ? [path] : [];
    } catch {
      return [];
    }
  });

folderTest(
  'up to 1 MiB is in memory, more in a file without a name; each is read as it came',
  async (dir) => {
    const bodies = new BodyStore(dir);
    for (const isProven of [true, false])
      for (const bytes of [0, 1, MIB - 1, MIB, MIB + 1, 25 * MIB]) {
        const body = new RequestBody(bodies, isProven, assert.fail);
        assert.equal(statusOf(body, bytes), undefined);
        assert.equal(openBelow(dir).length, bytes > MIB ? 1 : 0);
        assert.ok(bodies.bufferedBytes <= MIB);
        assert.deepEqual(fs.readdirSync(dir), [], 'it has no name');
        assert.ok(body.read().equals(Buffer.concat(pieces(bytes))));
        body.close();
        assert.deepEqual([openBelow(dir), bodies.bufferedBytes], [[], 0]);
      }
    const tooLarge = new RequestBody(bodies, true, assert.fail);
    assert.equal(statusOf(tooLarge, 25 * MIB + 1), 413);
    tooLarge.close();
    assert.deepEqual([openBelow(dir), bodies.bufferedBytes, bodies.unproven.size], [[], 0, 0]);
  },
);

folderTest('four files for senders that are not proven; the fifth gets that of a slow one', async (dir) => {
  let now = 1000;
  const bodies = new BodyStore(dir, () => now);
  const cut: number[] = [];
  const unproven = (n: number) => new RequestBody(bodies, false, () => cut.push(n));
  const four = [0, 1, 2, 3].map((n) => unproven(n));
  for (const body of four) assert.equal(statusOf(body, MIB + 1), undefined);
  assert.equal(bodies.refuse(MIB + 1, false)?.status, 503);
  assert.deepEqual([bodies.refuse(MIB, false), bodies.refuse(MIB + 1, true)], [undefined, undefined]);
  const fifth = unproven(4);
  assert.equal(statusOf(fifth, MIB + 1), 503);
  fifth.close();
  const proven = new RequestBody(bodies, true, assert.fail);
  assert.equal(statusOf(proven, 2 * MIB), undefined, 'a proven sender has a file always');
  proven.close();
  // all but the third were fast enough
  now += 2001;
  for (const n of [0, 1, 3]) assert.equal(statusOf(four[n]!, MIB), undefined);
  assert.equal(bodies.refuse(MIB + 1, false), undefined);
  const sixth = unproven(5);
  assert.equal(statusOf(sixth, MIB + 1), undefined);
  assert.deepEqual(cut, [2]);
  assert.equal(openBelow(dir).length, 4);
  assert.equal(four[2]!.add(Buffer.alloc(10)), undefined, 'what still comes of it is dropped');
  assert.throws(() => four[2]!.read(), { code: 'ECANCELED' });
  // a complete body is not slow
  now += 60_000;
  for (const n of [0, 1, 3]) four[n]!.finish();
  sixth.finish();
  assert.equal(bodies.slowest(), undefined);
  for (const body of [...four, sixth]) body.close();
  assert.deepEqual(openBelow(dir), []);
});

folderTest('memory is for 32 MiB; then proven senders get files, and others wait', async (dir) => {
  const bodies = new BodyStore(dir);
  const many = Array.from({ length: 32 }, () => new RequestBody(bodies, false, assert.fail));
  for (const body of many) assert.equal(statusOf(body, MIB), undefined);
  const other = new RequestBody(bodies, false, assert.fail);
  assert.equal(statusOf(other, 1), 503);
  const proven = new RequestBody(bodies, true, assert.fail);
  assert.equal(statusOf(proven, 5), undefined);
  assert.equal(proven.read().length, 5);
  for (const body of [...many, other, proven]) body.close();
  assert.equal(bodies.bufferedBytes, 0);
});

folderTest('a disk that takes nothing is told as such; what a kill left is removed', async (dir) => {
  const gone = new RequestBody(new BodyStore(`${dir}/none`), true, assert.fail);
  const reply = pieces(MIB + 1)
    .map((piece) => gone.add(piece))
    .find((one) => one !== undefined)!;
  assert.deepEqual(
    [reply.status, reply.headers, reply.why],
    [503, { 'Retry-After': '10' }, 'the body could not be stored: ENOENT'],
  );
  assert.ok(!JSON.stringify(reply.body).includes('ENOENT'));
  gone.close();
  fs.writeFileSync(`${dir}/body.1.2.tmp`, 'left');
  fs.mkdirSync(`${dir}/body.1`);
  new BodyStore(dir).removeLeft();
  assert.deepEqual(fs.readdirSync(dir), ['body.1']);
});
