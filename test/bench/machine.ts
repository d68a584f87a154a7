/**
 * The limits of the machine, measured in the same run: what a process costs here, how fast they can follow, and
 * what a file costs. A queued job makes nine files. On ext4 without a journal each costs up to a hundred times
 * more where many were deleted in the last minutes; TMPDIR=/dev/shm has none of that.
 */
import { median, rounds } from './figure.ts';
import type { Stage } from './stage.ts';

/** Time and CPU of one process or file, milliseconds. `leastMs`: the best round, the truth on a busy machine. */
export interface MachineLimit {
  name: string;
  ms: number;
  leastMs: number;
  cpuMs: number;
}

const COUNT = 1000;
/** The files stay until the bench ends: deleted ones would make the next ones dearer. */
const LOOP = `n=0; while [ $n -lt ${COUNT} ]; do : >$n; n=$((n + 1)); done`;
const FILES = `cd "$(mktemp -d "$HOME/files-XXXXXX")"; ${LOOP}`;

export function measureMachine(stage: Stage): MachineLimit[] {
  const commands: [name: string, command: string[], rounds: number, count: number][] = [
    ['/bin/true', ['/bin/true'], 41, 1],
    ['sh -c true', ['/bin/sh', '-c', 'true'], 41, 1],
    ['node -e 0', stage.node, 41, 1],
    ['xargs -P2 -n1 true', ['/bin/sh', '-c', `seq ${COUNT} | xargs -P2 -n1 true`], 5, COUNT],
    ['a new file', ['/bin/sh', '-c', FILES], 5, COUNT],
  ];
  return commands.map(([name, command, full, count]) => {
    const readings = Array.from({ length: rounds(stage, full) }, () => stage.measure(command));
    const wall = readings.map((one) => one.wall / count);
    const cpu = readings.map((one) => one.cpu / count);
    return { name, ms: median(wall), leastMs: Math.min(...wall), cpuMs: median(cpu) };
  });
}
