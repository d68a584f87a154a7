/** What a job on Slurm costs beside Slurm alone: a real one of one node on this machine. */
import * as fs from 'node:fs';
import { join } from 'node:path';
import { SlurmEngine } from '../../src/engine/targets/slurm-engine.ts';
import { LocalTransport } from '../../src/engine/targets/transport.ts';
import { missingSlurm, SlurmRig } from '../rig/slurm.ts';
import { type Figure, type Measurement, measurePairs, median, rounds } from './figure.ts';
import type { Stage } from './stage.ts';

interface Cluster {
  stage: Stage;
  rig: SlurmRig;
  /** Runs a command where Slurm is. */
  wall(command: string[]): number;
}

function onSlurm(name: string, measure: (cluster: Cluster) => Promise<Figure[]>): Measurement {
  return {
    name,
    isExtra: false,
    async measure(stage) {
      const why = missingSlurm();
      if (why) return [{ name, ours: null, reference: null, unit: 'ms', target: null, remark: why }];
      const rig = new SlurmRig([], 2);
      try {
        await rig.start();
        fs.mkdirSync(stage.home, { mode: 0o700 });
        const dir = join(stage.dir, 'far');
        const targets = { slurm: { engine: 'slurm', setup: rig.setup, dir, cwd: '/' } };
        fs.writeFileSync(join(stage.home, 'config.json'), JSON.stringify({ targets }));
        const env = { SLURM_CONF: rig.config };
        return await measure({ stage, rig, wall: (command) => stage.measure(command, env).wall });
      } finally {
        await rig.clear();
      }
    },
  };
}

const plain = ['sbatch', '--wait', '-Q', '-o', '/dev/null'];

const one = onSlurm('slurm: run --wait -- true', async ({ stage, wall }) => {
  const { ours, reference } = await measurePairs(
    rounds(stage, 7),
    () => wall(stage.bgjob('run', '--on', 'slurm', '--wait', '--', 'true')),
    () => wall([...plain, '--wrap', 'true']),
  );
  return [
    {
      name: 'run --on slurm --wait -- true, beside sbatch --wait',
      ours: median(ours),
      reference: median(reference),
      unit: 'ms',
      target: 1.5,
    },
  ];
});

const LINES = 60;
const array = onSlurm('slurm: 60 lines of --batch', async ({ stage, wall }) => {
  const count = stage.quick ? 6 : LINES;
  const lines = join(stage.dir, 'lines');
  fs.writeFileSync(lines, 'true\n'.repeat(count));
  const { ours, reference } = await measurePairs(
    stage.quick ? 1 : 3,
    () => wall(stage.bgjob('run', '--batch', lines, '--on', 'slurm', '--wait')),
    () => wall([...plain, `--array=0-${count - 1}`, '--wrap', 'true']),
  );
  return [
    {
      name: `${count} lines by --batch --on slurm, beside an array`,
      ours: median(ours),
      reference: median(reference),
      unit: 'ms',
      target: 1.5,
    },
  ];
});

const HELD = 1000;
const looking = onSlurm('slurm: a look at 1,000 held tasks', async ({ stage, rig, wall }) => {
  const count = stage.quick ? 50 : HELD;
  const engine = new SlurmEngine(new LocalTransport({ ...process.env, ...rig.env }), {
    ...{ client: 'bench', folder: join(stage.dir, 'far'), partition: null, options: ['--hold'], setup: null },
  });
  try {
    const jobs = Array.from({ length: count }, (_, n) => ({
      ...{ uid: `bench-${n + 1}-1`, argv: ['true'], cwd: '/', env: [], umask: 0o077, timeoutMs: null },
      ...{ graceMs: 5000, maxLogBytes: null, onMaxLog: 'kill' as const, split: false, stdin: null },
      signal: 'TERM',
    }));
    await engine.connect();
    const sent = await engine.submitAll(jobs);
    const ids = sent.map((answer, n) => ({
      uid: jobs[n]!.uid,
      nativeId: 'nativeId' in answer ? answer.nativeId : '',
    }));
    const { ours, reference } = await measurePairs(
      rounds(stage, 11),
      async () => {
        const begun = performance.now();
        await engine.look(ids);
        return performance.now() - begun;
      },
      () => wall(['squeue', '-h', '-r']),
    );
    return [
      {
        name: `a look at ${count} held tasks, beside squeue -r`,
        ours: median(ours),
        reference: median(reference),
        unit: 'ms',
        target: 2,
      },
    ];
  } finally {
    engine.close();
  }
});

export const SLURM: Measurement[] = [one, array, looking];
