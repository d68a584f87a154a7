/** `--max-log`: head and newest part stay; `--on-max-log kill`; `--split`; a job that follows its own log. */
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { requireTool } from '../../../src/engine/os/programs.ts';
import { cannotUnshare, withFile } from '../../rig/namespaces.ts';
import { type Rig, rigTest } from '../../rig/rig.ts';
import { until } from '../../rig/until.ts';

const MIB = 2 ** 20;
/** What a job's output takes on the disk. */
function diskBytes(rig: Rig, id: number): number {
  const names = fs.readdirSync(rig.file(id, 'out'));
  return names.reduce(
    (sum, name) =>
      sum + (fs.statSync(rig.file(id, `out/${name}`), { throwIfNoEntry: false })?.blocks ?? 0) * 512,
    0,
  );
}
const untilWithin = (rig: Rig, id: number, limit: number) =>
  until(
    () => diskBytes(rig, id),
    (bytes) => bytes <= limit,
    'the log within its limit',
  );

rigTest('of a long log head and newest part stay, and what is gone is told', async (rig) => {
  const id = await rig.run(['--max-log', '1M', '--', 'seq', '1000000']);
  assert.equal((await rig.bgjob(['wait', String(id)])).code, 0);
  // its last cut comes after the end, also of a log that is within the limit by then
  await rig.untilLeft(id);
  await untilWithin(rig, id, MIB);
  const { log } = await rig.show(id);
  assert.equal(log.bytes, 6_888_896);
  assert.ok(log.trimmedBytes >= log.bytes - MIB, `${log.trimmedBytes} bytes trimmed`);
  assert.equal((await rig.bgjob(['tail', String(id), '--head', '-n', '2'])).stdout, '1\n2\n');
  assert.equal((await rig.bgjob(['tail', String(id), '-n', '2'])).stdout, '999999\n1000000\n');
  const raw = (await rig.bgjob(['tail', String(id), '--full', '--raw'])).stdout;
  assert.equal(raw.length, log.bytes - log.trimmedBytes);
  assert.ok(!raw.includes('\0'), 'no hole is shown as text');
  assert.match(
    (await rig.bgjob(['show', String(id)])).stdout,
    /--max-log 1M\n(.|\n)*trimmed from byte 262144 on/,
  );
  const [listed] = await rig.json(['ls']);
  assert.equal(listed.log.trimmedBytes, log.trimmedBytes);
});

/** While it writes on: so much has been written, and most of that is on the disk no longer. */
const untilTrimmed = (rig: Rig, id: number, written: number) =>
  until(
    () => [fs.statSync(rig.file(id, 'out/log')).size, diskBytes(rig, id)] as const,
    ([size, disk]) => size > written && disk < size / 2,
    'most of what was written is gone',
  );

rigTest('an endless writer is trimmed while it writes', async (rig) => {
  const id = await rig.run(['--max-log', '16M', '--', 'yes']);
  await rig.untilState(id, 'running');
  await untilTrimmed(rig, id, 256 * MIB);
  // it writes no more, and goes on living: the rest is trimmed, too
  const { main } = await rig.shimOf(id);
  process.kill(main, 'SIGSTOP');
  await untilWithin(rig, id, 16 * MIB);
  assert.equal((await rig.show(id)).state, 'running');
  process.kill(main, 'SIGCONT');
  await rig.bgjob(['kill', String(id)]);
  await untilWithin(rig, id, 16 * MIB);
});

rigTest('--on-max-log kill stops the job and names the reason', async (rig) => {
  const { code, stderr } = await rig.bgjob([
    'run',
    '-w',
    '--max-log',
    '1M',
    '--on-max-log',
    'kill',
    '--',
    'yes',
  ]);
  assert.equal(code, 143);
  assert.match(stderr, /^1 killed SIGTERM \(--max-log 1M\) after [\d.hms]+\n/);
  assert.equal((await rig.show(1)).reason, '--max-log 1M');
  assert.match((await rig.bgjob(['status', '1'])).stdout, /^1 killed SIGTERM \(--max-log 1M\) after/);
  await untilWithin(rig, 1, MIB);
});

rigTest('what was left behind and writes on stays within the limit, until it is killed', async (rig) => {
  const id = await rig.run(['--max-log', '1M', 'yes & sleep 0.1']);
  await rig.bgjob(['wait', String(id)]);
  const atEnd = fs.statSync(rig.file(id, 'out/log')).size;
  await untilTrimmed(rig, id, atEnd + 64 * MIB);
  assert.equal((await rig.bgjob(['kill', String(id)])).code, 0);
  await untilWithin(rig, id, MIB);
});

async function cutAgain(rig: Rig): Promise<void> {
  const real = requireTool('fallocate');
  const copy = join(rig.dir, 'fallocate');
  fs.copyFileSync(real, copy);
  const died = join(rig.dir, 'died');
  const mortal = join(rig.dir, 'mortal');
  // dies as long as the job runs, and once after that
  const script = `#!/bin/sh
grep -q '"phase":"ended"' '${rig.file(1, 'state.json')}' || kill -9 $$
[ -e '${died}' ] || { : >'${died}'; kill -9 $$; }
exec '${copy}' "$@"
`;
  fs.writeFileSync(mortal, script, { mode: 0o755 });
  const run = ['run', '-w', '--max-log', '1M', '--', 'seq', '1000000'];
  const [program, ...words] = [...withFile(real, mortal), process.execPath, rig.program, ...run];
  assert.equal((await rig.start(program!, words).answer).code, 0);
  await until(() => fs.existsSync(died), Boolean, 'its death');
  await untilWithin(rig, 1, MIB);
}
rigTest('the last cut is made again when what makes it is killed', cutAgain, { skip: cannotUnshare() });

rigTest('--split: stderr has a log of its own', async (rig) => {
  const id = await rig.run(['--split', 'echo out; echo err >&2; ls /proc/self/fd']);
  assert.equal((await rig.bgjob(['wait', String(id)])).code, 0);
  assert.equal(rig.log(id), 'out\n0\n1\n2\n3\n');
  const path = (await rig.bgjob(['path', String(id), '--err'])).stdout.trim();
  assert.equal(path, rig.file(id, 'out/err'));
  assert.equal(fs.readFileSync(path, 'utf8'), 'err\n');
  assert.match((await rig.bgjob(['show', String(id)])).stdout, /\nstderr {5}\S+\/out\/err \(4 B\)\n/);
  const plain = await rig.run(['--', 'true']);
  assert.equal((await rig.bgjob(['path', String(plain), '--err'])).code, 125);
});

rigTest('a job that follows its own log is refused', async (rig) => {
  const id = await rig.run(['bgjob tail -f $BGJOB_ID']);
  assert.equal((await rig.bgjob(['wait', String(id)])).code, 125);
  assert.match(rig.log(id), /goes into the log of job 1: following that log would never end/);
});

rigTest('a limit that makes no sense is refused before anything is created', async (rig) => {
  for (const [option, value, why] of [
    ['--max-log', '0', /0 would keep nothing/],
    ['--max-log', '10k', /the minimum is --max-log 64k/],
    ['--on-max-log', 'stop', /is none of trim, kill/],
  ] as const) {
    const { code, stderr } = await rig.bgjob(['run', option, value, '--', 'true']);
    assert.equal(code, 125);
    assert.match(stderr, why);
  }
  assert.equal((await rig.bgjob(['ls', '-aq'])).stdout, '');
});
