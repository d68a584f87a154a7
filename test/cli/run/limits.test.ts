/** The limits that `run` sets for a job, and what they are called when they are reached. */
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { readJson } from '../../chaos/death.ts';
import { isRunning } from '../../rig/processes.ts';
import { type Rig, rigTest } from '../../rig/rig.ts';

rigTest('--timeout: 124, and it is ours', async (rig) => {
  const { code, stdout, stderr } = await rig.bgjob(['run', '-w', '--timeout', '50ms', '--', 'sleep', '1000']);
  assert.equal(code, 124);
  assert.equal(stdout, '1\n');
  assert.match(stderr, /^1 timed out after [\d.hms]+\n\[bgjob\] exit code 124\n$/);
  const job = await rig.show(1);
  assert.equal(job.state, 'timed-out');
  assert.match(job.reason, /--timeout/);
});

rigTest('a duration or number beyond the most is too long or too large, for every option', async (rig) => {
  const run = (...options: string[]) => ['run', ...options, '--', 'true'];
  const calls: [args: string[], option: string, text: string, why: string][] = [
    ...['timeout', 'idle-timeout', 'grace', 'delay'].map((name): [string[], string, string, string] => [
      run(`--${name}`, '99999d'),
      `--${name}`,
      '99999d',
      'long',
    ]),
    [run('--wait=9999999999999999h'), '--wait', '9999999999999999h', 'long'],
    [run('--max-log', '99999T'), '--max-log', '99999T', 'large'],
    [['gc', '--older-than', '36501d'], '--older-than', '36501d', 'long'],
    [['ls', '-n', '9999999999'], '--number', '9999999999', 'large'],
    [['wait', '--until-idle', '99999d'], '--until-idle', '99999d', 'long'],
  ];
  for (const [args, option, text, why] of calls) {
    const { code, stderr } = await rig.bgjob(args);
    assert.equal(code, 125, args.join(' '));
    assert.match(stderr, new RegExp(`^bgjob: ${option}: "${text}" is too ${why}: the most is `));
  }
  const env = await rig.bgjob(run('--wait'), { env: { BGJOB_MAX_WAIT: '99999d' } });
  assert.match(env.stderr, /^bgjob: BGJOB_MAX_WAIT: "99999d" is too long: the most is 36500d /);
  const every = await rig.bgjob(['cron', 'add', '-n', 'x', '@every 99999d', '--', 'true']);
  assert.match(every.stderr, /"@every 99999d" is no schedule: the longest duration is 36500d\n/);
  const word = await rig.bgjob(run('--timeout', 'soon'));
  assert.match(word.stderr, /^bgjob: --timeout: "soon" is not a duration such as /);
  assert.ok(!fs.existsSync(rig.home), 'nothing was created');
});

rigTest('a job that exits 0 when its time is over timed out nevertheless', async (rig) => {
  const line = `trap 'exit 0' TERM; sleep 1000 & wait`;
  assert.equal((await rig.bgjob(['run', '-w', '--timeout', '200ms', line])).code, 124);
  assert.equal((await rig.show(1)).state, 'timed-out');
});

/** The job was told to stop no sooner than `limitMs` after its last output. What it wrote after that counts for nothing. */
function assertIdle(rig: Rig, id: number, log: string, limitMs: number): void {
  const { stop, outcome } = readJson(rig.file(id, 'state.json')).status;
  assert.equal(outcome.limit, 'idle-timeout');
  const lastMs = fs.statSync(rig.file(id, log)).mtimeMs;
  // a file's time is that of the kernel's last tick
  if (lastMs > stop.at - 20) return;
  assert.ok(stop.at - lastMs >= limitMs, `${stop.at - lastMs} ms after its last output`);
}

rigTest('--idle-timeout counts from the last output', async (rig) => {
  const line = 'for n in 1 2 3; do echo $n; sleep 0.6; done; sleep 1000';
  const { code, stderr } = await rig.bgjob(['run', '--wait', '--idle-timeout', '1s', line]);
  assert.equal(code, 124);
  assert.match(stderr, /^1 timed out \(no output\) after/);
  const job = await rig.show(1);
  assert.ok(job.durationMs >= 1000, `it had at least its second: ${job.durationMs}`);
  assert.match(job.reason, /--idle-timeout/);
  assertIdle(rig, 1, 'out/log', 1000);
});

rigTest('--split: output on stderr alone is no idleness', async (rig) => {
  const line = 'for n in 1 2 3; do echo $n >&2; sleep 0.6; done; sleep 1000';
  const { code } = await rig.bgjob(['run', '-w', '--split', '--idle-timeout', '1s', line]);
  assert.equal(code, 124);
  assertIdle(rig, 1, 'out/err', 1000);
});

rigTest('a limit that is not reached changes nothing', async (rig) => {
  const args = ['run', '-w', '--timeout', '30d', '--idle-timeout', '60d', '--', 'true'];
  assert.equal((await rig.bgjob(args)).code, 0);
});

rigTest('--grace: who ignores TERM gets KILL, with all that it started', async (rig) => {
  // deaf from its first word on: where the time is over before that, TERM ends it
  const line = `trap '' TERM; setsid sleep 1000 & sleep 1000 & echo deaf $$ $(jobs -p); wait`;
  const { code } = await rig.bgjob(['run', '-w', '--timeout', '1s', '--grace', '50ms', line]);
  assert.equal(code, 124);
  const [, ...pids] = /^deaf (\d+) (\d+) (\d+)\n$/.exec(rig.log(1)) ?? [];
  assert.deepEqual(pids.map(Number).filter(isRunning), []);
  // all of them were there when the grace was over
  const { exitCode } = await rig.show(1);
  assert.equal(exitCode, pids.length > 0 ? 137 : exitCode);
});

rigTest('a duration that is none is refused before anything is created', async (rig) => {
  for (const option of ['--timeout', '--idle-timeout', '--grace']) {
    const { code, stderr } = await rig.bgjob(['run', option, 'soon', '--', 'true']);
    assert.equal(code, 125);
    assert.match(stderr, new RegExp(`${option}: "soon" is not a duration such as 90s`));
  }
  assert.equal((await rig.bgjob(['ls', '-aq'])).stdout, '');
});
