/** `bgjob trigger`: large bodies; those of senders that are not proven are refused early, and leave nothing. */
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { bearer, Raw, send, signature } from '../../rig/http.ts';
import { openFiles } from '../../rig/processes.ts';
import { type Rig, rigTest } from '../../rig/rig.ts';
import { addTrigger, eventsOf, listenerPid, removeTriggers, slayListener } from '../../rig/triggers.ts';
import { until } from '../../rig/until.ts';

const MIB = 2 ** 20;
/** Bytes that no two places have in common. */
const bytes = (size: number): Buffer =>
  Buffer.from(Uint32Array.from({ length: size / 4 }, (_, n) => n).buffer);
const CHUNKED = { 'Transfer-Encoding': 'chunked', 'Content-Length': [] as string[] };
const WRONG = `sha256=${'0'.repeat(64)}`;

/** The files of bodies that the listener has open, and those that have a name. */
const bodyFiles = (rig: Rig): string[] => [
  ...openFiles(listenerPid(rig)!).filter((path) => /\/triggers\/body\./.test(path)),
  ...fs.readdirSync(join(rig.home, 'triggers')).filter((name) => name.startsWith('body.')),
];
const untilNoBody = (rig: Rig) =>
  until(
    () => bodyFiles(rig),
    (files) => files.length === 0,
    'that no body is left',
  );
const status = ({ answer }: Raw): number => Number(/HTTP\/1\.1 (\d+)/.exec(answer)?.[1] ?? 0);

/** A request whose body has begun: its first `size` bytes are sent. */
function begin(url: string, head: string[], size: number, announced = 25 * MIB): Raw {
  const raw = new Raw(url);
  const lines = ['POST /hook HTTP/1.1', 'Host: localhost', ...head, `Content-Length: ${announced}`];
  raw.write(`${lines.join('\r\n')}\r\n\r\n${'x'.repeat(size)}`);
  return raw;
}

rigTest('a body of 25 MiB reaches the job byte for byte; a restart has it, and gc counts it', async (rig) => {
  const { url, secret } = await addTrigger(rig, ['hook', 'sha256sum <"$BGJOB_PAYLOAD"']);
  const body = bytes(25 * MIB);
  let id = 1;
  for (const headers of [
    bearer(secret),
    { ...bearer(secret), ...CHUNKED },
    signature(secret, body),
    { ...signature(secret, body), ...CHUNKED },
    // nothing is unpacked: the job gets what was signed
    { ...signature(secret, body), 'Content-Encoding': 'gzip' },
  ]) {
    const answer = await send(url, { headers, body });
    assert.deepEqual([answer.status, answer.json], [202, { id: ++id }]);
    await rig.bgjob(['wait', String(id)]);
    assert.ok(fs.readFileSync(rig.file(id, 'payload')).equals(body));
    assert.equal(rig.log(id), rig.log(2));
  }
  await untilNoBody(rig);
  assert.equal((await rig.bgjob(['restart', '2', '--wait'])).code, 0);
  assert.equal(rig.log(7), rig.log(2));
  const [gc] = await rig.json(['gc', '--max-total', '60M', '--dry-run']);
  assert.ok(gc.removed.includes(2) && gc.freedBytes >= 25 * MIB, JSON.stringify(gc));
  await removeTriggers(rig);
});

rigTest('without the right token the head is refused, and the body is not asked for', async (rig) => {
  const { url, secret } = await addTrigger(rig, ['hook', 'true']);
  for (const head of [
    'X-None: 1',
    `Authorization: Bearer ${'0'.repeat(64)}`,
    'X-Hub-Signature-256: sha1=0',
  ]) {
    const raw = begin(url, [head, 'Expect: 100-continue'], 0);
    await until(
      () => status(raw),
      (one) => one !== 0,
      'an answer',
    );
    assert.match(raw.answer, /^HTTP\/1\.1 401 /);
    raw.close();
  }
  const wrong = { ...bearer('0'.repeat(64)) };
  assert.equal((await send(url, { headers: wrong, body: bytes(25 * MIB) })).status, 401);
  assert.equal((await send(url, { headers: { ...wrong, ...CHUNKED }, body: bytes(2 * MIB) })).status, 401);
  const right = begin(url, [`Authorization: Bearer ${secret}`, 'Expect: 100-continue'], 0, 1);
  await until(
    () => status(right),
    (one) => one !== 0,
    'an answer',
  );
  assert.match(right.answer, /^HTTP\/1\.1 100 /);
  right.close();
  await removeTriggers(rig);
});

rigTest(
  'a large body with a wrong signature, half of one, and a killed listener leave no file',
  async (rig) => {
    const { url, secret } = await addTrigger(rig, ['hook', 'true']);
    const body = bytes(20 * MIB);
    const headers = signature('wrong', body);
    for (const to of [url, `${url}x`]) assert.equal((await send(to, { headers, body })).status, 401);
    const tooLarge = { ...signature(secret, body), ...CHUNKED };
    assert.equal((await send(url, { headers: tooLarge, body: Buffer.alloc(25 * MIB + 1) })).status, 413);
    await untilNoBody(rig);
    for (const head of [`X-Hub-Signature-256: ${WRONG}`, `Authorization: Bearer ${secret}`]) {
      const half = begin(url, [head], 3 * MIB);
      // its name is taken away as soon as it is open
      await until(
        () => bodyFiles(rig),
        (found) => found.length > 0 && found.every((path) => path.endsWith(' (deleted)')),
        'its file, without a name',
      );
      half.close();
      await untilNoBody(rig);
    }
    const half = begin(url, [`X-Hub-Signature-256: ${WRONG}`], 3 * MIB);
    await until(
      () => bodyFiles(rig),
      (found) => found.length > 0,
      'its file',
    );
    // as if it had been killed before it took the name away
    fs.writeFileSync(join(rig.home, 'triggers', 'body.1.1.tmp'), 'left');
    await slayListener(rig, false);
    half.close();
    await until(
      () => send(url, { headers: bearer(secret) }).catch(() => ({ status: 0 })),
      ({ status }) => status === 202,
      'the next listener',
    );
    // the listener closes the body of this delivery after its answer
    await untilNoBody(rig);
    await rig.bgjob(['wait', '2']);
    await removeTriggers(rig);
  },
);

rigTest('four slow senders that are not proven keep no place: the next delivery gets it', async (rig) => {
  const { url, secret } = await addTrigger(rig, ['hook', 'true']);
  const four = Array.from({ length: 4 }, () => begin(url, [`X-Hub-Signature-256: ${WRONG}`], 2 * MIB));
  await until(
    () => bodyFiles(rig).length + four.filter(({ closed }) => closed).length,
    (count) => count === 4,
    'that each of them has a file',
  );
  const body = bytes(8 * MIB);
  assert.equal((await send(url, { headers: bearer(secret), body })).status, 202, 'a token needs no place');
  const answers: number[] = [];
  await until(
    async () => {
      const answer = await send(url, { headers: signature(secret, body), body });
      if (answer.status === 503) assert.equal(answer.headers['retry-after'], '5');
      answers.push(answer.status);
      return answer.status;
    },
    (one) => one === 202,
    'that it gets a place',
  );
  assert.ok(
    answers.every((one) => one === 503 || one === 202),
    answers.join(),
  );
  await until(
    () => four.filter((raw) => status(raw) === 408).length,
    (count) => count >= 1,
    'that a slow one is cut off',
  );
  for (const raw of four) raw.close();
  // refusals are written once a second
  await until(
    () => eventsOf(rig, 'hook'),
    (events) => events.some(({ did, why }) => did === 'refused' && /^408/.test(why)),
    'that the refusal is shown',
  );
  await untilNoBody(rig);
  await removeTriggers(rig);
});
