/** Ends processes that watch over one another, so that none of them sees another one's end. */
import { isRunning, letterOf } from './processes.ts';
import { until } from './until.ts';

/** All of them stand still before the first one is killed; returns when none is left. */
export async function killTogether(pids: number[]): Promise<void> {
  for (const pid of pids) process.kill(pid, 'SIGSTOP');
  await until(
    () => pids.map(letterOf),
    (letters) => letters.every((letter) => letter === 'T'),
    `${pids.join(' ')} to stand still`,
  );
  for (const pid of pids) process.kill(pid, 'SIGKILL');
  await until(
    () => pids.filter(isRunning),
    (left) => left.length === 0,
    `the end of ${pids.join(' ')}`,
  );
}
