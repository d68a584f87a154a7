/** The listener killed at any instant under load: no accepted delivery without its job, none twice, and a replay is still refused. */
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { bearer, send } from '../rig/http.ts';
import { type Rig, rigTest } from '../rig/rig.ts';
import {
  type Added,
  addTrigger,
  eventsOf,
  listenerPid,
  removeTriggers,
  slayListener,
} from '../rig/triggers.ts';
import { until } from '../rig/until.ts';
import { inParallel, pass, seededChance } from './death.ts';

/** Delivered until it is answered: accepted, or known already. */
async function deliverAll(
  { url, secret }: Added,
  ids: string[],
  unanswered: { count: number },
  answered: () => void,
): Promise<Map<string, number>> {
  const jobs = new Map<string, number>();
  await inParallel(ids.length, 3, async (n) => {
    const delivery = ids[n]!;
    const { json } = await until(
      () =>
        send(url, { headers: { ...bearer(secret), 'X-GitHub-Delivery': delivery }, body: delivery }).catch(
          () => {
            unanswered.count++;
            return { status: 0, json: undefined };
          },
        ),
      ({ status }) => {
        assert.ok([0, 202, 409, 429].includes(status), `answered ${status}`);
        return status === 202 || status === 409;
      },
      `an answer to ${delivery}`,
    );
    answered();
    assert.ok(json.id > 0, `${delivery}: a job`);
    jobs.set(delivery, json.id);
  });
  return jobs;
}

async function round(rig: Rig, count: number, whole: boolean): Promise<void> {
  const chance = seededChance(`listener killed${whole ? ' with its shell' : ''}`);
  const witness = join(rig.dir, 'witness');
  const job = `printf '%s %s %s\\n' "$BGJOB_DELIVERY" "$BGJOB_ID" "$(cat "$BGJOB_PAYLOAD")" >>'${witness}'`;
  const plain = await addTrigger(rig, ['plain', job]);
  const queued = await addTrigger(rig, ['queued', '-Q', 'q', job]);
  let isOver = false;
  let kills = 0;
  let answered = 0;
  const killing = (async () => {
    for (let before = 0; !isOver; before = answered) {
      // every second one at whatever instant, also while it starts; the others not before it did something: a slow one would never serve
      if (kills % 2 === 1)
        await until(
          () => isOver || answered > before,
          (goesOn) => goesOn,
          'an answer after a kill',
        );
      await pass(chance() * (whole ? 400 : 800));
      if (listenerPid(rig) === undefined) continue;
      await slayListener(rig, whole);
      kills++;
      // its shell starts it again; where that is gone, the next command does
      if (whole) assert.equal((await rig.bgjob(['ls'])).code, 0);
    }
  })();
  const unanswered = { count: 0 };
  const ids = Array.from({ length: count }, (_, n) => `d${n}`);
  let answers: Map<string, number>[];
  try {
    answers = await Promise.all([
      deliverAll(plain, ids, unanswered, () => answered++),
      deliverAll(
        queued,
        ids.map((id) => `q${id}`),
        unanswered,
        () => answered++,
      ),
    ]);
  } finally {
    isOver = true;
  }
  await killing;
  const jobs = new Map([...answers[0]!, ...answers[1]!]);
  assert.equal(new Set(jobs.values()).size, 2 * count, 'a job for each');
  const read = () => fs.readFileSync(witness, 'utf8').split('\n').filter(Boolean);
  await until(read, (lines) => lines.length >= 2 * count, 'all have run');
  const { code } = await rig.bgjob(['wait', ...[...jobs.values()].map(String)]);
  assert.equal(code, 0);
  assert.deepEqual(
    read().sort(),
    [...jobs].map(([delivery, id]) => `${delivery} ${id} ${delivery}`).sort(),
    'each ran once, with its own payload, as the job that was told',
  );
  // the next one knows them all
  await until(
    () =>
      send(plain.url).then(
        ({ status }) => status,
        () => 0,
      ),
    (status) => status === 401,
    'a listener',
  );
  for (const delivery of ids.slice(0, 20)) {
    const again = await until(
      () => send(plain.url, { headers: { ...bearer(plain.secret), 'X-GitHub-Delivery': delivery } }),
      ({ status }) => status !== 429,
      'its answer',
    );
    assert.deepEqual([again.status, again.json.id], [409, jobs.get(delivery)]);
  }
  for (const [name, own] of [
    ['plain', answers[0]!],
    ['queued', answers[1]!],
  ] as const) {
    const started = (await eventsOf(rig, name)).filter(({ did }) => did === 'started');
    assert.deepEqual(
      started.map(({ delivery, job: id }) => `${delivery} ${id}`).sort(),
      [...own].map(([delivery, id]) => `${delivery} ${id}`).sort(),
      'each is in the journal, once',
    );
  }
  assert.ok(kills > 0, `${kills} kills`);
  console.log(`${2 * count} deliveries, ${kills} kills, ${unanswered.count} requests without an answer`);
  await removeTriggers(rig);
}

rigTest('killed at random: its shell starts it again', (rig) => round(rig, 25, false));
rigTest('killed at random with its shell: the next command starts it again', (rig) => round(rig, 15, true));
