/** `tail -t`: the time of each line as far as it is recorded, and nothing that is not known. */
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { type Rig, rigTest } from '../../rig/rig.ts';
import { until } from '../../rig/until.ts';

type Sample = [at: string, size: number];
const ms = (time: string): number => Date.parse(`2026-11-30T${time}Z`);

function samples(list: Sample[]): Buffer {
  const bytes = Buffer.alloc(16 * list.length);
  for (const [n, [at, size]] of list.entries()) {
    bytes.writeDoubleLE(ms(at), 16 * n);
    bytes.writeDoubleLE(size, 16 * n + 8);
  }
  return bytes;
}

/** Runs a job to its end, and waits until its owner has recorded the last byte: then the test may write there. */
async function ran(rig: Rig, script: string, size: number): Promise<string> {
  const times = rig.file(1, 'out/times');
  await rig.bgjob(['run', '-w', '--', 'sh', '-c', script]);
  await until(
    () => (fs.existsSync(times) ? fs.readFileSync(times) : Buffer.alloc(0)),
    (bytes) => bytes.length >= 16 && bytes.readDoubleLE(bytes.length - 8) === size,
    'the last sample',
  );
  await rig.untilLeft(1);
  return times;
}

const tail = async (rig: Rig, ...words: string[]) =>
  rig.bgjob(['tail', '-t', ...words], { env: { TZ: 'UTC' } });

rigTest('each line has the time at which it was there, in the zone of the reader', async (rig) => {
  const times = await ran(rig, 'printf "a\\nb\\nc\\nd\\n"', 8);
  fs.writeFileSync(
    times,
    samples([
      ['09:00:00', 3],
      ['10:00:00', 6],
      ['10:00:01', 8],
    ]),
  );
  const lines = [
    '2026-11-30 09:00:00  a\n',
    '2026-11-30 10:00:00  b\n',
    '2026-11-30 10:00:00  c\n',
    '2026-11-30 10:00:01  d\n',
  ];
  assert.equal((await tail(rig, '1')).stdout, lines.join(''));
  assert.equal((await tail(rig, '1', '--full')).stdout, lines.join(''));
  assert.equal((await tail(rig, '1', '-n', '1')).stdout, lines[3]);
  assert.equal((await tail(rig, '1', '--since', '4')).stdout, lines[2]! + lines[3]);
  assert.equal((await tail(rig, '1', '--grep', '[ac]')).stdout, lines[0]! + lines[2]);
  assert.equal((await tail(rig, '1', '--timestamps', '-f')).stdout, lines.join(''));
  assert.equal(
    (await rig.bgjob(['tail', '-t', '1', '-n1'], { env: { TZ: 'Asia/Tokyo' } })).stdout.slice(0, 19),
    '2026-11-30 19:00:01',
  );
  const piece = JSON.parse((await tail(rig, '1', '--json', '-n1')).stdout);
  assert.deepEqual(piece.lines, ['d']);
  assert.deepEqual(piece.times, [{ time: '2026-11-30T10:00:01.000Z', approximate: false }]);
  const hit = JSON.parse((await tail(rig, '1', '--json', '--grep', 'a')).stdout.split('\n')[0]!);
  assert.deepEqual([hit.time, hit.approximate], ['2026-11-30T09:00:00.000Z', false]);
  assert.match((await tail(rig, '1', '--raw')).stderr, /--raw and --timestamps cannot be used together/);
});

rigTest(
  '~: another owner took the job over, or samples were left out; the line may be older',
  async (rig) => {
    const times = await ran(rig, 'printf "a\\nb\\n"', 4);
    fs.writeFileSync(
      times,
      samples([
        ['09:00:00', 2],
        ['10:00:00', 4],
      ]),
    );
    const owner = rig.file(1, 'owner.9');
    fs.writeFileSync(owner, '');
    fs.utimesSync(owner, ms('09:30:00') / 1000, ms('09:30:00') / 1000);
    const { stdout, stderr } = await tail(rig, '1');
    fs.rmSync(owner);
    assert.equal(stdout, '2026-11-30 09:00:00  a\n~2026-11-30 10:00:00 b\n');
    assert.match(stderr, /^\(~: the line was written by then at the latest\)\n/);
    // a long index was halved once: what lies between two samples is not known
    const many = Array.from({ length: 32 * 1024 }, (): Sample => ['09:00:00', 2]);
    fs.writeFileSync(times, samples([...many, ['10:00:00', 4]]));
    assert.match((await tail(rig, '1')).stdout, / a\n~2026-11-30 10:00:00 b\n$/);
  },
);

rigTest('-: a log without records has a time for its last line only', async (rig) => {
  const times = await ran(rig, 'printf "a\\nb\\n"', 4);
  fs.rmSync(times);
  // a job of long ago, whose last line came an hour after its start
  const log = rig.file(1, 'out/log');
  fs.utimesSync(log, ms('23:00:00') / 1000 + 3e7, ms('23:00:00') / 1000 + 3e7);
  const { stdout, stderr } = await tail(rig, '1');
  assert.match(stdout, /^- {20}a\n\d{4}-\d\d-\d\d \d\d:\d\d:\d\d {2}b\n$/);
  assert.match(stderr, /^\(-: the times of these lines were not recorded\)\n/);
});

rigTest('-f: a line has the time at which it came; an unfinished one has one time', async (rig) => {
  const puppet = await rig.puppet();
  await rig.run(['--', ...puppet.command]);
  await puppet.print('old\n');
  const begun = Math.floor(Date.now() / 1000) * 1000;
  const call = rig.startBgjob(['tail', '-f', '-t', '1'], { env: { TZ: 'UTC' } });
  await until(call.stdout, (text) => text.endsWith('  old\n'));
  await puppet.print('Name? ');
  await until(call.stdout, (text) => text.endsWith('  Name? '));
  await puppet.print('Bob\n');
  await until(call.stdout, (text) => text.endsWith('  Name? Bob\n'));
  await puppet.exit(0);
  const { stdout } = await call.answer;
  const [, , last] = /^(.{19}) {2}old\n(.{19}) {2}Name\? Bob\n$/.exec(stdout)!;
  const at = Date.parse(`${last!.replace(' ', 'T')}Z`);
  assert.ok(at >= begun && at <= Date.now(), last);
  const [again] = /^.{19}(?= {2}Name)/m.exec((await tail(rig, '1')).stdout)!;
  assert.ok(Date.parse(`${again.replace(' ', 'T')}Z`) >= begun);
});
