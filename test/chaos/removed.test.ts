/** A job's directory, or the whole home, is removed under it: nothing of ours stays behind for ever. */
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { isRunning } from '../rig/processes.ts';
import { rigTest } from '../rig/rig.ts';
import { until } from '../rig/until.ts';

for (const what of ['directory', 'home'] as const) {
  for (const adopted of [false, true]) {
    const whose = adopted ? 'an adopted job' : 'a job';
    rigTest(`the ${what} of ${whose} is removed: its processes end with it`, async (rig) => {
      rig.damaged = true;
      const puppet = await rig.puppet();
      const id = await rig.run(['--', ...puppet.command]);
      await puppet.ready();
      await rig.untilState(id, 'running');
      if (adopted) {
        process.kill(rig.ownerPid(id), 'SIGKILL');
        await until(
          () =>
            fs.existsSync(rig.file(id, 'state.json')) && fs.readFileSync(rig.file(id, 'state.json'), 'utf8'),
          (state) => typeof state === 'string' && state.includes('"generation":2'),
          'an adopter that has published',
        );
      }
      const { shim, watcher, main } = rig.shimRecord(id);
      const ours = [rig.ownerPid(id), shim!, watcher!];
      fs.rmSync(what === 'home' ? rig.home : rig.file(id, '.'), { recursive: true });
      assert.equal(isRunning(main!), true, 'the job itself goes on');
      await puppet.exit(0);
      await until(
        () => ours.filter(isRunning),
        (alive) => alive.length === 0,
        'nothing of ours',
      );
    });
  }
}
