/** `run` beside what others use to put a command into the background; shown, without a target. */
import { spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { type Measurement, measurePairs, median, rounds } from './figure.ts';
import type { Stage } from './stage.ts';

interface Peer {
  name: string;
  /** Its program, a name on the PATH or a path. */
  program: string;
  start: string[];
  /** Where its state goes, so that it touches nothing of the user's. */
  env(dir: string): Record<string, string>;
  /** Ends its daemon. */
  stop: string[] | null;
  pairs: number;
}

const PEERS: Peer[] = [
  {
    name: 'tsp',
    program: 'tsp',
    start: ['true'],
    env: (dir) => ({ TMPDIR: dir, TS_SOCKET: join(dir, 'socket') }),
    stop: ['-K'],
    pairs: 15,
  },
  { name: 'nq', program: 'nq', start: ['true'], env: (dir) => ({ NQDIR: dir }), stop: null, pairs: 15 },
  {
    name: 'pm2 start',
    program: process.env['BGJOB_BENCH_PM2'] ?? 'pm2',
    start: ['start', '/bin/sleep', '--interpreter', 'none', '--no-autorestart', '-f', '-s', '--', '0'],
    env: (dir) => ({ PM2_HOME: dir }),
    stop: ['kill', '-s'],
    pairs: 7,
  },
];

export const isThere = (program: string, path: string): boolean =>
  (program.includes('/') ? [program] : path.split(':').map((dir) => join(dir, program))).some((file) =>
    fs.existsSync(file),
  );

function beside({ name, program, start, env, stop, pairs }: Peer): Measurement {
  return {
    name: `run beside ${name}`,
    isExtra: true,
    async measure(stage: Stage) {
      const figure = { name: `run beside ${name}`, unit: 'ms', target: null } as const;
      if (!isThere(program, stage.env['PATH']!))
        return [{ ...figure, ours: null, reference: null, remark: 'not installed' }];
      const dir = join(stage.dir, name.replace(' ', '-'));
      fs.mkdirSync(dir);
      const own = env(dir);
      try {
        const { ours, reference } = await measurePairs(
          rounds(stage, pairs),
          async () => {
            const run = stage.start('--', 'true');
            await stage.settle(run.id);
            return run.wall;
          },
          () => stage.measure([program, ...start], own).wall,
        );
        return [{ ...figure, ours: median(ours), reference: median(reference) }];
      } finally {
        if (stop) spawnSync(program, stop, { env: { ...stage.env, ...own }, stdio: 'ignore' });
      }
    },
  };
}

export const BESIDE: Measurement[] = PEERS.map(beside);
