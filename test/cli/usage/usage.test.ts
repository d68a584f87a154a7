/** What a job cost: told by the shim at its end, by samples where it was killed, and never of a lost one. */
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { amend, killOwner, readJson, slay } from '../../chaos/death.ts';
import { BURN, BURNT_MS } from '../../rig/burn.ts';
import { type Rig, rigTest } from '../../rig/rig.ts';
import { until } from '../../rig/until.ts';

const NODE = process.execPath;

/**
 * A job whose child computes, says so, and stays. No process waits for the child: a shell that does ends by itself
 * if the child is killed first.
 */
const FAMILY = `'${NODE}' -e '${BURN} console.log("burnt"); setInterval(() => {}, 1e6)' & exec sleep 1000000`;
const untilBurnt = (rig: Rig, id: number) =>
  until(
    () => rig.log(id),
    (text) => text.includes('burnt'),
    'that it has computed',
  );

rigTest('a job that ends by itself: the CPU time is that of the shim', async (rig) => {
  const ended = await rig.bgjob(['run', '-w', '--', 'sh', '-c', `'${NODE}' -e '${BURN}'; exit 3`]);
  assert.equal(ended.code, 3);
  assert.match(
    (await rig.bgjob(['wait', '1'])).stdout,
    /^1 exited 3 after [\d.hms]+, [\d.hms]+ CPU(, peak ≥ \d+M)?$/m,
  );
  const job = await rig.show(1);
  assert.equal(job.usageFrom, 'shim');
  assert.ok(job.cpuMs >= BURNT_MS && job.cpuMs < 60_000, `${job.cpuMs}`);
  assert.equal(job.memoryBytes, null);
  const { stdout } = await rig.bgjob(['show', '1']);
  assert.match(stdout, /^used {7}[\d.]+s CPU(, peak ≥ \d+M)?$/m);
});

rigTest('a job that did next to nothing: show tells it, wait needs no word for it', async (rig) => {
  await rig.runOut(['--', 'true']);
  assert.match((await rig.bgjob(['wait', '1'])).stdout, /^1 exited 0 after [\d.hms]+$/m);
  assert.match((await rig.bgjob(['show', '1'])).stdout, /^used {7}0(\.\d+)?s CPU(, peak ≥ \S+)?$/m);
});

for (const [signal, options] of [
  ['TERM', []],
  ['KILL', ['--now']],
] as const)
  rigTest(`killed by ${signal}: the CPU time of children for which none waited counts`, async (rig) => {
    const id = await rig.run([FAMILY]);
    await untilBurnt(rig, id);
    await rig.bgjob(['kill', ...options, `${id}`]);
    const job = await rig.show(id);
    assert.equal(job.state, 'killed');
    assert.ok(job.cpuMs >= BURNT_MS, `${job.cpuMs}`);
    assert.ok(job.peakMemoryBytes > 10_000_000, `${job.peakMemoryBytes}`);
    assert.match(
      (await rig.bgjob(['wait', `${id}`])).stdout,
      new RegExp(`^${id} killed SIG${signal} after \\S+, (≥ )?[\\d.hms]+ CPU, peak ≥ \\d+M$`, 'm'),
    );
  });

rigTest('stopped by --timeout: the same', async (rig) => {
  const id = await rig.run(['--timeout', '4s', FAMILY]);
  const [{ code, ...job }] = await rig.json(['wait', `${id}`]);
  assert.equal(code, 124);
  // on a slow machine the time may be over before
  const { stop } = readJson(rig.file(id, 'state.json')).status;
  const { size, mtimeMs } = fs.statSync(rig.file(id, 'out/log'));
  if (size > 0 && mtimeMs < stop.at) assert.ok(job.cpuMs >= BURNT_MS, `${job.cpuMs}`);
  assert.notEqual(job.usageFrom, null);
});

rigTest('a process that left its parent is not counted, and harms nothing', async (rig) => {
  const line = `setsid -f '${NODE}' -e '${BURN} require("node:fs").writeFileSync("burnt", "")'; until [ -e burnt ]; do sleep 0.1; done; exit 6`;
  const { code } = await rig.bgjob(['run', '-w', line]);
  assert.equal(code, 6);
  const job = await rig.show(1);
  assert.equal(job.usageFrom, 'shim');
  assert.ok(job.cpuMs < BURNT_MS * 10, `${job.cpuMs}`);
});

rigTest('--pty: the CPU time of the job in its terminal', async (rig) => {
  const { code } = await rig.bgjob([
    'run',
    '-w',
    '--pty',
    '--',
    'sh',
    '-c',
    `'${NODE}' -e '${BURN}'; exit 4`,
  ]);
  assert.equal(code, 4);
  const job = await rig.show(1);
  assert.ok(job.cpuMs >= BURNT_MS, `${job.cpuMs}`);
  assert.equal(job.usageFrom, 'shim');
});

rigTest('an adopted job: the adopter reads what the shim recorded, and samples too', async (rig) => {
  const puppet = await rig.puppet();
  const id = await rig.run(['--', 'sh', '-c', `'${NODE}' -e '${BURN}'; "$@"`, 'sh', ...puppet.command]);
  await puppet.ready();
  await rig.untilState(id, 'running');
  await killOwner(rig, id);
  const live = await rig.show(id);
  assert.ok(live.cpuMs >= BURNT_MS, `${live.cpuMs}`);
  await puppet.exit(9);
  const [job] = await rig.json(['wait', `${id}`]);
  assert.equal(job.exitCode, 9);
  assert.equal(job.usageFrom, 'shim');
  assert.ok(job.cpuMs >= BURNT_MS, `${job.cpuMs}`);
  assert.equal(readJson(rig.file(id, 'state.json')).generation, 2);
});

rigTest(
  'no owner is left: a reader finds what the shim recorded; nothing is known of a lost job',
  async (rig) => {
    const puppet = await rig.puppet();
    const id = await rig.run(['--', 'sh', '-c', `'${NODE}' -e '${BURN}'; "$@"`, 'sh', ...puppet.command]);
    await puppet.ready();
    await rig.untilState(id, 'running');
    await slay(rig.shimRecord(id).watcher!);
    await slay(rig.ownerPid(id));
    await puppet.exit(21);
    await until(
      () => fs.readFileSync(rig.file(id, 'usage.1'), 'utf8').trim(),
      (text) => text !== '',
      'the CPU time from the shim',
    );
    const [job] = await rig.json(['wait', `${id}`]);
    assert.equal(job.exitCode, 21);
    assert.deepEqual([job.usageFrom, job.peakMemoryBytes], ['shim', null]);
    assert.ok(job.cpuMs >= BURNT_MS, `${job.cpuMs}`);

    const lost = await rig.run([FAMILY]);
    await untilBurnt(rig, lost);
    await rig.untilState(lost, 'running');
    await slay(rig.shimRecord(lost).shim!);
    await rig.bgjob(['kill', '--now', `${lost}`]);
    const { state, cpuMs, peakMemoryBytes, usageFrom } = await rig.show(lost);
    assert.deepEqual([state, cpuMs, peakMemoryBytes, usageFrom], ['lost', null, null, null]);
  },
);

rigTest(
  'a damaged usage.N, one that was removed, and another file in its place: only the figure is gone',
  async (rig) => {
    const file = (id: number) => `'${rig.file(id, 'usage.1')}'`;
    const harms: ((id: number) => string)[] = [
      (id) => `seq 300 >${file(id)}`,
      (id) => `rm ${file(id)}`,
      (id) => `rm ${file(id)}; mkfifo ${file(id)}`,
      (id) => `rm ${file(id)}; mkdir ${file(id)}`,
      (id) => `rm ${file(id)}; ln -s /dev/zero ${file(id)}`,
    ];
    for (const [n, harm] of harms.entries()) {
      const line = `[ -e ${file(n + 1)} ] && { ${harm(n + 1)}; } && exit 8`;
      const { code, stderr } = await rig.bgjob(['run', '-w', '--', 'sh', '-c', line]);
      assert.equal(code, 8, `${n} ${stderr}`);
      const { exitCode, usageFrom } = await rig.show(n + 1);
      assert.equal(exitCode, 8);
      assert.notEqual(usageFrom, 'shim', `${n}`);
    }
  },
);

rigTest('each attempt of a queued job has a file of its own, and the last one counts', async (rig) => {
  const line = `if [ -e second ]; then exit 0; fi; touch second; '${NODE}' -e '${BURN}'; exit 1`;
  await rig.bgjob(['run', '-w', '-Q', 'q', '--retry', '1', '--backoff', '10ms', line]);
  const job = await rig.show(1);
  assert.deepEqual([job.attempts, job.usageFrom], [2, 'shim']);
  assert.ok(job.cpuMs < BURNT_MS, `${job.cpuMs}`);
  assert.ok(fs.existsSync(rig.file(1, 'usage.1')) && fs.existsSync(rig.file(1, 'usage.2')));
});

rigTest('a live job: show, ls --usage and their JSON tell what it uses now', async (rig) => {
  const id = await rig.run([FAMILY]);
  await untilBurnt(rig, id);
  await rig.untilState(id, 'running');
  const job = await rig.show(id);
  assert.equal(job.usageFrom, 'samples');
  assert.ok(job.cpuMs >= BURNT_MS, `${job.cpuMs}`);
  assert.ok(job.memoryBytes > 2_000_000 && job.peakMemoryBytes >= job.memoryBytes);
  assert.match(
    (await rig.bgjob(['show', `${id}`])).stdout,
    /^used {7}[\d.]+s CPU, [\d.]+M memory, peak ≥ \d+M$/m,
  );
  const { stdout } = await rig.bgjob(['ls', '--usage']);
  assert.match(stdout, /^ID +NAME +STATE +AGE +TOOK +IDLE +CPU +MEMORY +COMMAND$/m);
  assert.match(stdout, /^1 +- +running +\S+ +\S+ +\S+ +[\d.]+s +[\d.]+M +/m);
  const [[asked], [unasked]] = [await rig.json(['ls', '--usage']), await rig.json(['ls'])];
  assert.ok(asked.memoryBytes > 2_000_000);
  assert.deepEqual(
    [unasked.memoryBytes, unasked.cpuMs],
    [null, null],
    'ls looks at no process without --usage',
  );
  await rig.bgjob(['kill', '--now', `${id}`]);
  assert.match(
    (await rig.bgjob(['ls', '--usage'])).stdout,
    /^1 +- +killed SIGKILL +\S+ +\S+ +\S+ +[\d.]+s +≥\d+M +/m,
  );
});

rigTest(
  '137 without a stop of bgjob: how full the memory of the machine was is said, and no more',
  async (rig) => {
    const id = await rig.runOut(['--', 'sh', '-c', 'kill -9 $$']);
    const percent = (await rig.show(id)).machineMemoryPercent;
    assert.ok(Number.isInteger(percent) && percent > 0 && percent <= 100, `${percent}`);
    const other = await rig.runOut(['--', 'sh', '-c', 'exit 3']);
    assert.equal((await rig.show(other)).machineMemoryPercent, null);
    for (const [inUse, says] of [
      [
        97,
        "exited 137 (SIGKILL by somebody, or the program chose 137; 97 % of the machine's memory was in use)",
      ],
      [42, 'exited 137 (SIGKILL, or the program chose 137)'],
    ] as const) {
      amend(rig.file(id, 'state.json'), (state) => {
        state.usage.machinePercent = inUse;
      });
      const { code, stdout } = await rig.bgjob(['status', `${id}`]);
      assert.equal(code, 137);
      assert.ok(stdout.startsWith(`${id} ${says}`), stdout);
    }
  },
);

rigTest('a batch, whose jobs share a shim: each job has its own CPU time', async (rig) => {
  const burn = `${NODE} -e '${BURN}'`;
  const { code, stderr } = await rig.bgjob(['run', '-Q', 'b', '--batch', '-'], {
    input: `${burn}\ntrue\n${burn}\n`,
  });
  assert.equal(code, 0, stderr);
  await rig.bgjob(['wait', '1', '2', '3']);
  const [one, two, three] = [await rig.show(1), await rig.show(2), await rig.show(3)];
  for (const { cpuMs, usageFrom } of [one, three]) {
    assert.equal(usageFrom, 'shim');
    assert.ok(cpuMs >= BURNT_MS && cpuMs < 2 * BURNT_MS, `${cpuMs}`);
  }
  assert.ok(two.cpuMs < BURNT_MS, `${two.cpuMs}`);
});
