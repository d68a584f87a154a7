/** `run --notify` by notify-send, on a session bus with a desktop behind it. */
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { startBus } from '../rig/bus.ts';
import { missing } from '../rig/needs.ts';
import { type Rig, rigTest } from '../rig/rig.ts';
import { until } from '../rig/until.ts';

/** What became of it, once that is known. */
const untilTold = (rig: Rig, id: number): Promise<any> =>
  rig.untilShown(
    id,
    (job) => job.notify,
    (notify) => ['desktop', 'terminal', 'nobody', 'not-needed'].includes(notify?.state),
    `who was told of the end of ${id}`,
  );

rigTest(
  'the desktop: a notification by notify-send, text that is no markup; without an answer the terminal',
  async (rig) => {
    const bus = await startBus(rig.dir);
    try {
      const env = { DISPLAY: ':99', DBUS_SESSION_BUS_ADDRESS: bus.address };
      await rig.run(['-n', 'build', '--notify', '--', 'sh', '-c', 'exit 4 # <b>&'], { env });
      assert.deepEqual(await untilTold(rig, 1), { when: 'always', state: 'desktop', reason: null });
      assert.equal(bus.shown.length, 1);
      assert.match(bus.shown[0]!, /build 1 exited 4 after [\d.hms]+/);
      assert.match(bus.shown[0]!, /sh -c 'exit 4 # &lt;b&gt;&amp;'/);
      assert.match((await rig.bgjob(['show', '1'])).stdout, /^notify +shown on the desktop$/m);
      // beside --on-exit, of a queued job, and after its retries: once
      const args = [
        '-Q',
        'api',
        '--retry',
        '1',
        '--backoff',
        '10ms',
        '--notify=failure',
        '--on-exit',
        'echo $BGJOB_OUTCOME',
      ];
      await rig.run([...args, '--', 'sh', '-c', 'exit 5'], { env });
      assert.equal((await untilTold(rig, 2)).state, 'desktop');
      assert.equal(bus.shown.length, 2);
      const hook = await rig.untilShown(
        2,
        (job) => job.onExit,
        ({ state }) => state === 'exited',
        'the line',
      );
      assert.equal(hook.exitCode, 0);
      assert.equal(fs.readFileSync(rig.file(2, 'on-exit.log'), 'utf8'), 'exited\n');
      assert.equal(fs.existsSync(rig.file(2, 'env.json')), false);
      // by the successor of a supervisor that was killed
      const puppet = await rig.puppet();
      await rig.run(['--notify', '--', ...puppet.command], { env });
      await puppet.ready();
      process.kill(rig.ownerPid(3), 'SIGKILL');
      await until(() => fs.existsSync(rig.file(3, 'owner.2')), Boolean, 'an adopter');
      await puppet.exit(0);
      assert.equal((await untilTold(rig, 3)).state, 'desktop');
      assert.equal(bus.shown.length, 3);
    } finally {
      bus.close();
    }
    const env = { DISPLAY: ':99', DBUS_SESSION_BUS_ADDRESS: bus.address };
    await rig.run(['--notify', '--', 'true'], { env });
    const told = await untilTold(rig, 4);
    assert.equal(told.state, 'nobody');
    assert.match(told.reason, /notify-send failed \(exited 1\), and it was started from no terminal/);
  },
  { skip: missing('notify-send') },
);
