/**
 * A working directory that is removed: the job's, before it starts, while it runs, when it is adopted; and
 * the caller's.
 */
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { isRunning } from '../rig/processes.ts';
import { rigTest } from '../rig/rig.ts';
import { until } from '../rig/until.ts';
import { halt, killOwner, readJson, slay } from './death.ts';

const FAILED = /^\d+ start-failed \(cannot enter .*\/gone: no such file or directory\)\n$/;

rigTest('a directory that goes between the launch and the start: failed to start, and why', async (rig) => {
  const gone = `${rig.project}/gone`;
  fs.mkdirSync(gone);
  // it waits for its turn meanwhile
  const puppet = await rig.puppet();
  await rig.run(['-Q', 'q', '--', ...puppet.command]);
  await puppet.ready();
  const id = await rig.run(['-Q', 'q', '-C', gone, '--', 'touch', 'made']);
  fs.rmSync(gone, { recursive: true });
  await puppet.exit(0);
  const { code, stdout } = await rig.bgjob(['wait', String(id)]);
  assert.equal(code, 125);
  assert.match(stdout, FAILED);
  assert.ok(!fs.existsSync(gone));
});

rigTest('a directory that goes while the supervisor boots: failed to start, or in time', async (rig) => {
  const gone = `${rig.project}/gone`;
  fs.mkdirSync(gone);
  const call = rig.startBgjob(['run', '-C', gone, '--', 'true']);
  const owner = await until(
    () => readJson(rig.file(1, 'owner.1'))?.identity.pid as number | undefined,
    (pid) => pid !== undefined,
    'an owner',
  );
  // on a slow machine its job may be over
  const isHalted = await halt(owner!);
  fs.rmSync(gone, { recursive: true });
  if (isHalted) process.kill(owner!, 'SIGCONT');
  await call.answer;
  const { code, stdout } = await rig.bgjob(['wait', '1']);
  if (code === 0) assert.match(stdout, /^1 exited 0 /);
  else assert.match(stdout, FAILED);
  assert.ok(!fs.existsSync(gone));
});

rigTest('a directory that goes while the job runs, and is adopted, changes nothing', async (rig) => {
  const gone = `${rig.project}/gone`;
  fs.mkdirSync(gone);
  const puppet = await rig.puppet();
  const id = await rig.run(['-n', 'web', '--', ...puppet.command], { cwd: gone });
  await puppet.ready();
  await rig.untilState(id, 'running');
  fs.rmSync(gone, { recursive: true });
  const line = (words: string) => rig.bash(words);
  assert.equal((await line(`bgjob status ${id}`)).code, 75);
  await killOwner(rig, id);
  await puppet.print('still here\n');
  assert.equal((await line(`bgjob tail ${id}`)).stdout, 'still here\n');
  assert.match((await line(`bgjob show ${id}`)).stdout, /^cwd +\/.*\/gone$/m);
  // its project is the one around it, as before
  assert.equal((await line('bgjob ls -q')).stdout, `${id}\n`);
  const main = rig.shimRecord(id).main!;
  assert.match((await line(`bgjob kill ${id}`)).stdout, /^web 1 killed \(TERM, /);
  assert.equal(isRunning(main), false);
});

rigTest("the caller's directory is removed: every verb does what needs none", async (rig) => {
  const puppet = await rig.puppet();
  const id = await rig.run(['--', ...puppet.command]);
  await puppet.print('hello\n');
  await rig.untilState(id, 'running');
  const nowhere = (words: string) =>
    rig.bash(`mkdir -p gone && cd gone && rmdir ../gone && bgjob ${words}`, { cwd: rig.project });
  const answers: [words: string, code: number, stdout: RegExp][] = [
    ['ls -aq', 0, /^1\n$/],
    ['ls --unseen', 0, /^$/],
    ['status 1', 75, /^1 running/],
    ['show 1', 0, /^job +1$/m],
    ['path 1', 0, /\/jobs\/1\/out\/log\n$/],
    ['tail 1', 0, /^hello\n$/],
    ['tail 1 --grep h', 0, /hello\n$/],
    ['wait 1 --until hello', 0, /^1 ready: it printed "hello"\n$/],
    ['wait 1 --timeout 1ms', 75, /^1 running/],
    [`run -w -C ${rig.project} -- pwd 2>&1`, 0, /\/project\n$/],
    ['gc', 0, /^removed 0 jobs/],
    ['kill 1', 0, /^1 killed/],
    ['--help', 0, /Usage|bgjob/],
  ];
  for (const [words, code, stdout] of answers) {
    const answer = await nowhere(words);
    assert.equal(answer.code, code, `${words}: ${answer.stdout}${answer.stderr}`);
    assert.match(answer.stdout, stdout, words);
  }
  for (const words of ['run -- true', 'run -C . -- true', 'wait 1 --until-file x']) {
    const { code, stderr } = await nowhere(words);
    assert.equal(code, 125, words);
    assert.match(stderr, /^bgjob: cannot enter \/.*\/gone: no such file or directory\n/, words);
  }
});

rigTest('a job whose directory is gone is lost and found like any other', async (rig) => {
  const gone = `${rig.project}/gone`;
  fs.mkdirSync(gone);
  const id = await rig.run(['--', 'sleep', '1000'], { cwd: gone });
  await rig.untilState(id, 'running');
  fs.rmSync(gone, { recursive: true });
  const { shim, watcher } = await rig.shimOf(id);
  for (const pid of [watcher!, rig.ownerPid(id), shim!]) await slay(pid);
  // until it becomes its program the main process has `alive` open, and counts as one that runs
  await rig.untilState(id, 'lost');
  assert.match((await rig.bgjob(['status', String(id)])).stdout, /^1 lost .*, 1 left/);
  assert.match((await rig.bgjob(['kill', String(id)])).stdout, /killed 1 process that it left\n$/);
});
