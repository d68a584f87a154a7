/** `--memory`: a job that uses more is killed, by name; one below the limit goes on. */
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { killOwner, readJson } from '../../chaos/death.ts';
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
  assert.match((await rig.bgjob(['ls', '--state', 'memory'])).stdout, /^1 +- +killed \(--memory 150M\) /m);
  assert.match((await rig.bgjob(['show', `${id}`])).stdout, /^limits .*--memory 150M/m);
});

rigTest(
  'a job below its limit is left alone; a limit that no process reaches alone counts the sum',
  async (rig) => {
    const puppet = await rig.puppet();
    const below = await rig.run(['--memory', '2G', '--', ...puppet.command]);
    await rig.untilState(below, 'running');
    const line = `for n in 1 2 3; do '${NODE}' -e '${eat(60)}' & done; wait`;
    const id = await rig.run(['--memory', '150M', line]);
    const [job] = await rig.json(['wait', `${id}`]);
    assert.deepEqual([job.state, job.code], ['memory', 137]);
    // it began before, so it was compared as often
    assert.equal((await rig.show(below)).state, 'running');
    await puppet.exit(0);
    assert.equal((await rig.bgjob(['wait', `${below}`])).code, 0);
  },
);

rigTest('a job that used too much has failed: --retry runs it again', async (rig) => {
  const line = `[ -e second ] && exit 0; touch second; exec '${NODE}' -e '${eat(300)}'`;
  const { code } = await rig.bgjob([
    'run',
    '-w',
    '--retry',
    '1',
    '--backoff',
    '10ms',
    '--memory',
    '150M',
    line,
  ]);
  assert.equal(code, 0);
  const { attempt, attempts } = readJson(rig.file(1, 'state.json'));
  assert.deepEqual(
    [attempt, attempts.map(({ outcome }: { outcome: object }) => outcome)],
    [2, [{ kind: 'killed', code: 137, signal: 'SIGKILL' }]],
  );
});

rigTest(
  'a schedule with a limit: an older version refuses the home, and starts nothing without it',
  async (rig) => {
    const format = () => Number(fs.readFileSync(`${rig.home}/format`, 'utf8'));
    const add = (name: string, ...options: string[]) =>
      rig.bgjob(['cron', 'add', '-n', name, ...options, '0 3 * * *', '--', 'true']);
    await add('plain');
    assert.ok(format() < 3);
    assert.equal((await add('limited', '--memory', '2G')).code, 0);
    assert.equal(format(), 3);
    await rig.bgjob(['cron', 'rm', 'plain', 'limited']);
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
    ['1', '1 byte is not enough'],
    ['1000', '1000 bytes is not enough'],
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
