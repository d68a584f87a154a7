/** What it costs to start a job, to see it end, and to have it run. */
import * as fs from 'node:fs';
import { until } from '../rig/until.ts';
import { type Figure, type Measurement, measurePairs, median, rounds } from './figure.ts';
import { parseClock } from './meter.ts';
import type { Stage } from './stage.ts';

const launching: Measurement = {
  name: 'run -- true',
  async measure(stage) {
    const { ours, reference } = await measurePairs(
      rounds(stage, 41),
      async () => {
        const run = stage.start('--', 'true');
        await stage.settle(run.id);
        return run;
      },
      () => stage.measure(stage.node),
    );
    return (['cpu', 'wall'] as const).map((of) => ({
      name: `run -- true, ${of}`,
      ours: median(ours.map((one) => one[of])),
      reference: median(reference.map((one) => one[of])),
      unit: 'ms',
      target: 1.7,
    }));
  },
};

const firstInstruction: Measurement = {
  name: 'first instruction',
  isExtra: true,
  async measure(stage) {
    const { ours, reference } = await measurePairs(
      rounds(stage, 31),
      async () => {
        const { id, start } = stage.start('--', ...stage.meter.clock);
        await stage.settle(id);
        return parseClock(fs.readFileSync(stage.path(id, 'out/log'), 'utf8')) - start;
      },
      () => stage.measure(stage.node).wall + stage.measure(stage.node).wall,
    );
    return [
      {
        name: "run → the job's first instruction",
        ours: median(ours),
        reference: median(reference),
        unit: 'ms',
        target: 1.5,
        remark: 'two node -e 0',
      },
    ];
  },
};

/** Long enough for `wait` to have fallen asleep on a busy machine. */
const ASLEEP_MS = 400;

const waking: Measurement = {
  name: 'end to wait',
  isExtra: true,
  async measure(stage) {
    const latencies: number[] = [];
    for (let round = 0; round <= rounds(stage, 21); round++) {
      const { id } = stage.start('--', ...stage.meter.sleeper(ASLEEP_MS));
      const { end } = stage.measure(stage.bgjob('wait', String(id)));
      const ended = parseClock(fs.readFileSync(stage.path(id, 'out/log'), 'utf8'));
      if (round > 0) latencies.push(end - ended);
      await stage.settle(id);
    }
    return [
      { name: 'end → wait has returned', ours: median(latencies), reference: null, unit: 'ms', target: 20 },
    ];
  },
};

const RUNNING = 20;

/** Bytes that exist because of this process: its own written pages, and its share of what it has in common with others. */
function memoryOf(pid: number): number {
  const rollup = fs.readFileSync(`/proc/${pid}/smaps_rollup`, 'latin1');
  const kilobytes = (name: string) => Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(rollup)![1]);
  // clean and private: file pages that only it has mapped, dropped whenever the memory is wanted
  return (kilobytes('Pss') - kilobytes('Private_Clean')) * 1024;
}

async function measureMemory(stage: Stage): Promise<Figure[]> {
  const ids = Array.from({ length: RUNNING }, () => stage.start('--', 'sleep', '1000').id);
  // the state is published after the start: the supervisor has done all it does at first
  for (const id of ids) {
    const published = () => fs.existsSync(stage.path(id, 'state.json'));
    await until(published, (there) => there, `job ${id} runs`);
  }
  const shims = ids.map((id) => fs.readFileSync(stage.path(id, 'shim'), 'utf8').split('\n').slice(0, 3));
  const pids = ids.flatMap((id, n) => [
    stage.owner(id),
    ...shims[n]!.map((line) => Number.parseInt(line, 10)),
  ]);
  const bytes = pids.map(memoryOf).reduce((sum, one) => sum + one, 0);
  stage.measure(stage.bgjob('kill', '--now', ...ids.map(String)));
  for (const id of ids) await stage.settle(id);
  return [
    {
      name: 'one more running job',
      ours: bytes / RUNNING / 1e6,
      reference: null,
      unit: 'MB',
      target: 10,
      remark: `of ${RUNNING}`,
    },
  ];
}

export const LAUNCHING: Measurement[] = [
  launching,
  firstInstruction,
  waking,
  { name: 'memory: one more running job', isExtra: true, measure: measureMemory },
];
