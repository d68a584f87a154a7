/**
 * The code that V8 compiled and that lies in the user's cache: damaged, of another build, or where others could put theirs, it is not
 * run; and nothing that lies in the home is.
 */
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { seededChance } from '../../chaos/death.ts';
import { type Rig, ROOT, rigTest } from '../../rig/rig.ts';

const cacheOf = (rig: Rig): string => join(rig.dir, '.cache', 'bgjob');
const filesIn = (dir: string): string[] => (fs.existsSync(dir) ? fs.readdirSync(dir) : []);

function codeOf(rig: Rig, verb: string): string {
  const dir = cacheOf(rig);
  const name = filesIn(dir).find((one) => one.startsWith(`${verb}.`));
  assert.ok(name, `no code of ${verb} in ${filesIn(dir)}`);
  return join(dir, name);
}

/** A home in which the code of `ls` has been compiled. */
async function compiled(rig: Rig): Promise<{ path: string; code: Buffer; answer: string }> {
  await rig.bgjob(['run', '-w', 'exit 3']);
  await rig.bgjob(['status', '1']);
  await rig.bgjob(['ls', '-aq']);
  const { stdout: answer } = await rig.bgjob(['ls', '-aq']);
  const path = codeOf(rig, 'ls');
  return { path, code: fs.readFileSync(path), answer };
}

/** Whether a file of the cache is used as it stands: one that is not is written anew, as another file. */
async function isUsed(rig: Rig, path: string, env: Record<string, string> = {}): Promise<boolean> {
  const { ino, mtimeMs } = fs.lstatSync(path);
  const { code, stdout, stderr } = await rig.bgjob(['ls', '-aq'], { env });
  assert.deepEqual([code, stdout, stderr], [0, '1\n', '']);
  const after = fs.lstatSync(path);
  return after.ino === ino && after.mtimeMs === mtimeMs;
}

rigTest('compiled code that is damaged is compiled again', async (rig) => {
  const chance = seededChance('compiled code');
  const { path, code, answer } = await compiled(rig);
  assert.equal(answer, '1\n');
  assert.ok(await isUsed(rig, path), 'whole');
  const text = fs.statSync(join(ROOT, 'dist', 'cli-list.js')).size;
  const half = (code.length - text) / 2;
  const flipped = (at: number) => {
    const copy = Buffer.from(code);
    copy[at]! ^= 1 << Math.floor(chance() * 8);
    return copy;
  };
  const damaged = [
    ...Array.from({ length: 12 }, () => flipped(Math.floor(chance() * code.length))),
    ...[0, 1, half - 1, half, half + 1, 2 * half, code.length - 1].map((length) => code.subarray(0, length)),
    Buffer.alloc(code.length),
    Buffer.concat([code, code]),
    // the text alone, with no code
    code.subarray(2 * half),
    Buffer.from('no code at all, no code at all, '),
  ];
  for (const bytes of damaged) {
    fs.writeFileSync(path, bytes);
    const { code: exit, stdout, stderr } = await rig.bgjob(['ls', '-aq']);
    assert.deepEqual([exit, stdout, stderr], [0, answer, ''], `${bytes.length} bytes`);
  }
  assert.ok(await isUsed(rig, path), 'whole again');
  assert.equal(filesIn(cacheOf(rig)).filter((name) => name.startsWith('ls.')).length, 1, 'nothing piles up');
});

rigTest('the code of another build is not run, though size and times are those of this one', async (rig) => {
  const place = join(rig.dir, 'installed');
  fs.cpSync(join(ROOT, 'dist'), join(place, 'dist'), { recursive: true });
  fs.cpSync(join(ROOT, 'bin'), join(place, 'bin'), { recursive: true });
  fs.copyFileSync(join(ROOT, 'package.json'), join(place, 'package.json'));
  const call = (...args: string[]) =>
    rig.start(process.execPath, ['--', join(place, 'bin', 'bgjob'), ...args]).answer;
  const cli = join(place, 'dist', 'cli-list.js');
  const time = new Date('1985-10-26T08:15:00Z');
  fs.utimesSync(cli, time, time);
  for (let n = 0; n < 2; n++) assert.match((await call('status', '1')).stderr, /no job "1"/);
  const text = fs.readFileSync(cli, 'utf8');
  const other = text.replaceAll('no job ', 'no yob ');
  assert.notEqual(other, text);
  fs.writeFileSync(cli, other);
  fs.utimesSync(cli, time, time);
  for (let n = 0; n < 2; n++) assert.match((await call('status', '1')).stderr, /no yob "1"/);
});

rigTest('compiled code is neither read nor written where others could put theirs', async (rig) => {
  const { path } = await compiled(rig);
  const dir = cacheOf(rig);
  const above = join(rig.dir, '.cache');
  const mine = 'somebody put this here';
  fs.writeFileSync(path, mine);
  for (const [open, mode] of [
    [dir, 0o770],
    [dir, 0o707],
    [dir, 0o1777],
    [above, 0o770],
    [above, 0o757],
    [rig.dir, 0o720],
  ] as const) {
    const { mode: before } = fs.statSync(open);
    fs.chmodSync(open, mode);
    assert.ok(await isUsed(rig, path), `left alone: ${open} ${mode.toString(8)}`);
    assert.equal(fs.readFileSync(path, 'utf8'), mine);
    fs.chmodSync(open, before);
  }
  // a file that others can write, or a link, is replaced
  fs.chmodSync(path, 0o622);
  assert.equal(await isUsed(rig, path), false);
  fs.chmodSync(path, 0o620);
  assert.equal(await isUsed(rig, path), false);
  fs.unlinkSync(path);
  fs.symlinkSync('/dev/zero', path);
  assert.equal(await isUsed(rig, path), false);
  assert.ok(fs.lstatSync(path).isFile(), 'the link was replaced');
  assert.equal(fs.statSync(path).mode & 0o777, 0o600);
  if (process.getuid!() !== 0) return;
  fs.chownSync(path, 12345, 12345);
  assert.equal(await isUsed(rig, path), false, 'of another user');
  fs.chownSync(above, 12345, 12345);
  fs.writeFileSync(path, mine);
  assert.ok(await isUsed(rig, path), 'left alone in the directory of another user');
});

rigTest('nothing in the home is run, and nothing compiled is written there', async (rig) => {
  const { code } = await compiled(rig);
  // what versions before put there
  const old = join(rig.home, 'cache', 'code.ls.v20.0.0-x64-1-1-1');
  fs.writeFileSync(old, code);
  assert.deepEqual(
    filesIn(join(rig.home, 'cache')).filter((name) => /^(code|ls|run|status)\./.test(name)),
    ['code.ls.v20.0.0-x64-1-1-1'],
  );
  assert.equal((await rig.bgjob(['gc'])).code, 0);
  assert.equal(fs.existsSync(old), false, 'gc removes it');

  // XDG_CACHE_HOME says where, but not into the home
  const inside = { XDG_CACHE_HOME: join(rig.home, 'cache') };
  await rig.bgjob(['ls', '-aq'], { env: inside });
  assert.equal(fs.existsSync(join(rig.home, 'cache', 'bgjob')), false);
  fs.mkdirSync(join(rig.home, 'cache', 'bgjob'), 0o700);
  await rig.bgjob(['ls', '-aq'], { env: inside });
  assert.deepEqual(filesIn(join(rig.home, 'cache', 'bgjob')), []);
  const elsewhere = join(rig.dir, 'xdg');
  await rig.bgjob(['ls', '-aq'], { env: { XDG_CACHE_HOME: elsewhere } });
  assert.equal(filesIn(join(elsewhere, 'bgjob')).length, 1);
  // one that is relative counts as none
  await rig.bgjob(['ls', '-aq'], { env: { XDG_CACHE_HOME: 'here' } });
  assert.equal(fs.existsSync(join(rig.project, 'here')), false);
});

rigTest('without a place for it everything works', async (rig) => {
  fs.writeFileSync(join(rig.dir, '.cache'), 'a file');
  assert.equal((await rig.bgjob(['run', '-w', 'exit 3'])).code, 3);
  assert.equal((await rig.bgjob(['ls', '-aq'])).stdout, '1\n');
  for (const env of [{ HOME: '/nowhere/at/all' }, { HOME: '/proc' }, { XDG_CACHE_HOME: '/proc/self' }])
    assert.equal((await rig.bgjob(['ls', '-aq'], { env })).stdout, '1\n');
});
