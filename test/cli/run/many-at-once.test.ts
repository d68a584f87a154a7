/** Many at once: ids and codes stay right, and many waiters all hear of the end. 200 of each in test/chaos. */
import { runMany, waitMany } from '../../chaos/many.ts';
import { rigTest } from '../../rig/rig.ts';

rigTest('16 runs at once: 16 ids, 16 right exit codes, and nobody misses the last line', (rig) =>
  runMany(rig, 16),
);
rigTest('16 waiters on one job: all return its code', (rig) => waitMany(rig, 16));
