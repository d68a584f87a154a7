/** Many at once: ids and codes stay right, and many waiters all hear of the end. */
import { rigTest } from '../rig/rig.ts';
import { killAtOnce, runMany, waitMany } from './many.ts';

rigTest('200 runs at once: 200 ids, 200 right exit codes, and nobody misses the last line', (rig) =>
  runMany(rig, 200),
);
rigTest('200 waiters on one job: all return its code', (rig) => waitMany(rig, 200));
rigTest('40 jobs are killed as soon as they are started', (rig) => killAtOnce(rig, 20));
