/**
 * What makes itself undumpable, as ssh-agent does: an ordinary user sees nothing of it but who its parent is.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import { dirname, join } from 'node:path';
import { isRunning, processesNaming } from '../rig/processes.ts';
import { BGJOB, type Rig, rigTest } from '../rig/rig.ts';
import { until } from '../rig/until.ts';

const USER = ['--reuid=65534', '--regid=65534', '--clear-groups'];
const cannot =
  process.getuid!() !== 0
    ? 'only root can become another user'
    : spawnSync('setpriv', [...USER, process.execPath, '--', BGJOB, '--version']).status !== 0 &&
      'an ordinary user cannot read this checkout';

/** A program that only root may read: whoever else runs it cannot look into it. */
function opaqueSleep(rig: Rig): string {
  const program = join(rig.project, 'opaque-sleep');
  fs.copyFileSync('/bin/sleep', program);
  fs.chmodSync(program, 0o711);
  for (const dir of [rig.dir, dirname(rig.dir)]) fs.chmodSync(dir, 0o711);
  for (const dir of [rig.home, rig.project]) {
    fs.mkdirSync(dir, { recursive: true });
    fs.chownSync(dir, 65534, 65534);
  }
  return program;
}
const asUser = (rig: Rig, args: string[]) =>
  rig.start('setpriv', [...USER, process.execPath, BGJOB, ...args]).answer;

async function startedBy(rig: Rig, line: string): Promise<{ id: string; pid: number }> {
  const { stdout, stderr } = await asUser(rig, ['run', line]);
  assert.match(stdout, /^\d+\n$/, stderr);
  const found = await until(
    () => processesNaming('').filter(({ command }) => command.startsWith(`${rig.project}/opaque-sleep`)),
    (found) => found.length === 1,
    'the hidden process',
  );
  return { id: stdout.trim(), pid: found[0]!.pid };
}

rigTest(
  'a child that hides is stopped, also when its parent is gone before',
  async (rig) => {
    const program = opaqueSleep(rig);
    const line = `(trap '' TERM; exec setsid ${program} 1000) & exec sleep 1000`;
    const { id, pid } = await startedBy(rig, line);
    const { code, stdout, stderr } = await asUser(rig, ['kill', '--grace', '300ms', id]);
    assert.equal(code, 0, stderr);
    assert.match(stdout, /killed/);
    assert.equal(isRunning(pid), false);
    assert.doesNotMatch(stderr, /may belong to this job/);
  },
  { skip: cannot },
);

rigTest(
  'one that hid and lost its parent before anybody looked is named',
  async (rig) => {
    const program = opaqueSleep(rig);
    const { id, pid } = await startedBy(rig, `(setsid ${program} 1000 &); echo orphaned; exec sleep 1000`);
    await until(
      () => rig.log(Number(id)),
      (log) => log === 'orphaned\n',
      'an orphan',
    );
    const { code, stderr } = await asUser(rig, ['kill', id]);
    assert.equal(code, 0, stderr);
    assert.match(stderr, new RegExp(`process ${pid}, .* may belong to this job: if so, kill ${pid}`));
    process.kill(pid, 'SIGKILL');
  },
  { skip: cannot },
);

rigTest('a forged title hides nothing, not with the FIFO of the job open either', async (rig) => {
  const id = await rig.run([
    ...['--', 'bash', '-c'],
    'exec 9<>"$BGJOB_HOME/jobs/$BGJOB_ID/alive"; exec -a "bgjob[$BGJOB_ID]" sleep 1000',
  ]);
  const pid = await until(
    () => rig.shimRecord(id).main,
    (main) => main !== undefined && fs.readFileSync(`/proc/${main}/cmdline`, 'latin1').startsWith('bgjob['),
    'a process with a title',
  );
  // one that does not boot any more
  await until(
    () => Number(fs.readFileSync('/proc/uptime', 'utf8').split(' ')[0]) - startedAt(pid!),
    (age) => age > 10,
    'one that is too old to boot',
  );
  const { code, stdout, stderr } = await rig.bgjob(['kill', String(id)]);
  assert.equal(code, 0, stderr);
  assert.match(stdout, /killed \(TERM/);
  assert.equal(isRunning(pid!), false);
});

/** When a process started, seconds since boot. */
function startedAt(pid: number): number {
  const stat = fs.readFileSync(`/proc/${pid}/stat`, 'latin1');
  return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]) / 100;
}
