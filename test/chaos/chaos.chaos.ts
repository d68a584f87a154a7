/**
 * `npm run chaos`: every part in full, and the table of what was done. It fails (1) with the first assertion
 * that does not
 * hold, and says with which seed.
 *
 *     npm run chaos [-- [--seed N] [--short] [--cell TEXT] [NAME…]]
 *
 * NAME: part of the name of what is to be run. TEXT: a part of `SETTING: ROLE CALL`; of a crash matrix only the
 * cells with it are run, without the kills at random instants (`--cell 'a schedule fires: scheduler fsync jobs/N'`).
 */
import { parseArgs } from 'node:util';
import { mutants } from './catching.ts';
import { seededChance } from './death.ts';
import { deliveries } from './deliveries.ts';
import { disk } from './disk.ts';
import { homes } from './homes.ts';
import { killMany } from './kill-many.ts';
import { kinds } from './kinds.ts';
import { load } from './load.ts';
import { batchMatrix, cronMatrix, matrix, queueMatrix, triggerMatrix } from './matrix.ts';
import { movedHomes } from './moved-homes.ts';
import { ownFiles } from './own-files.ts';
import type { Part, Row } from './part.ts';
import { powerCut } from './powercut.ts';
import { records } from './records.ts';
import { manyRounds } from './rounds.ts';
import { serviceHomes } from './service-homes.ts';
import { traps } from './traps.ts';
import { twoVersions } from './two-versions.ts';

const PARTS: Part[] = [
  matrix,
  queueMatrix,
  batchMatrix,
  cronMatrix,
  triggerMatrix,
  records,
  kinds,
  killMany,
  homes,
  serviceHomes,
  movedHomes,
  ownFiles,
  twoVersions,
  disk,
  powerCut,
  load,
  deliveries,
  traps,
  manyRounds,
  mutants,
];

function print(rows: Row[]): void {
  const width = Math.max(...rows.map(({ what }) => what.length));
  for (const { what, figure } of rows) console.log(`  ${what.padEnd(width)}  ${figure}`);
}

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      seed: { type: 'string' },
      cell: { type: 'string' },
      short: { type: 'boolean', default: false },
    },
  });
  // one seed for all parts, and for every test rig below them
  process.env['BGJOB_TEST_SEED'] = values.seed ?? String(Math.floor(Math.random() * 2 ** 31));
  for (const { name, skip, run } of PARTS) {
    if (positionals.length > 0 && !positionals.some((part) => name.includes(part))) continue;
    const why = skip?.() ?? false;
    if (why !== false) {
      console.log(`${name}: skipped, ${why}`);
      continue;
    }
    const begun = performance.now();
    const rows = await run({ whole: !values.short, chance: seededChance(name), cell: values.cell });
    print([...rows, { what: 'took', figure: `${((performance.now() - begun) / 1000).toFixed(0)} s` }]);
  }
}

main().catch((thrown: unknown) => {
  console.error(thrown);
  process.exitCode = 1;
});
