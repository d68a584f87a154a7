/** Torn reads: jobs that start and end while every record is read as plainly as can be. A record is whole, or not there. */
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { withRig } from '../rig/rig.ts';
import { pass } from './death.ts';
import type { Row } from './part.ts';

/** How many launchers are kept busy. */
const LANES = 2;

/** Reads at least `reads` records while at least `most` jobs come and go. */
export async function churn(reads: number, most: number): Promise<Row[]> {
  let done = 0;
  let jobs = 0;
  await withRig(async (rig) => {
    await rig.run(['--', 'true']);
    const isShort = () => done < reads || jobs < most;
    const launch = async () => {
      while (isShort()) {
        const { code, stderr } = await rig.bgjob(['run', '-n', `churn${jobs++}`, '-w', '--', 'true']);
        assert.equal(code, 0, stderr);
      }
    };
    const read = async () => {
      while (isShort()) {
        done += readAll(`${rig.home}/jobs`);
        // the launchers' answers have to be heard between; and they are slower than who has read enough
        await pass(done < reads ? 0 : 5);
      }
    };
    await Promise.all([read(), ...Array.from({ length: LANES }, launch)]);
  });
  return [
    { what: 'jobs that came and went beside the readers', figure: String(jobs) },
    { what: 'reads of their records, none torn', figure: String(done) },
  ];
}

/** Reads every record of the newest jobs; how many there were. */
function readAll(jobs: string): number {
  let read = 0;
  const newest = fs
    .readdirSync(jobs)
    .sort((a, b) => Number(b) - Number(a))
    .slice(0, 4);
  for (const id of newest) {
    for (const name of fs.readdirSync(`${jobs}/${id}`)) {
      if (!/^(spec|state)\.json$|^owner\.\d+$|^stop\.\w+$/.test(name)) continue;
      const text = fs.readFileSync(`${jobs}/${id}/${name}`, 'utf8');
      try {
        JSON.parse(text);
      } catch {
        assert.fail(`${id}/${name} is torn: ${JSON.stringify(text)}`);
      }
      read++;
    }
  }
  return read;
}
