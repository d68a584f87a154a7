/**
 * The checks of `doctor --self-test`. Each does one thing that differs between systems, through the built
 * program, and fails by an exception. None of them needs another one to have passed.
 */
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { version } from '../../../package.json';
import { attemptQuietly } from '../../base/result.ts';
import { HAS_PROC, isDeadState, isFifo, isLocked, readStat } from '../../engine/os/process-identity.ts';
import { readCommandLine, readTable } from '../../engine/os/process-table.ts';
import { findTool } from '../../engine/os/programs.ts';
import { readShim } from '../../engine/shim/shim-record.ts';
import type { CheckKind } from '../messages/findings.ts';
import { JOB_LIMIT, NotForHere, PROGRAM, type Stage } from './stage.ts';

export interface Check {
  name: CheckKind;
  run(stage: Stage): Promise<void>;
}

/** A job that lives until it is stopped. */
const SLEEP = ['sleep', '1000'];
/** More letters than a `ps` without -ww shows. */
const LONG = 'x'.repeat(400);
const LOG_BYTES = 8_000_000;

const isGone = (pid: number): boolean => {
  const stat = readStat(pid);
  return stat === undefined || isDeadState(stat.state);
};

/** A line of sh that waits until the test makes the file `go`, which a line like `exit 3` follows. */
const untilGo = (then: string): string => `while ! [ -e go ]; do sleep 0.1 || sleep 1; done; rm go; ${then}`;

const mainOf = (stage: Stage, id: number): Promise<number> =>
  stage.until(
    'the pid of the job',
    () => readShim(stage.home().job(id)).main?.pid ?? 0,
    (pid) => pid > 0,
  );

const supervisorOf = async (stage: Stage, id: number, not = 0): Promise<number> =>
  stage.until(
    'the pid of the supervisor',
    async () => Number((await stage.show(id)).supervisor?.pid ?? 0),
    (pid) => pid > 0 && pid !== not,
  );

async function stateOf(stage: Stage, id: number, wanted: string): Promise<void> {
  const ended = ['exited', 'killed', 'lost', 'start-failed', 'unreadable'];
  const state = await stage.until(
    `the state ${wanted}`,
    async () => (await stage.show(id)).state,
    (now) => now === wanted || ended.includes(now),
  );
  stage.expect('the state', state, wanted);
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}

const lines = (path: string): string[] =>
  existsSync(path) ? readFileSync(path, 'utf8').split('\n').filter(Boolean) : [];

const CHECK_LIST: Record<CheckKind, Check['run']> = {
  async program(stage) {
    const { code, stdout } = await stage.call(PROGRAM, ['--version'], 'bin/bgjob --version');
    stage.expect('its exit code and version', [code, stdout], [0, `${version}\n`]);
  },

  async 'exit-code'(stage) {
    stage.expect('exit 7', (await stage.runLine([], 'exit 7')).code, 7);
    stage.expect('a job that ends by KILL', (await stage.runLine([], 'kill -9 $$')).code, 137);
    stage.expect(
      '--timeout',
      (await stage.bgjob(['run', '--wait', '--timeout', '1s', '--', ...SLEEP])).code,
      124,
    );
  },

  async fifo(stage) {
    const id = await stage.start([], SLEEP);
    const { alive } = stage.home().job(id);
    stage.expect('a FIFO that is locked', [isFifo(alive), isLocked(alive)], [true, true]);
    await stateOf(stage, id, 'running');
    stage.expect('kill', (await stage.bgjob(['kill', String(id)])).code, 0);
    await stage.until(
      'unlocked after the end',
      () => isLocked(alive),
      (locked) => !locked,
    );
  },

  async session(stage) {
    const id = await stage.start([], SLEEP);
    const pid = await mainOf(stage, id);
    // ps of macOS shows no number of a session
    const read = () => [readStat(pid)?.group, HAS_PROC ? readStat(pid)?.session : pid];
    // the pid is recorded before the session is made
    await stage.until(`group and session of process ${pid}`, read, (found) =>
      found.every((one) => one === pid),
    );
  },

  async processes(stage) {
    const id = await stage.start([], ['sh', '-c', 'while :; do sleep 1000; done', LONG]);
    const pid = await mainOf(stage, id);
    const { shim } = readShim(stage.home().job(id));
    await stage.until(
      'the whole command line of the job',
      () =>
        readCommandLine(pid)
          .join(' ')
          .split(' ')
          .filter((word) => word === LONG).length,
      (count) => count === 1,
    );
    const listed = (await readTable()).find((one) => one.pid === pid);
    stage.expect('its parent in the list of processes', listed?.ppid, shim?.pid);
    stage.expect('the same start time twice', listed?.startTicks, readStat(pid)?.startTicks);
  },

  async kill(stage) {
    // where there is no /proc a process that leaves the group may escape: docs/limits.md
    const script = stage.write(
      'tree.js',
      `const { spawn } = require('node:child_process');
const { appendFileSync } = require('node:fs');
const options = { stdio: 'ignore', detached: ${HAS_PROC} };
for (const words of [['sleep', '1000'], ['sh', '-c', 'trap "" TERM HUP; while :; do sleep 1; done']])
  appendFileSync('tree', spawn(words[0], words.slice(1), options).pid + '\\n');
appendFileSync('tree', process.pid + '\\n');
setInterval(() => {}, 1000);
`,
    );
    const id = await stage.start(['--grace', '0.5s'], [process.execPath, script]);
    const path = `${stage.work}/tree`;
    const pids = await stage.until(
      'three processes',
      () => lines(path).map(Number),
      (found) => found.length === 3,
    );
    stage.expect('kill', (await stage.bgjob(['kill', String(id)])).code, 0);
    stage.expect('processes that are gone', pids.map(isGone), [true, true, true]);
    await stateOf(stage, id, 'killed');
  },

  async adoption(stage) {
    const id = await stage.start([], ['sh', '-c', untilGo('exit 3')]);
    await mainOf(stage, id);
    const first = await supervisorOf(stage, id);
    process.kill(first, 'SIGKILL');
    await supervisorOf(stage, id, first);
    stage.write('go', '');
    stage.expect('wait', (await stage.bgjob(['wait', String(id)])).code, 3);
  },

  async lost(stage) {
    const id = await stage.start([], SLEEP);
    const main = await mainOf(stage, id);
    const supervisor = await supervisorOf(stage, id);
    const { shim, watcher } = readShim(stage.home().job(id));
    // the watcher first: it would replace the supervisor
    for (const pid of [watcher!.pid, supervisor, shim!.pid, main]) process.kill(pid, 'SIGKILL');
    await stateOf(stage, id, 'lost');
    stage.expect('status', (await stage.bgjob(['status', String(id)])).code, 125);
  },

  async environment(stage) {
    const odd = { 'a.b-c': '1 2', LINES_OF: 'one\n"two" $HOME `x` \\', PS1: '> ', EMPTY: '' };
    const values = 'process.argv.slice(1).map((name) => process.env[name])';
    const script = `require('node:fs').writeFileSync('seen', JSON.stringify(${values}))`;
    const id = await stage.start([], [process.execPath, '-e', script, '--', ...Object.keys(odd)], odd);
    stage.expect('wait', (await stage.bgjob(['wait', String(id)])).code, 0);
    const seen = readFileSync(`${stage.work}/seen`, 'utf8');
    stage.expect('the values of odd variables', seen, JSON.stringify(Object.values(odd)));
  },

  async pipefail(stage) {
    if (findTool('bash') === undefined) throw new NotForHere();
    const { code } = await stage.bgjob(['run', '--wait', '--timeout', JOB_LIMIT, 'false | true']);
    stage.expect('false | true', code, 1);
  },

  async pty(stage) {
    const line = '[ -t 0 ] && [ -t 1 ] && stty size && read -r text && echo "got $text" && exit 5';
    const id = await stage.start(['--pty', '--until', '\\d+ \\d+'], ['sh', '-c', line]);
    stage.expect('send', (await stage.bgjob(['send', String(id), 'hello'])).code, 0);
    stage.expect('wait', (await stage.bgjob(['wait', String(id)])).code, 5);
    const { stdout } = await stage.bgjob(['tail', String(id), '--grep', 'got hello']);
    stage.expect('its output', stdout.includes('got hello'), true);
  },

  async stdin(stage) {
    const line = 'read -r a; read -r b && exit 9; echo "got $a"; exit 4';
    const id = await stage.start(['--stdin', 'hold'], ['sh', '-c', line]);
    stage.expect('send', (await stage.bgjob(['send', String(id), 'hello', '--eof'])).code, 0);
    stage.expect('wait', (await stage.bgjob(['wait', String(id)])).code, 4);
    stage.expect('its output', (await stage.bgjob(['tail', String(id)])).stdout, 'got hello\n');
  },

  async 'log-limit'(stage) {
    // output that is written while the log is copied may be lost: docs/limits.md
    const line = `yes 0123456789 | head -c ${LOG_BYTES}; echo; ${untilGo('echo last')}`;
    const id = await stage.start(['--max-log', '1M'], ['sh', '-c', line]);
    await stage.until(
      'bytes that were trimmed',
      async () => (await stage.show(id)).log?.trimmedBytes,
      (bytes) => bytes > LOG_BYTES / 2,
    );
    const path = stage.home().job(id).log;
    await stage.until(
      'bytes on the disk',
      () => statSync(path).blocks * 512,
      (bytes) => bytes < LOG_BYTES / 2,
    );
    stage.write('go', '');
    stage.expect('wait', (await stage.bgjob(['wait', String(id)])).code, 0);
    stage.expect('the last line', (await stage.bgjob(['tail', '-n', '1', String(id)])).stdout, 'last\n');
  },

  async until(stage) {
    const line = 'echo ready; exec sleep 1000';
    const { code } = await stage.bgjob([
      'run',
      '--timeout',
      '60s',
      '--until',
      'ready',
      '--',
      'sh',
      '-c',
      line,
    ]);
    stage.expect('the exit code', code, 0);
  },

  async follow(stage) {
    const line = 'echo one; sleep 1; echo two; exit 6';
    const { code, stdout } = await stage.bgjob(['run', '-f', '--timeout', JOB_LIMIT, '--', 'sh', '-c', line]);
    stage.expect('its exit code and output', [code, stdout], [6, 'one\ntwo\n']);
  },

  async port(stage) {
    const port = await freePort();
    const script = `require('node:http').createServer().listen(${port}, '127.0.0.1')`;
    const id = await stage.start(['--until-port', String(port)], [process.execPath, '-e', script]);
    stage.expect('its ports', (await stage.show(id)).ports, [port]);
    const again = await stage.bgjob(['run', '--until-port', String(port), '--', ...SLEEP]);
    stage.expect('a second one is refused', again.code, 125);
  },

  async queue(stage) {
    for (const n of [1, 2, 3])
      await stage.start(['-Q', 'three'], ['sh', '-c', `echo begin ${n} >>order; echo end ${n} >>order`]);
    stage.expect('wait', (await stage.bgjob(['wait', '--queue', 'three'])).code, 0);
    const wanted = [1, 2, 3].flatMap((n) => [`begin ${n}`, `end ${n}`]);
    stage.expect('one after the other', lines(`${stage.work}/order`), wanted);
  },

  async retry(stage) {
    const line = 'echo >>tries; [ "$(wc -l <tries)" -ge 2 ]';
    const id = await stage.start(['--retry', '2', '--backoff', '0.1s'], ['sh', '-c', line]);
    stage.expect('wait', (await stage.bgjob(['wait', String(id)])).code, 0);
    stage.expect('attempts', (await stage.show(id)).attempts, 2);
  },

  async schedule(stage) {
    // if the self-test is killed, its schedules go, and with them the scheduler
    const ours = ['zone', 'each'].map((name) => `"$0" "$1" cron rm ${name}`).join('; ');
    const line = `echo >>fired; kill -0 ${process.pid} || { ${ours}; }`;
    const each = ['cron', 'add', '-n', 'each', '--timeout', JOB_LIMIT, '* * * * * *'];
    const command = ['sh', '-c', line, process.execPath, PROGRAM];
    stage.expect('cron add', (await stage.bgjob([...each, '--', ...command])).code, 0);
    const zone = ['cron', 'add', '--json', '-n', 'zone', '--tz', 'Asia/Tokyo', '0 9 * * *', '--', 'true'];
    const { code, stdout } = await stage.bgjob(zone);
    const next = attemptQuietly(() => JSON.parse(stdout).next) ?? '';
    stage.expect('9:00 in Tokyo', [code, next.slice(next.indexOf('T'))], [0, 'T00:00:00.000Z']);
    await stage.until('a job of the schedule', () => existsSync(`${stage.work}/fired`), Boolean);
    stage.expect('cron rm', (await stage.bgjob(['cron', 'rm', 'zone', 'each'])).code, 0);
  },

  async trigger(stage) {
    const added = await stage.bgjob([
      'trigger',
      'add',
      'post',
      '--',
      'sh',
      '-c',
      'cat "$BGJOB_PAYLOAD" >body',
    ]);
    stage.expect('trigger add', added.code, 0);
    const [url = '', secret = ''] = added.stdout.split('\n');
    // the listener may still be starting
    const status = await stage.until(
      'an answer of the listener',
      () =>
        fetch(url, { method: 'POST', body: 'posted', headers: { Authorization: `Bearer ${secret}` } }).then(
          (answer) => answer.status,
          (error) => String(error.cause?.code ?? error),
        ),
      (answer) => typeof answer === 'number',
    );
    stage.expect('the answer to a delivery', status, 202);
    await stage.until(
      'the body of the delivery',
      () => lines(`${stage.work}/body`),
      (found) => found[0] === 'posted',
    );
    stage.expect('trigger rm', (await stage.bgjob(['trigger', 'rm', 'post'])).code, 0);
  },

  async lock(stage) {
    const calls = [1, 2, 3, 4].map(() =>
      stage.bgjob(['run', '-n', 'one', '--timeout', JOB_LIMIT, '--', ...SLEEP]),
    );
    const codes = (await Promise.all(calls)).map(({ code }) => code);
    stage.expect('of four jobs with one name', codes.sort(), [0, 125, 125, 125]);
  },

  async records(stage) {
    const id = await stage.start([], ['true']);
    stage.expect('wait', (await stage.bgjob(['wait', String(id)])).code, 0);
    const { state } = stage.home().job(id);
    const text = readFileSync(state, 'utf8');
    writeFileSync(state, text.replace('"code":0', '"code":1'));
    stage.expect('a record with another number', (await stage.show(id)).state, 'unreadable');
    writeFileSync(state, text);
    // gc keeps the newest job
    await stage.runLine([], 'true');
    stage.expect('gc', (await stage.bgjob(['gc', '--ended'])).code, 0);
    stage.expect('status after gc', (await stage.bgjob(['status', String(id)])).code, 125);
  },
};

export const CHECKS = Object.entries(CHECK_LIST).map(([name, run]) => ({ name, run }) as Check);
