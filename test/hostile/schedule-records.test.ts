/** Records of schedules with a right checksum and a wrong field. */
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { withChecksum } from '../../src/base/checksum.ts';
import { rigTest } from '../rig/rig.ts';

/** Values that the types of a record may allow, and no program writes. */
const ODD: unknown[] = [
  ...[null, true, -1, 8.64e15, '', '../../x', '\0\ud800\n\x1b[31m', '9'.repeat(5000), [], ['=', 'PWD'], {}],
  ...[{ at: 99, summary: 's' }, { columns: 0, rows: 0 }, 'Etc/Unknown', '0 0 31 2 *', '@every 100y'],
];

rigTest('no record of a schedule makes a reader crash, whatever stands in one of its fields', async (rig) => {
  await rig.bgjob(['cron', 'add', '0 3 29 2 *', '-n', 'base', '--', 'true']);
  const dir = join(rig.home, 'schedules');
  const { sum: _, ...base } = JSON.parse(fs.readFileSync(join(dir, 'base/record.json'), 'utf8'));
  const names: string[] = [];
  const put = (change: (record: typeof base) => void) => {
    const name = `f${names.length}`;
    names.push(name);
    const record = structuredClone({ ...base, name });
    change(record);
    fs.mkdirSync(join(dir, name), { mode: 0o700 });
    fs.writeFileSync(join(dir, name, 'record.json'), withChecksum(record), { mode: 0o600 });
  };
  for (const value of ODD) {
    for (const key of Object.keys(base)) put((record) => (record[key] = value));
    for (const key of Object.keys(base.draft)) put((record) => (record.draft[key] = value));
  }
  const table = await rig.bgjob(['cron', 'ls']);
  assert.equal(table.code, 0, table.stderr);
  const rows = await rig.json(['cron', 'ls']);
  assert.equal(rows.length, names.length + 1);
  const unknown = rows.filter(({ timezone }) => timezone === 'Etc/Unknown');
  assert.deepEqual(
    unknown.map(({ next, unreadable }) => [next, unreadable]),
    [[null, 'it starts nothing: there is no time zone "Etc/Unknown"']],
  );
  const readable = rows.filter(({ command }) => command !== null).map(({ name }) => name as string);
  const each = await rig.bgjob(['cron', 'ls', ...readable]);
  assert.equal(each.code, 0, each.stderr);
  // each one is on the disk before the next: all at once may take longer than one call may
  for (const [verb, ...all] of [
    ['pause', ...readable],
    ['rm', 'base', ...names],
  ])
    while (all.length > 0) assert.equal((await rig.bgjob(['cron', verb!, ...all.splice(0, 100)])).code, 0);
  await rig.untilState(1, 'exited');
});
