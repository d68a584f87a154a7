/** Many at once: ids and codes stay right, and many waiters all hear of the end. */
import { rigTest } from '../rig/rig.ts';
import { rounds } from '../rig/rounds.ts';
import { killAtOnce, runMany, waitMany } from './many.ts';

rigTest('many runs at once: as many ids and right exit codes, and nobody misses the last line', (rig) =>
  runMany(rig, rounds(60, 200)),
);
rigTest('many waiters on one job: all return its code', (rig) => waitMany(rig, rounds(100, 200)));
rigTest('jobs are killed as soon as they are started', (rig) => killAtOnce(rig, rounds(8, 20)));
