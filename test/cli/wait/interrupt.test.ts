/** Ctrl-C and TERM while a call waits: it says how far it is and dies of the signal, so that a loop of a shell ends with it. */
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { BGJOB, type Call, type Rig, rigTest } from '../../rig/rig.ts';
import { until } from '../../rig/until.ts';
import { sleepsOn, waiterIn } from '../../rig/waiters.ts';

const SIGNALS = [
  ['SIGINT', 130],
  ['SIGTERM', 143],
] as const;

/** Resolves when the call sleeps until something happens to job 1. */
const untilWaiting = (rig: Rig, { child }: Call, id: number) =>
  until(
    () => sleepsOn(child.pid!, rig.file(id, 'alive')),
    (sleeps) => sleeps,
    `a call that waits for ${id}`,
  );

for (const [signal, code] of SIGNALS)
  rigTest(`${signal}: every way to wait for a job that runs dies of it, after its last line`, async (rig) => {
    const puppet = await rig.puppet();
    await rig.run(['-n', 'web', '-Q', 'q', '--', ...puppet.command]);
    await puppet.print('hello\n');
    await rig.untilState(1, 'running');
    for (const words of [
      ['wait', '1'],
      ['wait', 'web', '--json'],
      ['wait', '--all'],
      ['wait', '--queue', 'q'],
      ['wait', '1', '--until', 'never'],
      ['wait', '1', '--until-file', 'never', '--timeout', '1h'],
      ['tail', '-f', '1'],
      ['tail', '-f', '1', '--raw'],
      ['tail', '-f', '1', '--grep', 'never'],
      ['run', '-n', 'web', '--reuse', '-w', '--', ...puppet.command],
      ['run', '-n', 'web', '--reuse', '-f', '--', ...puppet.command],
      ['run', '-n', 'web', '--reuse', '--until', 'never', '--', ...puppet.command],
    ]) {
      const call = rig.startBgjob(words);
      await untilWaiting(rig, call, 1);
      call.child.kill(signal);
      const { stderr } = await call.answer;
      assert.equal(call.child.signalCode, signal, words.join(' '));
      const last = words.includes('--json') ? '' : `[bgjob] exit code ${code}\n`;
      assert.ok(stderr.endsWith(last), stderr);
    }
    await puppet.exit(0);
    await rig.bgjob(['wait', '1']);
  });

/** Fills a FIFO, and becomes a call that writes to it. */
const INTO_FULL = `exec 3<>full
dd if=/dev/zero of=full bs=4096 count=4096 oflag=nonblock 2>/dev/null
exec "$@" >&3 3>&-`;

rigTest('a signal while the first output is written: the call says that the job goes on', async (rig) => {
  await rig.run(['-n', 'web', '--', 'sh', '-c', 'echo hello; exec sleep 1000']);
  await until(
    () => rig.log(1),
    (log) => log === 'hello\n',
    'its output',
  );
  await rig.bash('mkfifo full');
  for (const words of [
    ['tail', '-f', 'web'],
    ['run', '-n', 'web', '--reuse', '-w', '--', 'true'],
    ['restart', '-w', 'web'],
    ['run', '-Q', 'q', '--after', 'web', '--batch', 'lines', '-w'],
  ]) {
    fs.writeFileSync(`${rig.project}/lines`, 'true\n');
    const call = rig.start('bash', ['-c', INTO_FULL, 'bash', process.execPath, BGJOB, ...words]);
    const wchan = () => fs.readFileSync(`/proc/${call.child.pid}/wchan`, 'utf8');
    await until(wchan, (place) => /pipe_w/.test(place), `${words[0]} writes`);
    call.child.kill('SIGINT');
    await rig.bash('cat full >/dev/null');
    const { stderr } = await call.answer;
    assert.equal(call.child.signalCode, 'SIGINT');
    assert.match(stderr, /^still (running|queued); /m, words.join(' '));
  }
  await rig.bgjob(['kill', '--all']);
});

rigTest('restart --wait too', async (rig) => {
  await rig.run(['-n', 'web', '--', 'sleep', '1000']);
  const call = rig.startBgjob(['restart', '-w', 'web']);
  await until(call.stdout, (text) => text === '2\n');
  await untilWaiting(rig, call, 2);
  call.child.kill('SIGTERM');
  await call.answer;
  assert.equal(call.child.signalCode, 'SIGTERM');
  await rig.bgjob(['kill', 'web']);
});

/** The loops of people and scripts; a round more is told, and so is what would come after them. */
const LOOPS = [
  'for n in 1 2 3; do bgjob wait 1; echo round; done; echo after',
  'until bgjob wait 1; do echo round; done; echo after',
  'while bgjob tail -f 1; do echo round; done; echo after',
  'for n in 1 2 3; do bgjob run -n web --reuse -f -- true; echo round; done; echo after',
];

for (const shell of ['bash', 'sh'])
  rigTest(`${shell}: Ctrl-C ends a loop of calls that wait, and nothing comes after it`, async (rig) => {
    const puppet = await rig.puppet();
    await rig.run(['-n', 'web', '--', ...puppet.command]);
    await rig.untilState(1, 'running');
    for (const line of LOOPS) {
      const loop = rig.start('setsid', [shell, '-c', line]);
      await waiterIn(rig, loop.child.pid!, 1);
      // as a terminal does it: to the whole group
      process.kill(-loop.child.pid!, 'SIGINT');
      const { stdout } = await loop.answer;
      assert.doesNotMatch(stdout, /round|after/, line);
      assert.equal(loop.child.signalCode, 'SIGINT', line);
    }
    await puppet.exit(0);
    await rig.bgjob(['wait', '1']);
  });
