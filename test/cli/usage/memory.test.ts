/** `--memory`: a job that uses more is killed, by name; one below the limit goes on. */
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { killOwner, readJson } from '../../chaos/death.ts';
import { BURN } from '../../rig/burn.ts';
import { rigTest } from '../../rig/rig.ts';

const NODE = process.execPath;
/** A program that fills so many megabytes and stays. */
const eat = (megabytes: number) =>
  `const kept = Buffer.alloc(${megabytes} * 2 ** 20, 1); console.log("full"); setInterval(() => kept, 1e6)`;

rigTest('a child that uses too much: the job is killed, and every command says why', async (rig) => {
  const id = await rig.run(['--memory', '150M', `'${NODE}' -e '${eat(300)}' & wait`]);
  const waited = await rig.bgjob(['wait', `${id}`]);
  assert.equal(waited.code, 137);
  assert.match(
    waited.stdout,
    new RegExp(`^${id} killed SIGKILL \\(--memory 150M: used \\d+ MB\\) after \\S+, .*peak ≥ \\d+M$`, 'm'),
  );
  assert.match(waited.stderr, /^\[job\] exit code 137$/m);
  const job = await rig.show(id);
  assert.deepEqual([job.state, job.exitCode, job.signal], ['memory', 137, 'SIGKILL']);
  assert.match(job.reason, /^--memory 150M: used \d+ MB$/);
  assert.ok(job.peakMemoryBytes > 150 * 2 ** 20);
  const { status } = readJson(rig.file(id, 'state.json'));
  assert.deepEqual([status.outcome.kind, status.stop.cause], ['killed', 'memory']);
  assert.match((await rig.bgjob(['ls', '--state', 'memory'])).stdout, /^1 .*killed SIGKILL \(--memory/m);
  assert.match((await rig.bgjob(['show', `${id}`])).stdout, /^limits .*--memory 150M/m);
});

rigTest(
  'a job below its limit is left alone; a limit that no process reaches alone counts the sum',
  async (rig) => {
    const below = await rig.bgjob(['run', '-w', '--memory', '2G', '--', NODE, '-e', BURN]);
    assert.equal(below.code, 0);
    const line = `for n in 1 2 3; do '${NODE}' -e '${eat(60)}' & done; wait`;
    const id = await rig.run(['--memory', '150M', line]);
    const [job] = await rig.json(['wait', `${id}`]);
    assert.deepEqual([job.state, job.code], ['memory', 137]);
  },
);

rigTest('--on-exit hears it by name, and an adopter keeps the limit', async (rig) => {
  const hook = `echo "$BGJOB_OUTCOME $BGJOB_EXIT_CODE" >'${rig.dir}/heard'`;
  const puppet = await rig.puppet();
  const line = `"$@"; exec '${NODE}' -e '${eat(300)}'`;
  const id = await rig.run([
    '--memory',
    '150M',
    '--on-exit',
    hook,
    '--',
    'sh',
    '-c',
    line,
    'sh',
    ...puppet.command,
  ]);
  await puppet.ready();
  await rig.untilState(id, 'running');
  await killOwner(rig, id);
  await puppet.exit(0);
  const [job] = await rig.json(['wait', `${id}`]);
  assert.deepEqual([job.state, job.code], ['memory', 137]);
  assert.equal(readJson(rig.file(id, 'state.json')).generation, 2);
  await rig.untilShown(
    id,
    ({ onExit }) => onExit.state,
    (state) => state === 'exited',
    'the end of --on-exit',
  );
  assert.equal(fs.readFileSync(`${rig.dir}/heard`, 'utf8'), 'memory 137\n');
});

rigTest(
  'a waiting job needs a starter that knows the limit; config.json and cron have it too',
  async (rig) => {
    await rig.bgjob(['queue', 'set', 'q', '--slots', '1']);
    await rig.bgjob(['queue', 'pause', 'q']);
    const id = await rig.run(['-Q', 'q', '--memory', '1G', '--', 'true']);
    assert.deepEqual(readJson(rig.file(id, 'spec.json')).needs, ['memory']);
    await rig.bgjob(['kill', `${id}`]);
    fs.writeFileSync(`${rig.home}/config.json`, '{ "memory": "3G" }');
    const plain = await rig.runOut(['--', 'true']);
    assert.equal(readJson(rig.file(plain, 'spec.json')).memory, 3 * 2 ** 30);
    const added = await rig.bgjob([
      'cron',
      'add',
      '-n',
      'night',
      '--memory',
      '2G',
      '0 3 * * *',
      '--',
      'true',
    ]);
    assert.equal(added.code, 0, added.stderr);
    const { draft, needs } = readJson(`${rig.home}/schedules/night/record.json`);
    assert.deepEqual([draft.memory, needs], [2 * 2 ** 30, ['memory']]);
    await rig.bgjob(['cron', 'rm', 'night']);
  },
);

rigTest('a limit that makes no sense is refused before anything starts', async (rig) => {
  for (const [size, says] of [
    ['0', '0 would stop the job at once'],
    ['1000', '1000 bytes are too few'],
  ]) {
    const { code, stderr } = await rig.bgjob(['run', '--memory', size!, '--', 'true']);
    assert.equal(code, 125);
    assert.match(stderr, new RegExp(`--memory: ${says}`));
  }
  const { code, stderr } = await rig.bgjob([
    'run',
    '--on',
    'ssh:nobody@nowhere',
    '--memory',
    '1G',
    '--',
    'true',
  ]);
  assert.equal(code, 125);
  assert.match(stderr, /--memory does not work on/);
});
