/** What a job on another machine costs: a real sshd on loopback stands for that machine. */
import { type ChildProcess, spawn } from 'node:child_process';
import * as fs from 'node:fs';
import { join } from 'node:path';
import {
  computedMs,
  isRunning,
  memoryKb,
  processesNaming,
  residentKb,
  switchesOf,
} from '../rig/processes.ts';
import { missingSshd, SshRig } from '../rig/sshd.ts';
import { until } from '../rig/until.ts';
import { type Figure, type Measurement, measurePairs, median, rounds } from './figure.ts';
import { parseClock } from './meter.ts';
import type { Stage } from './stage.ts';

interface Box {
  stage: Stage;
  rig: SshRig;
  /** The home there. */
  home: string;
  /** The words that reach it with ssh. */
  ssh: string[];
}

/** A figure that needs the other machine; where there can be none, one line says why. */
function onBox(name: string, isExtra: boolean, measure: (box: Box) => Promise<Figure[]>): Measurement {
  return {
    name,
    isExtra,
    async measure(stage) {
      const why = missingSshd();
      if (why) return [{ name, ours: null, reference: null, unit: 'ms', target: null, remark: why }];
      const rig = new SshRig();
      try {
        const user = rig.user('/bin/sh');
        const port = await rig.sshd();
        const options = ['-F', rig.config, '-p', String(port), '-o', 'HostKeyAlias=box'];
        const host = `${user}@127.0.0.1`;
        fs.mkdirSync(stage.home, { mode: 0o700 });
        const targets = { box: { engine: 'ssh', host, ssh: options } };
        fs.writeFileSync(join(stage.home, 'config.json'), JSON.stringify({ targets }));
        // the stopwatch runs there, too
        fs.chmodSync(stage.dir, 0o755);
        return await measure({ stage, rig, home: rig.home(user), ssh: [...options, host] });
      } finally {
        // the jobs there work in another directory than their home
        for (const { pid, command } of [...processesNaming(stage.home), ...processesNaming(rig.dir)])
          if (isRunning(pid) && !command.startsWith('sshd')) process.kill(pid, 'SIGKILL');
        await rig.clear();
      }
    },
  };
}

const there = ['--on', 'box', '--cwd', '/'];

const launching = onBox('ssh: run --wait -- true', false, async ({ stage, rig, ssh }) => {
  const socket = join(rig.dir, 'master');
  const master = spawn('ssh', ['-M', '-N', '-S', socket, ...ssh], { env: stage.env, stdio: 'ignore' });
  try {
    await until(
      () => fs.existsSync(socket),
      (isThere) => isThere,
      'the master of ssh',
    );
    const { ours, reference } = await measurePairs(
      rounds(stage, 21),
      () => ({
        remote: stage.measure(stage.bgjob('run', ...there, '--wait', '--', 'true')).wall,
        local: stage.measure(stage.bgjob('run', '--wait', '--', 'true')).wall,
      }),
      () => stage.measure(['ssh', '-S', socket, ...ssh, 'true']).wall,
    );
    const of = (name: 'remote' | 'local') => median(ours.map((one) => one[name]));
    return [
      {
        name: 'run --on ssh --wait -- true, minus the same here',
        ours: median(ours.map(({ remote, local }) => remote - local)),
        reference: median(reference),
        unit: 'ms',
        target: 15,
        remark: `${of('remote').toFixed(0)} − ${of('local').toFixed(0)} ms; ssh over a master`,
      },
    ];
  } finally {
    master.kill();
  }
});

const MANY = 200;

/** Starts so many jobs that sleep, a few at a time, and waits until all of them run. */
async function startMany({ stage, home }: Box, count: number): Promise<void> {
  // the first starts the service
  stage.measure(stage.bgjob('run', ...there, '--wait', '--', 'true'));
  const one = stage.bgjob('run', ...there, '--', 'sleep', '100000').join(' ');
  stage.measure(['/bin/sh', '-c', `seq ${count} | xargs -P4 -I@ ${one}`]);
  await until(
    () => sleepersIn(home),
    (pids) => pids.length === count,
    `${count} jobs to run there`,
  );
}

const sleepersIn = (home: string): number[] =>
  processesNaming(home).flatMap(({ pid, command }) => (command === 'sleep 100000' ? [pid] : []));

const crowd = onBox('ssh: 200 jobs', false, async (box) => {
  const { stage, home } = box;
  const count = stage.quick ? MANY / 10 : MANY;
  await startMany(box, count);
  // the far side has its home in the environment, this one its own
  const here = processesNaming(stage.home).map(({ pid }) => pid);
  const sum = (values: number[]) => values.reduce((all, value) => all + value, 0);
  const rss = sum(here.map(residentKb)) / 1000;
  const memory: Figure = {
    name: `${count} jobs there: memory here`,
    ours: sum(here.map(memoryKb)) / 1000,
    reference: null,
    unit: 'MB',
    target: 100,
    remark: `PSS of ${here.length} processes; RSS ${rss.toFixed(0)} MB`,
  };
  const jobs = new Set(sleepersIn(home));
  const ofJobs = () =>
    processesNaming(join(home, '.bgjob-far')).flatMap(({ pid }) => (jobs.has(pid) ? [] : [pid]));
  const pids = ofJobs();
  const total = (of: (pid: number) => number) => sum(pids.map(of));
  const [computed, switches, at] = [total(computedMs), total(switchesOf), performance.now()];
  await new Promise((resolve) => setTimeout(resolve, stage.quick ? 15_000 : 60_000));
  const perMinute = (value: number) => (value * 60_000) / (performance.now() - at) / count;
  const [cpu, woken] = [perMinute(total(computedMs) - computed), perMinute(total(switchesOf) - switches)];
  return [
    memory,
    {
      name: 'an idle job there: processes of ours',
      ours: pids.length / count,
      reference: null,
      unit: 'processes',
      target: null,
      remark: `with those of the connections, over ${count} jobs`,
    },
    {
      name: 'an idle job there: CPU of a minute',
      ours: cpu,
      reference: null,
      unit: 'ms',
      target: null,
      remark: `${woken.toFixed(0)} wake-ups`,
    },
  ];
});

const lag = onBox('ssh: lag of a line', false, async ({ stage }) => {
  const lines = rounds(stage, 41) * 5;
  // naps that do not fit those of the stream
  const clock = stage.meter.clock.map((word) => `'${word}'`).join(' ');
  const script = `while :; do ${clock}; sleep 0.73; done`;
  const { id } = stage.start(...there, '--', 'sh', '-c', script);
  const [program, ...args] = stage.bgjob('tail', '-f', String(id));
  const tail: ChildProcess = spawn(program!, args, {
    env: stage.env,
    cwd: stage.dir,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const lags: number[] = [];
  let rest = '';
  await new Promise<void>((resolve) => {
    tail.on('exit', () => resolve());
    tail.stdout!.on('data', (bytes: Buffer) => {
      const now = Number(process.hrtime.bigint()) / 1e6;
      const all = (rest + bytes.toString()).split('\n');
      rest = all.pop()!;
      for (const line of all) lags.push(now - parseClock(line));
      // the first may be older than the stream
      if (lags.length > lines) resolve();
    });
  });
  tail.kill('SIGKILL');
  stage.measure(stage.bgjob('kill', '--now', String(id)));
  const sorted = lags.slice(1).sort((a, b) => a - b);
  return [
    {
      name: 'a line there → tail -f has it',
      ours: median(sorted),
      reference: null,
      unit: 'ms',
      target: 300,
      remark: `of ${sorted.length}, ${sorted[0]?.toFixed(0)} to ${sorted.at(-1)?.toFixed(0)} ms`,
    },
  ];
});

export const REMOTE: Measurement[] = [launching, crowd, lag];
