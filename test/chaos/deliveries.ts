/**
 * Thousands of requests of every kind at one listener while jobs run: good ones, replays, wrong secrets, unknown names, too much, half
 * requests, no HTTP at all. Each accepted delivery has its job, which ran once; everything else started nothing.
 */
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { bearer, Raw, send, signature } from '../rig/http.ts';
import { memoryKb } from '../rig/processes.ts';
import { type Rig, withRig } from '../rig/rig.ts';
import { type Added, addTrigger, listenerPid, listenersOf, removeTriggers } from '../rig/triggers.ts';
import { until } from '../rig/until.ts';
import { inParallel } from './death.ts';
import type { Part, Round, Row } from './part.ts';

const LANES = 12;
/** The oldest of these are let go by us, if the listener has not. */
const MOST_HALF_OPEN = 400;

type Status = number | 'cut';

class Storm {
  /** Delivery → the id that was answered. */
  readonly accepted = new Map<string, number>();
  readonly replayed = new Map<string, number>();
  readonly statuses = new Map<string, Map<Status, number>>();
  readonly goodMs: number[] = [];
  private readonly halfOpen: Raw[] = [];
  private readonly triggers: Added[];
  private readonly chance: () => number;
  private count = 0;

  constructor(triggers: Added[], chance: () => number) {
    this.triggers = triggers;
    this.chance = chance;
  }

  async one(): Promise<void> {
    const kinds: [share: number, kind: string, act: () => Promise<Status>][] = [
      [0.06, 'good', () => this.good()],
      [0.06, 'replay', () => this.replay()],
      [0.2, 'wrong secret', () => this.wrong(bearer('0'.repeat(64)))],
      [0.12, 'wrong signature', () => this.wrong(signature('no', ''))],
      [0.12, 'unknown name', () => this.wrong(bearer(this.pick().secret), 'nobody')],
      [0.06, 'GET', async () => (await send(this.pick().url, { method: 'GET' })).status],
      [0.06, 'too large', () => this.wrong({ 'Content-Length': '30000000' })],
      [0.06, 'browser', () => this.wrong({ Origin: 'http://evil.example' })],
      [0.06, 'other host', () => this.wrong({ Host: 'evil.example' })],
      [0.1, 'no HTTP', () => this.garbage()],
      [0.1, 'half', async () => this.half()],
    ];
    const at = this.chance();
    const upTo = (n: number) => kinds.slice(0, n + 1).reduce((sum, [share]) => sum + share, 0);
    const [, kind, act] = kinds.find((_, n) => at < upTo(n)) ?? kinds[0]!;
    const status = await act().catch((thrown: NodeJS.ErrnoException): Status => {
      // a busy listener cuts off the oldest connections that are not whole
      assert.match(String(thrown.code), /ECONNRESET|EPIPE/);
      return 'cut';
    });
    const counts = this.statuses.get(kind) ?? new Map<Status, number>();
    this.statuses.set(kind, counts.set(status, (counts.get(status) ?? 0) + 1));
  }

  private pick(): Added {
    return this.triggers[Math.floor(this.chance() * this.triggers.length)]!;
  }

  private async good(): Promise<Status> {
    const { url, secret } = this.pick();
    const delivery = `d-${this.count++}`;
    const body = delivery.repeat(1 + Math.floor(this.chance() * 2000));
    const proof = this.chance() < 0.5 ? bearer(secret) : signature(secret, body);
    const begun = performance.now();
    const { status, json } = await send(url, { headers: { ...proof, 'X-GitHub-Delivery': delivery }, body });
    this.goodMs.push(performance.now() - begun);
    if (status === 202) this.accepted.set(`${url} ${delivery}`, json.id);
    return status;
  }

  private async replay(): Promise<Status> {
    const known = [...this.accepted];
    if (known.length === 0) return this.good();
    const [key, id] = known[Math.floor(this.chance() * known.length)]!;
    const [url, delivery] = key.split(' ') as [string, string];
    const { secret } = this.triggers.find((one) => one.url === url)!;
    const { status, json } = await send(url, {
      headers: { ...bearer(secret), 'X-GitHub-Delivery': delivery },
    });
    if (status === 409) assert.equal(json.id, id);
    return status;
  }

  private async wrong(headers: Record<string, string>, name?: string): Promise<Status> {
    const url = new URL(this.pick().url);
    if (name !== undefined) url.pathname = `/${name}`;
    const delivery = `bad-${this.count++}`;
    return (await send(url.href, { headers: { ...headers, 'X-GitHub-Delivery': delivery } })).status;
  }

  private async garbage(): Promise<Status> {
    const raw = new Raw(this.pick().url);
    raw.write(
      `${Array.from({ length: 200 }, () => String.fromCharCode(this.chance() * 256)).join('')}\r\n\r\n`,
    );
    await until(
      () => raw.closed,
      (closed) => closed,
      'the end of a connection that is no HTTP',
    );
    return Number(/^HTTP\/1\.1 (\d+)/.exec(raw.answer)?.[1] ?? 0) || 'cut';
  }

  /** Begins a request, with the right secret, and never ends it. */
  private half(): Status {
    const { url, secret } = this.pick();
    const raw = new Raw(url);
    const { pathname } = new URL(url);
    const text = `POST ${pathname} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${secret}\r\nContent-Length: 5\r\n\r\n1234`;
    raw.write(text.slice(0, Math.floor(this.chance() * (text.length + 1))));
    this.halfOpen.push(raw);
    if (this.halfOpen.length > MOST_HALF_OPEN) this.halfOpen.shift()!.close();
    return 'cut';
  }

  end(): void {
    for (const raw of this.halfOpen) raw.close();
  }

  /** What a kind may be answered. */
  assertStatuses(): void {
    const allowed: Record<string, Status[]> = {
      good: [202, 429],
      // one whose answer is under way is not known to us yet
      replay: [409, 429, 202],
      'wrong secret': [401, 429],
      'wrong signature': [401, 429],
      'unknown name': [401, 429],
      GET: [405],
      'too large': [413],
      browser: [403],
      'other host': [421],
      'no HTTP': [400],
      half: [],
    };
    for (const [kind, counts] of this.statuses)
      for (const status of counts.keys())
        assert.ok(status === 'cut' || allowed[kind]!.includes(status), `${kind} was answered ${status}`);
  }
}

/** One line `DELIVERY ID` for each job that ran. */
const witnessed = (path: string): string[] =>
  fs.existsSync(path) ? fs.readFileSync(path, 'utf8').split('\n').filter(Boolean) : [];

async function storm(rig: Rig, count: number, { chance }: Pick<Round, 'chance'>): Promise<Row[]> {
  const witness = join(rig.dir, 'witness');
  const job = `head -c 4 "$BGJOB_PAYLOAD" >/dev/null && echo "$BGJOB_TRIGGER $BGJOB_DELIVERY $BGJOB_ID" >>'${witness}'`;
  const triggers: Added[] = [];
  for (const name of ['a', 'b', 'c']) triggers.push(await addTrigger(rig, [name, job]));
  for (const name of ['d', 'e', 'f']) triggers.push(await addTrigger(rig, [name, '-Q', 'q', job]));
  assert.equal((await rig.bgjob(['queue', 'set', 'q', '--slots', '2'])).code, 0);
  const begun = performance.now();
  const weather = new Storm(triggers, chance);
  let isOver = false;
  // jobs of people, meanwhile
  const codes: number[] = [];
  const people = (async () => {
    for (let n = 0; !isOver; n++)
      codes.push((await rig.bgjob(['run', '-w', '--', 'sh', '-c', `exit ${n % 100}`])).code);
  })();
  const pid = listenerPid(rig)!;
  try {
    await inParallel(count, LANES, () => weather.one());
  } finally {
    isOver = true;
    weather.end();
  }
  const seconds = (performance.now() - begun) / 1000;
  await people;
  assert.deepEqual(
    codes,
    codes.map((_, n) => n % 100),
  );
  weather.assertStatuses();
  assert.equal(listenerPid(rig), pid, 'the listener is the same process');
  const kb = memoryKb(pid);
  assert.ok(kb < 200 * 1024, `${kb} kB`);
  // whoever is cut off half way is not started, everybody else is, once
  const ids = [...weather.accepted.values()];
  assert.equal(new Set(ids).size, ids.length, 'a job for each');
  await until(
    () => witnessed(witness).length,
    (lines) => lines >= ids.length,
    'every accepted delivery ran',
    120_000,
  );
  const wanted = [...weather.accepted].map(([key, id]) => {
    const [url, delivery] = key.split(' ') as [string, string];
    return `${new URL(url).pathname.slice(1)} ${delivery} ${id}`;
  });
  const ran = witnessed(witness);
  assert.deepEqual(
    wanted.filter((line) => !ran.includes(line)),
    [],
    'accepted, and not run',
  );
  assert.equal(
    new Set(ran.map((line) => line.split(' ').slice(0, 2).join(' '))).size,
    ran.length,
    'none twice',
  );
  assert.ok(!ran.some((line) => line.includes('bad-')), 'nothing that was refused ran');
  // what was accepted although its connection was cut off before the answer came
  const unheard = ran.length - wanted.length;
  const [listener] = await listenersOf(rig);
  const logBytes = fs.statSync(rig.file(listener.id, 'out/log')).size;
  assert.ok(
    logBytes < 300 * (ran.length + (weather.statuses.get('replay')?.get(409) ?? 0) + 50),
    `${logBytes} bytes of log`,
  );
  const sum = (status: Status) =>
    [...weather.statuses.values()].reduce((all, one) => all + (one.get(status) ?? 0), 0);
  const sorted = weather.goodMs.sort((a, b) => a - b);
  const median = sorted[Math.floor(sorted.length / 2)] ?? 0;
  const running = await rig.json(['ls', '-a', '--state', 'running,queued', '-n', '5000']);
  await rig.bgjob([
    'wait',
    ...running.filter(({ id }) => id !== listener.id).map(({ id }) => String(id)),
    String(ids[0]),
  ]);
  return [
    { what: `${count} requests, ${codes.length} other jobs meanwhile`, figure: `${seconds.toFixed(1)} s` },
    {
      what: 'accepted (202), each with its job',
      figure: `${ids.length}${unheard > 0 ? `, ${unheard} unheard` : ''}`,
    },
    { what: 'replays refused (409)', figure: String(sum(409)) },
    { what: 'no secret (401), too many (429)', figure: `${sum(401)}, ${sum(429)}` },
    {
      what: 'refused by their head or for no HTTP',
      figure: String(sum(400) + sum(403) + sum(405) + sum(413) + sum(421)),
    },
    { what: 'half requests, and those cut off for them', figure: String(sum('cut')) },
    {
      what: 'a good one takes (median, worst)',
      figure: `${median.toFixed(0)} ms, ${(sorted.at(-1) ?? 0).toFixed(0)} ms`,
    },
    { what: 'memory (PSS) of the listener after that', figure: `${(kb / 1024).toFixed(0)} MB` },
  ];
}

export const deliveries: Part = {
  name: 'deliveries',
  run: ({ whole, chance }) =>
    withRig(async (rig) => {
      const rows = await storm(rig, whole ? 10_000 : 600, { chance });
      await removeTriggers(rig);
      return rows;
    }),
};
