/** BGJOB_SLOT: the number of a job's slot, which no other running job of its queue has. */
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { type Rig, rigTest } from '../../rig/rig.ts';
import { until } from '../../rig/until.ts';

/** A job that prints its number, and ends when a file of its own is there; the file says how. */
const SAY =
  'echo "slot $(printenv BGJOB_SLOT)"; until [ -s "go.$BGJOB_ID" ]; do sleep 0.02; done; exit $(cat "go.$BGJOB_ID")';

const add = (rig: Rig, words: string[] = []): Promise<number> => rig.run(['-Q', 'gpu', ...words, SAY]);

const go = (rig: Rig, id: number, code = 0): void =>
  fs.writeFileSync(join(rig.project, `go.${id}`), `${code}\n`);

/** What it printed, once it has. */
const said = (rig: Rig, id: number): Promise<string[]> =>
  until(
    // a job that waits has no log yet
    () => (fs.existsSync(rig.file(id, 'out/log')) ? (rig.log(id).match(/^slot .*$/gm) ?? []) : []),
    (lines) => lines.length > 0,
    `the slot of ${id}`,
  );

const slots = (rig: Rig, count: number) => rig.bgjob(['queue', 'set', 'gpu', '--slots', String(count)]);

async function end(rig: Rig, ...ids: number[]): Promise<void> {
  for (const id of ids) go(rig, id);
  await rig.bgjob(['wait', ...ids.map(String)]);
}

rigTest('a job gets the lowest slot number that no running job has; show and JSON name it', async (rig) => {
  await slots(rig, 3);
  for (const _ of [1, 2, 3, 4]) await add(rig);
  for (const id of [1, 2, 3]) assert.deepEqual(await said(rig, id), [`slot ${id}`]);
  await rig.untilState(2, 'running');
  assert.match((await rig.bgjob(['show', '2'])).stdout, /^queue +gpu\nslot +2$/m);
  assert.equal((await rig.json(['show', '4']))[0].slot, null, 'it waits');
  await end(rig, 2);
  assert.deepEqual(await said(rig, 4), ['slot 2']);
  await end(rig, 1, 3, 4);
  assert.deepEqual(
    (await rig.json(['ls', '-a'])).map(({ id, slot }: any) => [id, slot]).sort(),
    [
      [1, 1],
      [2, 2],
      [3, 3],
      [4, 2],
    ],
    'an ended job says which one it had',
  );
});

rigTest('a job outside of a queue has no slot number, also if its caller has one', async (rig) => {
  // each job is started by a job in slot 1
  const none = '\'echo "slot $(printenv BGJOB_SLOT)."\'';
  const inner = `bgjob run -n plain ${none}; bgjob run -n later --delay 0s ${none}`;
  const outer = await rig.run(['-Q', 'gpu', '--on-exit', 'echo "slot $(printenv BGJOB_SLOT)." >exit', inner]);
  assert.equal((await rig.bgjob(['wait', String(outer)])).code, 0);
  for (const name of ['plain', 'later']) {
    const [job] = await rig.json(['show', name]);
    assert.deepEqual(await said(rig, job.id), ['slot .'], name);
    assert.equal(job.slot, null);
  }
  const onExit = join(rig.project, 'exit');
  await until(
    () => fs.existsSync(onExit) && fs.readFileSync(onExit, 'utf8'),
    (text) => text === 'slot .\n',
    'the slot is free by then',
  );
  // a number from elsewhere would be false
  const given = await rig.bgjob(['run', '-Q', 'gpu', '-e', 'BGJOB_SLOT=7', SAY], {
    env: { BGJOB_SLOT: '9' },
  });
  const id = Number(given.stdout);
  assert.deepEqual(await said(rig, id), ['slot 1']);
  await end(rig, id);
});

rigTest('fewer slots: a running job keeps its number; the next one gets one that exists', async (rig) => {
  await slots(rig, 3);
  for (const _ of [1, 2, 3]) await add(rig);
  for (const id of [1, 2, 3]) await said(rig, id);
  await slots(rig, 2);
  const next = await add(rig);
  await end(rig, 2, 1);
  assert.deepEqual(await said(rig, next), ['slot 1'], '3 runs on, in slot 3');
  await slots(rig, 4);
  const more = [await add(rig), await add(rig)];
  const found = [...(await said(rig, more[0]!)), ...(await said(rig, more[1]!))];
  assert.deepEqual(found.sort(), ['slot 2', 'slot 4']);
  await end(rig, 3, next, ...more);
});

rigTest('an adopter keeps the number; a retry may get another one', async (rig) => {
  await slots(rig, 2);
  await add(rig);
  const id = await add(rig, ['--retry', '1', '--backoff', '0']);
  assert.deepEqual(await said(rig, id), ['slot 2']);
  await rig.untilState(id, 'running');
  process.kill(rig.ownerPid(id), 'SIGKILL');
  const adopted = await until(
    () => JSON.parse(fs.readFileSync(rig.file(id, 'state.json'), 'utf8')),
    ({ generation }) => generation === 2,
    'the state that an adopter has written',
  );
  assert.equal(adopted.slot, 2, 'the number is still known');
  const third = await add(rig);
  await end(rig, 1);
  assert.deepEqual(await said(rig, third), ['slot 1'], 'not that of the adopted job');
  await end(rig, third);
  go(rig, id, 3);
  const [first, second] = await until(
    () => rig.log(id).match(/^slot .*$/gm) ?? [],
    (lines) => lines.length === 2,
    'two attempts',
  );
  assert.deepEqual([first, second], ['slot 2', 'slot 1']);
  await rig.bgjob(['wait', String(id)]);
  assert.equal((await rig.json(['show', String(id)]))[0].slot, 1);
});

rigTest('the lines of a batch, a terminal, stdin: all of them have a number', async (rig) => {
  await slots(rig, 2);
  const line = 'mkdir "lock.$BGJOB_SLOT" && echo "slot $BGJOB_SLOT" && rmdir "lock.$BGJOB_SLOT"';
  const input = `${line}\n`.repeat(12);
  assert.equal((await rig.bgjob(['run', '-Q', 'gpu', '--batch', '-'], { input })).code, 0);
  const pty = await rig.run(['-Q', 'gpu', '--pty', 'echo "slot $BGJOB_SLOT"']);
  const fed = await rig.run(['-Q', 'gpu', '--stdin', 'hold', 'read -r word; echo "slot $BGJOB_SLOT $word"']);
  // nothing can be sent to a job that waits
  await rig.untilState(fed, 'running');
  await rig.shimOf(fed);
  assert.equal((await rig.bgjob(['send', String(fed), 'hello'])).code, 0);
  assert.equal((await rig.bgjob(['wait', '--all'])).code, 0);
  for (let id = 1; id <= 12; id++) assert.match(rig.log(id), /^slot [12]\n$/);
  assert.match(rig.log(pty), /^slot [12]\r?\n$/);
  assert.match(rig.log(fed), /^slot [12] hello$/m);
});

rigTest('a job that an older version admitted has no number, and takes none', async (rig) => {
  await slots(rig, 2);
  await add(rig);
  await said(rig, 1);
  // such an admission has two parts
  const queue = join(rig.home, 'queues', 'gpu');
  const name = fs.readdirSync(queue).find((one) => one.startsWith('start.'))!;
  const text = fs.readlinkSync(join(queue, name));
  assert.match(text, /^1\.[0-9a-z]+\.1\.1$/);
  fs.unlinkSync(join(queue, name));
  fs.symlinkSync(text.split('.').slice(0, 2).join('.'), join(queue, name));
  const next = await add(rig);
  assert.deepEqual(await said(rig, next), ['slot 1']);
  // it counts all the same
  const last = await add(rig);
  assert.equal((await rig.json(['show', String(last)]))[0].state, 'queued');
  await end(rig, 1, next, last);
});
