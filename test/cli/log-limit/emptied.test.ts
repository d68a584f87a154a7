/**
 * A job that empties its own log, with `> /dev/stderr` or otherwise: who reads goes on, and what is gone is
 * told.
 */
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { type Rig, rigTest } from '../../rig/rig.ts';
import { until } from '../../rig/until.ts';

/** A job that does each line that is sent to it. */
const SHELL = ['--stdin', 'hold', '--', 'bash', '-c', 'while IFS= read -r line; do eval "$line"; done'];

/** Starts it; returns when lines can be sent to it: `send` waits for two seconds and no longer. */
async function start(rig: Rig, ...options: string[]): Promise<number> {
  const id = await rig.run([...options, ...SHELL]);
  await rig.untilState(id, 'running');
  await rig.shimOf(id);
  return id;
}

/** Has the job do a line; returns when it did. */
async function make(rig: Rig, id: number, line: string): Promise<void> {
  const done = `${rig.dir}/done`;
  fs.rmSync(done, { force: true });
  const { code, stderr } = await rig.bgjob(['send', String(id), `${line}; : > '${done}'`]);
  assert.equal(code, 0, stderr);
  await until(() => fs.existsSync(done), Boolean, `the job does ${line}`);
}

/** Until the supervisor has seen all that the job wrote: the time index says so. */
const untilSeen = (rig: Rig, id: number, bytes: number) =>
  until(
    () => {
      const path = rig.file(id, 'out/times');
      const samples = fs.existsSync(path) ? fs.readFileSync(path) : Buffer.alloc(0);
      return samples.length < 16 ? 0 : samples.readDoubleLE(samples.length - (samples.length % 16) - 8);
    },
    (size) => size >= bytes,
    `the supervisor sees ${bytes} bytes`,
  );

const untilEmptied = (rig: Rig, id: number, bytes: number, stream: 'log' | 'err' = 'log') =>
  until(
    async () => {
      const { log, stderr } = await rig.show(id);
      return (stream === 'log' ? log : stderr).emptiedBytes;
    },
    (gone) => gone === bytes,
    `${bytes} bytes are gone`,
  );

const LINES = Array.from({ length: 300 }, (_, n) => `line ${n + 1}\n`).join('');

rigTest('what follows `> /dev/stderr` reaches who waits, who follows and who comes back', async (rig) => {
  const id = await start(rig);
  await make(rig, id, 'for n in {1..300}; do echo line $n; done');
  await untilSeen(rig, id, LINES.length);
  const following = rig.startBgjob(['tail', '-f', '--full', String(id)]);
  const matching = rig.startBgjob(['tail', '-f', '--grep', 'READY', String(id)]);
  const waiting = rig.startBgjob(['wait', String(id), '--until', '^READY']);
  await until(following.stdout, (text) => text === LINES, 'all lines are followed');
  assert.equal((await rig.bgjob(['tail', String(id), '--new'])).code, 0);

  await make(rig, id, 'echo warn > /dev/stderr');
  await untilEmptied(rig, id, LINES.length);
  await until(following.stdout, (text) => text === `${LINES}warn\n`, 'what came after the emptying');
  const read = await rig.bgjob(['tail', String(id), '--new']);
  assert.equal(read.stdout, 'warn\n');
  assert.match(read.stderr, new RegExp(`bytes ${LINES.length}-${LINES.length + 5} of ${LINES.length + 5} `));
  const tailed = await rig.bgjob(['tail', String(id)]);
  assert.equal(tailed.stdout, '[the job emptied its log: 2.5 KB gone]\nwarn\n');
  assert.match(tailed.stderr, /`>&2`/);
  assert.match((await rig.bgjob(['show', String(id)])).stdout, /; the job emptied it: 2\.5 KB gone\)/);
  const [object] = await rig.json(['tail', String(id), '--since', '0']);
  assert.deepEqual([object.from, object.gone, object.emptied], [LINES.length, LINES.length, LINES.length]);

  await make(rig, id, 'echo READY');
  assert.match((await waiting.answer).stdout, /ready: it printed "READY"/);
  assert.equal((await rig.bgjob(['tail', String(id), '--new'])).stdout, 'READY\n');
  await rig.bgjob(['send', String(id), 'exit 3']);
  const ended = await rig.bgjob(['wait', String(id)]);
  assert.equal(ended.code, 3);
  assert.match(ended.stderr, /the job emptied its log: 2\.5 KB gone/);
  const followed = await following.answer;
  assert.equal(followed.stdout, `${LINES}warn\nREADY\n`);
  assert.match(followed.stderr, /\[the job emptied its log: 2\.5 KB gone\]/);
  assert.equal((await matching.answer).stdout, 'READY\n');
});

rigTest(
  'emptied again and again, by others too: a half line before is no beginning of a line after',
  async (rig) => {
    const id = await start(rig);
    const log = rig.file(id, 'out/log');
    const waiting = rig.startBgjob(['wait', String(id), '--until', '^READY$']);
    const following = rig.startBgjob(['tail', '-f', '--since', '0', '--json', String(id)]);
    const pieces = (): any[] =>
      following
        .stdout()
        .split('\n')
        .filter(Boolean)
        .map((line) => JSON.parse(line));
    let gone = 0;
    let emptied = 0;
    const texts: string[] = [];
    for (const text of ['one\n', 'two\nREA', 'DY\n', `${'x'.repeat(40)}\n`]) {
      await make(rig, id, `printf '${text.replaceAll('\n', '\\n')}'`);
      texts.push(text);
      await until(
        () => pieces().map((piece) => piece.text ?? ''),
        (all) => all.join('') === texts.join(''),
        `${text} is followed`,
      );
      // what the follower has seen, the supervisor may not have: then more is gone than is told
      const size = fs.statSync(log).size;
      if (gone === 0) await untilSeen(rig, id, size);
      fs.truncateSync(log);
      gone += size;
      emptied++;
      // a log that is longer by the next look than it was before has lost nothing that can be seen
      await until(
        () => pieces().filter((piece) => piece.emptied > 0),
        ({ length }) => length === emptied,
        'that the follower sees the emptying',
      );
    }
    const all = pieces();
    for (const [n, { from, to }] of all.entries())
      assert.ok(to >= from && from >= (all[n - 1]?.to ?? 0), 'offsets never go back');
    assert.ok(all.at(-1).to >= gone, `${all.at(-1).to} of ${gone}`);
    await make(rig, id, 'echo READY');
    assert.equal((await waiting.answer).code, 0);
    await rig.bgjob(['send', String(id), 'exit']);
    await following.answer;
  },
);

rigTest('stderr has a log of its own, and empties that alone', async (rig) => {
  const id = await start(rig, '--split');
  await make(rig, id, 'echo out; for n in {1..300}; do echo line $n; done >&2');
  const following = rig.startBgjob(['tail', '-f', '--full', '--err', String(id)]);
  await until(following.stdout, (text) => text === LINES, 'all lines are followed');
  const waiting = rig.startBgjob(['wait', String(id), '--until', 'READY']);
  await make(rig, id, 'echo warn | tee /dev/stderr > /dev/null; echo READY >&2');
  assert.match((await waiting.answer).stdout, /"READY" on stderr/);
  await until(following.stdout, (text) => text === `${LINES}warn\nREADY\n`, 'what came after the emptying');
  await rig.bgjob(['send', String(id), 'exit']);
  assert.equal((await rig.bgjob(['wait', String(id)])).code, 0);
  assert.equal((await following.answer).code, 0);
  assert.equal(rig.log(id), 'out\n');
});

rigTest('what an emptied log holds at the end is known when the end is told', async (rig) => {
  const id = await start(rig);
  await make(rig, id, 'for n in {1..300}; do echo line $n; done');
  await untilSeen(rig, id, LINES.length);
  await rig.bgjob(['send', String(id), 'echo last > /dev/stdout; exit']);
  const { code, stderr } = await rig.bgjob(['wait', String(id)]);
  assert.equal(code, 0);
  assert.match(stderr, /the job emptied its log: 2\.5 KB gone/);
  const [ended] = await rig.json(['ls', '-a']);
  assert.deepEqual([ended.log.bytes, ended.log.emptiedBytes], [LINES.length + 5, LINES.length]);
});
