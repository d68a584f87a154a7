/** What it costs to stop many jobs in one call, beside one job. */
import { type Measurement, median, rounds } from './figure.ts';
import type { Stage } from './stage.ts';

const MANY = 500;

/** Starts so many jobs, four at a time. */
function startMany(stage: Stage, count: number): string[] {
  const one = stage.bgjob('run', '--', 'sleep', '100000').join(' ');
  const { stdout } = stage.measure(['/bin/sh', '-c', `seq ${count} | xargs -P4 -I@ ${one}`]);
  return stdout.trim().split('\n');
}

export const killing: Measurement = {
  name: `kill of ${MANY} jobs`,
  async measure(stage) {
    const count = stage.quick ? MANY / 10 : MANY;
    const single = Array.from({ length: rounds(stage, 11) }, () => {
      const { id } = stage.start('--', 'sleep', '100000');
      return stage.measure(stage.bgjob('kill', String(id)));
    });
    const all = stage.measure(stage.bgjob('kill', ...startMany(stage, count)));
    const reference = median(single.map(({ wall }) => wall));
    const cpu = all.cpu / median(single.map((one) => one.cpu));
    return [
      {
        name: `kill of ${count} jobs, beside kill of one`,
        ours: all.wall,
        reference,
        unit: 'ms',
        target: stage.quick ? null : 60,
        remark: `CPU of the call × ${cpu.toFixed(1)}`,
      },
    ];
  },
};
