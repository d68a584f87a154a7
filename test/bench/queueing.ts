/**
 * Queues: a thousand jobs beside task-spooler and nq, ten thousand added at once, and what they cost while
 * they wait.
 */
import * as fs from 'node:fs';
import { join } from 'node:path';
import { processesNaming } from '../rig/processes.ts';
import { until } from '../rig/until.ts';
import { type Figure, type Measurement, measurePairs, median, rounds } from './figure.ts';
import { isThere } from './peers.ts';
import type { Stage } from './stage.ts';

const SHELL = '/bin/sh';
const MANY = 10_000;

/** A file of so many lines. */
function lines(stage: Stage, count: number, line: string): string {
  const path = join(place(stage, 'lines'), 'lines');
  fs.writeFileSync(path, `${line}\n`.repeat(count));
  return path;
}

/** A new directory: what one round leaves behind is not read by the next. */
const place = (stage: Stage, name: string): string => fs.mkdtempSync(join(stage.dir, `${name}-`));

const COMPOUND = 2000;
/** Lines whose syntax only bash can judge, beside such as an expression knows. */
const checking: Measurement = {
  name: 'syntax of many lines',
  isExtra: true,
  async measure(stage) {
    const [loops, words] = ['for i in 1; do true; done', 'true'].map((line) => lines(stage, COMPOUND, line));
    const add = (file: string) =>
      stage.measure(stage.bgjob('run', '-Q', 'bench', '--batch', file), busyHome(stage)).wall;
    const { ours, reference } = await measurePairs(
      rounds(stage, 7),
      () => add(loops!),
      () => add(words!),
    );
    const name = `add ${COMPOUND} loops by --batch, beside ${COMPOUND} × true`;
    return [{ name, ours: median(ours), reference: median(reference), unit: 'ms', target: 1.6 }];
  },
};

/** A peer with a queue. */
interface Rival {
  program: string;
  /** Adds so many jobs, waits until the last has ended, and leaves no daemon. */
  script: (count: number, slots: number, command: string) => string;
  env: (dir: string) => Record<string, string>;
}
const loop = (count: number, command: string) =>
  `n=0; while [ $n -lt ${count} ]; do ${command} >/dev/null; n=$((n+1)); done`;
const TSP: Rival = {
  program: 'tsp',
  // the last that was added is not always the last to end; -K ends the daemon when all have
  script: (count, slots, command) =>
    `tsp -S ${slots}; ${loop(count, `tsp ${command}`)}; tsp -w
    while tsp | grep -qE 'queued|running'; do :; done; tsp -K`,
  env: (dir) => ({ TMPDIR: dir, TS_SOCKET: join(dir, 'socket'), TS_MAXFINISHED: '1000000' }),
};
const NQ: Rival = {
  program: 'nq',
  script: (count, _slots, command) => `${loop(count, `nq ${command}`)}; nq -w`,
  env: (dir) => ({ NQDIR: dir }),
};

/** Adds the jobs of a file by one call, and waits for them all by a second one. */
function scriptOf(stage: Stage, file: string, slots: number): string {
  const calls = [
    stage.bgjob('run', '-Q', 'bench', '--slots', String(slots), '--batch', file),
    stage.bgjob('wait', '--queue', 'bench'),
  ];
  return calls.map((words) => words.join(' ')).join(' >/dev/null && ');
}

const thousand = (
  { program, script, env }: Rival,
  slots: number,
  command: string,
  target: number,
): Measurement => ({
  name: `batch of ${command} in ${slots} slots beside ${program}`,
  async measure(stage) {
    const count = stage.quick ? 100 : 1000;
    const name = `${count} × ${command} in ${slots} slots, beside ${program}`;
    if (!isThere(program, stage.env['PATH']!))
      return [{ name, ours: null, reference: null, unit: 'ms', target: null, remark: 'not installed' }];
    const file = lines(stage, count, command);
    // the CPU of supervisors, shims and daemons counts too
    const run = (line: string, own: Record<string, string>) =>
      stage.measure([SHELL, '-c', line], { ...own, METER_ALL: '1' });
    const { ours, reference } = await measurePairs(
      rounds(stage, 5),
      () => run(scriptOf(stage, file, slots), { BGJOB_HOME: join(place(stage, 'home'), 'home') }),
      () => run(script(count, slots, command), env(place(stage, program))),
    );
    const wall = [ours, reference].map((all) => median(all.map((one) => one.wall)));
    const cpu = [ours, reference].map((all) => median(all.map((one) => one.cpu)));
    const remark = `CPU ${(cpu[0]! / count).toFixed(1)} ms a job, × ${(cpu[0]! / cpu[1]!).toFixed(2)}`;
    return [{ name, ours: wall[0]!, reference: wall[1]!, unit: 'ms', target, remark }];
  },
});

const BATCHES: Measurement[] = [
  thousand(TSP, 2, 'true', 1.5),
  thousand(NQ, 2, 'true', 1),
  thousand(TSP, 8, "sh -c 'sleep 0.05'", 1.1),
];

/** A home whose queue `bench` has one slot, which a job takes that does not end. */
function busyHome(stage: Stage): Record<string, string> {
  const env = { BGJOB_HOME: join(place(stage, 'busy'), 'home') };
  const words = ['run', '-Q', 'bench', '--until', 'begun', '--', SHELL, '-c', 'echo begun; exec sleep 1000'];
  stage.measure(stage.bgjob(...words), env);
  return env;
}

const adding: Measurement = {
  name: 'add to a queue',
  isExtra: true,
  async measure(stage) {
    const [few, many] = [lines(stage, MANY / 10, 'true'), lines(stage, MANY, 'true')];
    const add = (file: string) =>
      stage.measure(stage.bgjob('run', '-Q', 'bench', '--batch', file), busyHome(stage)).wall;
    const { ours, reference } = await measurePairs(
      rounds(stage, 5),
      () => add(many),
      () => add(few),
    );
    const [all, tenth] = [median(ours), median(reference)];
    const figure = { unit: 'ms', reference: null } as const;
    return [
      { ...figure, name: `add ${MANY} by --batch`, ours: all, target: 2500 },
      {
        name: `${MANY} by --batch, beside ten times ${MANY / 10}`,
        ours: all,
        reference: tenth * 10,
        unit: 'ms',
        target: 1.2,
      },
    ];
  },
};

const handingOn: Measurement = {
  name: 'end to start',
  async measure(stage) {
    const shell = () =>
      Array.from({ length: rounds(stage, 21) }, () => stage.measure([SHELL, '-c', 'true']).wall);
    const shells = shell();
    const times = join(stage.dir, 'times');
    const file = lines(
      stage,
      MANY,
      `echo s $EPOCHREALTIME >>${times}; sleep 0.02; echo e $EPOCHREALTIME >>${times}`,
    );
    const env = { BGJOB_HOME: join(place(stage, 'home'), 'home') };
    stage.measure(stage.bgjob('run', '-Q', 'bench', '--batch', file), env);
    const wanted = stage.quick ? 40 : 400;
    const read = () => (fs.existsSync(times) ? fs.readFileSync(times, 'utf8').trim().split('\n') : []);
    await until(read, (all) => all.length > wanted, 'jobs of the queue', 120_000);
    stage.measure(stage.bgjob('queue', 'pause', 'bench'), env);
    const seen = read()
      .slice(20, wanted)
      .map((text) => text.split(' '));
    const gaps = seen.flatMap(([kind, at], n) => {
      const before = seen[n - 1];
      return kind === 's' && before?.[0] === 'e' ? (Number(at) - Number(before[1])) * 1000 : [];
    });
    const name = `end of one job to the start of the next, ${MANY} wait`;
    shells.push(...shell());
    const remark = `from bash to bash, median of ${gaps.length}; one sh -c true`;
    return [{ name, ours: median(gaps), reference: median(shells), unit: 'ms', target: 6, remark }];
  },
};

const looking: Measurement = {
  name: `ls with ${MANY} queued`,
  async measure(stage) {
    const env = busyHome(stage);
    const count = () => processesNaming(env['BGJOB_HOME']!).length;
    const before = count();
    stage.measure(stage.bgjob('run', '-Q', 'bench', '--batch', lines(stage, MANY, 'true')), env);
    const { ours, reference } = await measurePairs(
      rounds(stage, 31),
      () => stage.measure(stage.bgjob('ls'), env).wall,
      () => stage.measure(stage.node).wall,
    );
    const figures: Figure[] = [
      {
        name: `ls, ${MANY} queued`,
        ours: median(ours),
        reference: median(reference),
        unit: 'ms',
        target: 1.7,
      },
      {
        name: `processes of ${MANY} queued jobs`,
        ours: count() - before,
        reference: null,
        unit: 'processes',
        target: 0,
      },
    ];
    return figures;
  },
};

export const QUEUEING: Measurement[] = [...BATCHES, handingOn, looking, adding, checking];
