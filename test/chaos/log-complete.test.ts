/** The output is what the job wrote, every line once and in order, whoever of ours is killed while it writes. */
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { rigTest } from '../rig/rig.ts';
import { rounds } from '../rig/rounds.ts';
import { until } from '../rig/until.ts';
import { inParallel, killOwner, seededChance, slay } from './death.ts';

/** Writes numbered lines, each by a write of its own, with a breath after each hundred, until the file `stop` is there; then says how many they were. */
const WRITER = `
const fs = require('node:fs');
const breath = new Int32Array(new SharedArrayBuffer(4));
let n = 0;
while (n % 100 !== 0 || !fs.existsSync(process.argv[1])) {
  fs.writeSync(n % 2 === 0 ? 1 : 2, 'line ' + n++ + '\\n');
  if (n % 100 === 0) Atomics.wait(breath, 0, 0, 5);
}
fs.writeFileSync(process.argv[1] + '.count', String(n));
`;

rigTest('no line is lost, doubled or moved while supervisors and shims are killed', async (rig) => {
  const chance = seededChance('log complete');
  await inParallel(rounds(3, 12), 3, async (n) => {
    const stop = join(rig.dir, `stop.${n}`);
    const id = await rig.run(['--', process.execPath, '-e', WRITER, stop]);
    await rig.untilState(id, 'running');
    const grown = () => fs.statSync(rig.file(id, 'out/log')).size;
    await until(grown, (size) => size > 1000, 'the first lines');
    const deaths = 1 + Math.floor(chance() * 3);
    for (let generation = 2; generation < 2 + deaths; generation++) await killOwner(rig, id, generation);
    if (n % 3 === 0) await slay(rig.shimRecord(id).shim!);
    const before = grown();
    await until(grown, (size) => size > before, 'more lines');
    fs.writeFileSync(stop, '');
    const end = (await rig.json(['wait', String(id)]))[0];
    assert.equal(end.state, n % 3 === 0 ? 'lost' : 'exited');
    const count = Number(fs.readFileSync(`${stop}.count`, 'utf8'));
    const expected = Array.from({ length: count }, (_, line) => `line ${line}\n`).join('');
    assert.ok(
      rig.log(id) === expected,
      `${count} lines were written; the log has ${rig.log(id).length} bytes`,
    );
  });
});
