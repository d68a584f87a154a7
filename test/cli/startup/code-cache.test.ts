/** The code that V8 compiled and that lies in the cache: damaged, cut, exchanged or open to others, it is not run. */
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { seededChance } from '../../chaos/death.ts';
import { type Rig, rigTest } from '../../rig/rig.ts';

const codeOf = (rig: Rig, verb: string): string =>
  `${rig.home}/cache/${fs.readdirSync(`${rig.home}/cache`).find((name) => name.startsWith(`code.${verb}.`))}`;

/** A home in which the code of `ls` has been compiled. */
async function compiled(rig: Rig): Promise<{ path: string; code: Buffer; answer: string }> {
  await rig.bgjob(['run', '-w', 'exit 3']);
  await rig.bgjob(['status', '1']);
  await rig.bgjob(['ls', '-aq']);
  const { stdout: answer } = await rig.bgjob(['ls', '-aq']);
  const path = codeOf(rig, 'ls');
  return { path, code: fs.readFileSync(path), answer };
}

rigTest('compiled code that is damaged is compiled again', async (rig) => {
  const chance = seededChance('compiled code');
  const { path, code, answer } = await compiled(rig);
  assert.equal(answer, '1\n');
  const half = code.length / 2;
  const flipped = (at: number) => {
    const copy = Buffer.from(code);
    copy[at]! ^= 1 << Math.floor(chance() * 8);
    return copy;
  };
  const damaged = [
    ...Array.from({ length: 12 }, () => flipped(Math.floor(chance() * code.length))),
    ...[0, 1, half - 1, half, half + 1, code.length - 1].map((length) => code.subarray(0, length)),
    Buffer.alloc(code.length),
    Buffer.concat([code, code]),
    // of another verb, which V8 finds out by its own check
    fs.readFileSync(codeOf(rig, 'status')),
    Buffer.from('no code at all, no code at all, '),
  ];
  for (const bytes of damaged) {
    fs.writeFileSync(path, bytes);
    const { code: exit, stdout, stderr } = await rig.bgjob(['ls', '-aq']);
    assert.deepEqual([exit, stdout, stderr], [0, answer, ''], `${bytes.length} bytes`);
  }
  await rig.bgjob(['ls', '-aq']);
  const mended = fs.readFileSync(path);
  assert.ok(mended.subarray(0, mended.length / 2).equals(mended.subarray(mended.length / 2)), 'whole again');
  const names = fs.readdirSync(`${rig.home}/cache`).filter((name) => name.startsWith('code.ls.'));
  assert.equal(names.length, 1, 'nothing piles up');
});

rigTest('compiled code is neither read nor written where others could put theirs', async (rig) => {
  const { path, answer } = await compiled(rig);
  fs.writeFileSync(path, 'somebody put this here');
  const before = fs.lstatSync(path).mtimeMs;
  fs.chmodSync(`${rig.home}/cache`, 0o777);
  assert.equal((await rig.bgjob(['ls', '-aq'])).code, 125);
  assert.equal(fs.lstatSync(path).mtimeMs, before);
  fs.chmodSync(`${rig.home}/cache`, 0o700);
  fs.unlinkSync(path);
  fs.symlinkSync('/dev/zero', path);
  assert.deepEqual((await rig.bgjob(['ls', '-aq'])).stdout, answer);
  assert.ok(fs.lstatSync(path).isFile(), 'the link was replaced');
});
