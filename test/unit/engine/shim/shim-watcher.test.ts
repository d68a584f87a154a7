/**
 * The watcher: sleeps while the supervisor lives, and starts its adopter when it dies. A script plays the
 * adopter.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import { isLocked } from '../../../../src/engine/os/process-identity.ts';
import { openFiles, parentOf } from '../../../rig/processes.ts';
import { type Stage, shellTest } from '../../../rig/shells.ts';
import { until } from '../../../rig/until.ts';

/** Tells everything about itself in a file, then waits for the shim's nudge and tells of that too. */
const ADOPTER = `
const fs = require('node:fs');
const report = __filename + '.report';
process.on('SIGURG', () => { fs.appendFileSync(report, 'nudged\\n'); process.exit(0); });
const fds = Object.fromEntries(fs.readdirSync('/proc/self/fd').flatMap((fd) => {
  try { return [[fd, fs.readlinkSync('/proc/self/fd/' + fd)]]; } catch { return []; }
}));
const environment = fs.readFileSync('/proc/self/environ', 'latin1').split('\\0').slice(0, -1);
fs.writeFileSync(report, JSON.stringify({ pid: process.pid, argv: process.argv.slice(1), environment, cwd: process.cwd(), fds }) + '\\n');
setInterval(() => {}, 1000);
`;

function script(stage: Stage): { path: string; report(): string[] } {
  const path = `${stage.dir}/it's an adopter.js`;
  fs.writeFileSync(path, ADOPTER);
  const lines = () => fs.readFileSync(`${path}.report`, 'utf8').split('\n').slice(0, -1);
  return { path, report: () => (fs.existsSync(`${path}.report`) ? lines() : []) };
}

shellTest('an adopter takes the place of a dead supervisor, and is nudged at the end', async (stage) => {
  const { path, report } = script(stage);
  spawnSync('mkfifo', [`${stage.dir}/go`]);
  const environment = { HOME: '/root', PATH: "/usr/bin:/it's $here", LANG: 'C.UTF-8' };
  const shim = stage.start(
    ['/bin/sh', '-c', 'read -r go <"$1"; exit 3', 'sh', `${stage.dir}/go`],
    [
      'BGJOB_ID=42',
      'BGJOB_TOKEN=secret',
      'NODE_OPTIONS=--require /nonexistent',
      'a.b=c',
      'LD_PRELOAD=/nonexistent.so',
    ],
    { adopter: { node: process.execPath, supervisor: path, home: "/ho me's", id: 42, environment } },
  );
  const { watcher } = await until(
    () => shim.record,
    ({ main }) => main !== undefined,
    'the job to run',
  );
  // none of these ends a watcher: it is there when it is needed
  for (const signal of ['SIGHUP', 'SIGINT', 'SIGQUIT', 'SIGTERM'] as const)
    process.kill(watcher!.pid, signal);
  shim.abandon();
  const [line] = await until(report, (lines) => lines.length > 0, 'the adopter to run');
  const told = JSON.parse(line!);
  assert.deepEqual(told.argv, [path, "/ho me's", '42', '--adopt']);
  assert.deepEqual(
    told.environment,
    Object.entries(environment).map(([name, value]) => `${name}=${value}`),
  );
  assert.equal(told.cwd, '/');
  assert.equal(parentOf(told.pid), watcher!.pid);
  assert.match(told.fds[3], /^socket:/);
  assert.equal(told.fds[4], shim.job.alive);
  assert.equal(Object.values(told.fds).includes(shim.job.log), false, 'the log is not held open');
  assert.equal(shim.recorded(), undefined);
  fs.writeFileSync(`${stage.dir}/go`, '\n');
  assert.equal(await shim.code(), 3);
  assert.equal(report()[1], 'nudged');
  assert.equal(isLocked(shim.job.alive), false);
});

shellTest('an adopter that a signal ends is replaced, one that ends by itself is not', async (stage) => {
  const { path, report } = script(stage);
  spawnSync('mkfifo', [`${stage.dir}/go`]);
  const shim = stage.start(['/bin/sh', '-c', 'read -r go <"$1"; exit 5', 'sh', `${stage.dir}/go`], [], {
    adopter: { node: process.execPath, supervisor: path },
  });
  await until(
    () => shim.record,
    ({ main }) => main !== undefined,
    'the job to run',
  );
  shim.abandon();
  const killed = new Set<number>();
  for (;;) {
    const pid = await until(
      () => Number(JSON.parse(report()[0] ?? '{}').pid ?? 0),
      (found) => found > 1 && !killed.has(found),
      'the next adopter',
    );
    if (killed.size === 3) break;
    killed.add(pid);
    process.kill(pid, 'SIGKILL');
  }
  fs.writeFileSync(`${stage.dir}/go`, '\n');
  // the nudge ends it
  assert.equal(await shim.code(), 5);
});

shellTest('a supervisor that dies after the job ended is replaced too', async (stage) => {
  const { path, report } = script(stage);
  const adopter = { node: process.execPath, supervisor: path };
  const shim = stage.start(['/bin/sh', '-c', 'exit 4'], [], { adopter });
  shim.socket.removeAllListeners('data');
  await until(
    () => shim.recorded(),
    (code) => code === 4,
    'the code to be recorded',
  );
  // its last step: until then its nudge may still come, which would end the adopter
  await until(
    () => openFiles(shim.child.pid!).includes(shim.job.alive),
    (holds) => !holds,
    'a shim that does not hold alive any more',
  );
  // the nudge came while nobody was there to be nudged: the adopter reads exit.N
  shim.abandon();
  const lines = await until(report, (found) => found.length > 0, 'the adopter to run');
  assert.equal(openFiles(JSON.parse(lines[0]!).pid).includes(shim.job.alive), true, 'the adopter does');
  process.kill(JSON.parse(lines[0]!).pid, 'SIGURG');
  assert.equal(await shim.code(), 4);
});

shellTest('no time limit of the shell makes the watcher believe that the supervisor died', async (stage) => {
  const adopter = `${stage.dir}/adopter`;
  fs.writeFileSync(adopter, '#!/bin/sh\n: >"$0.called"\n', { mode: 0o755 });
  // bash gives up a read after TMOUT seconds; the job takes longer, because it is a Node
  const job = [process.execPath, '-e', 'process.exit(6)'];
  const shim = stage.start(job, ['TMOUT=0.001'], { adopter: { node: adopter } });
  assert.equal(await shim.code(), 6);
  assert.equal(fs.existsSync(`${adopter}.called`), false);
});

shellTest('a watcher that is killed costs neither the job nor its code', async (stage) => {
  spawnSync('mkfifo', [`${stage.dir}/go`]);
  const shim = stage.start(['/bin/sh', '-c', 'read -r go <"$1"; exit 9', 'sh', `${stage.dir}/go`]);
  const { watcher } = await until(
    () => shim.record,
    ({ main }) => main !== undefined,
    'the job to run',
  );
  process.kill(watcher!.pid, 'SIGKILL');
  fs.writeFileSync(`${stage.dir}/go`, '\n');
  assert.equal(await shim.code(), 9);
});
