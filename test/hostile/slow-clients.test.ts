/** Those who are slow, half there, or no HTTP at all: they are cut off, and hold up nobody. */
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { bearer, Raw, send } from '../rig/http.ts';
import { openFiles } from '../rig/processes.ts';
import { rigTest } from '../rig/rig.ts';
import { addTrigger, listenerPid, removeTriggers } from '../rig/triggers.ts';
import { until } from '../rig/until.ts';

const statuses = (text: string): number[] =>
  [...text.matchAll(/^HTTP\/1\.1 (\d{3}) /gm)].map(([, status]) => Number(status));

rigTest('half a request is cut off; a crowd of them holds up no delivery', async (rig) => {
  const { url, secret } = await addTrigger(rig, ['hook', 'true']);
  const head = `POST /hook HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${secret}\r\n`;
  const halves = [
    '',
    'POST',
    head,
    `${head}Content-Length: 1000\r\n\r\n12345`,
    `${head}Transfer-Encoding: chunked\r\n\r\nfff\r\n123`,
  ];
  const first = halves.map((text) => {
    const raw = new Raw(url);
    raw.write(text);
    return raw;
  });
  // who sends a byte now and then is not spared
  const drip = setInterval(() => {
    for (const raw of first.slice(3)) raw.write('1');
  }, 500);
  await until(
    () => first.map(({ closed }) => closed),
    (closed) => closed.every((one) => one),
    'the end of all of them',
  );
  clearInterval(drip);
  assert.deepEqual(
    first.map(({ answer }) => statuses(answer)),
    [[408], [408], [408], [408], [408]],
  );
  const pid = listenerPid(rig)!;
  // whoever is cut off because he is late comes again: a hundred are there, however long the rest takes
  const crowd = new Set<Raw>();
  let count = 0;
  let isOver = false;
  const come = () => {
    const raw = new Raw(url);
    raw.write(halves[count++ % halves.length]!);
    crowd.add(raw);
    raw.socket.once('close', () => {
      crowd.delete(raw);
      if (crowd.size < 100 && !isOver) come();
    });
  };
  for (let n = 0; n < 600; n++) come();
  await until(
    () => crowd.size,
    (size) => size <= 256,
    'the oldest are cut off',
  );
  for (let n = 0; n < 5; n++) {
    assert.equal((await send(url, { headers: bearer(secret) })).status, 202);
    assert.ok(crowd.size >= 100, 'beside the others');
  }
  const sockets = openFiles(pid).filter((path) => path.startsWith('socket:')).length;
  assert.ok(sockets <= 256 + 5, `${sockets} sockets`);
  isOver = true;
  for (const raw of crowd) raw.close();
  assert.equal(fs.readdirSync(`${rig.home}/jobs`).length, 1 + 5);
  await removeTriggers(rig);
});

rigTest(
  'a crowd cuts off no slow delivery whose token is right, and takes no room from its body',
  async (rig) => {
    const { url, secret } = await addTrigger(rig, ['hook', 'cat "$BGJOB_PAYLOAD"']);
    /** A connection whose head was read: it was told to go on. */
    const slow = async (credentials: string, path = 'hook'): Promise<Raw> => {
      const raw = new Raw(url);
      raw.write(
        `POST /${path} HTTP/1.1\r\nHost: localhost\r\n${credentials}\r\nExpect: 100-continue\r\nContent-Length: 10\r\n\r\n`,
      );
      await until(
        () => raw.answer,
        (answer) => statuses(answer).length > 0,
        'that it may go on',
      );
      raw.write('12345');
      return raw;
    };
    const right = `Authorization: Bearer ${secret}`;
    const genuine = await slow(right);
    // a signature is known by the whole body alone, and decides where it is there
    const signed = `${right}\r\nX-Hub-Signature-256: sha256=${'0'.repeat(64)}`;
    const others = [
      await slow(`Authorization: Bearer ${'0'.repeat(64)}`),
      await slow(right, 'other'),
      await slow(signed),
    ];
    const crowd = Array.from({ length: 300 }, () => {
      const raw = new Raw(url);
      raw.write('POST');
      return raw;
    });
    for (const raw of others)
      await until(
        () => raw.closed,
        (closed) => closed,
        'that they are cut off',
      );
    genuine.write('67890');
    await until(
      () => statuses(genuine.answer).length > 1 || genuine.closed,
      (isOver) => isOver,
      'its answer',
    );
    // late, where the crowd took so long to come: but it was never cut off without a word
    const [, answered] = statuses(genuine.answer);
    assert.ok(answered === 202 || answered === 408, genuine.answer);
    const jobs = fs.readdirSync(`${rig.home}/jobs`).length;
    assert.equal(jobs, answered === 202 ? 2 : 1, 'nothing of the others was started');
    for (const raw of crowd) raw.close();
    // bodies without end fill the memory that there is for them
    const megabyte = 2 ** 20;
    const bodies = Array.from({ length: 34 }, () => {
      const raw = new Raw(url);
      raw.write(
        `POST /hook HTTP/1.1\r\nHost: localhost\r\nX-Hub-Signature-256: sha256=${'0'.repeat(64)}\r\n` +
          `Content-Length: ${megabyte}\r\n\r\n${'x'.repeat(megabyte - 1)}`,
      );
      return raw;
    });
    await until(
      () => bodies.flatMap(({ answer }) => statuses(answer)),
      (told) => told.length > 0,
      'that one of them is refused',
    );
    const { status } = await send(url, { headers: bearer(secret), body: 'y'.repeat(megabyte) });
    assert.equal(status, 202);
    for (const raw of bodies) raw.close();
    await removeTriggers(rig);
  },
);

rigTest('with the right token a large body has longer than one that proves nothing yet', async (rig) => {
  const { url, secret } = await addTrigger(rig, ['hook', 'true']);
  const size = 20 * 2 ** 20;
  const begin = (credentials: string): Raw => {
    const raw = new Raw(url);
    const head = `POST /hook HTTP/1.1\r\nHost: localhost\r\n${credentials}\r\nContent-Length: ${size + 1}\r\n\r\n`;
    raw.write(head + 'x'.repeat(size));
    return raw;
  };
  const genuine = begin(`Authorization: Bearer ${secret}`);
  // its body takes a second of its time for each 256 KiB: it has more than a minute
  const signed = begin(`X-Hub-Signature-256: sha256=${'0'.repeat(64)}`);
  await until(
    () => signed.closed,
    (closed) => closed,
    'that its time is over',
  );
  assert.deepEqual(statuses(signed.answer), [408]);
  genuine.write('x');
  await until(
    () => genuine.answer,
    (answer) => statuses(answer).length > 0,
    'its answer',
  );
  assert.deepEqual(statuses(genuine.answer), [202]);
  genuine.close();
  await rig.bgjob(['wait', '2']);
  await removeTriggers(rig);
});

rigTest('what is no honest HTTP is refused, and starts nothing that was not signed', async (rig) => {
  const { url, secret } = await addTrigger(rig, ['hook', 'cat "$BGJOB_PAYLOAD"']);
  const head = `POST /hook HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${secret}\r\n`;
  const told = async (text: string, what: (answer: string) => boolean): Promise<number[]> => {
    const raw = new Raw(url);
    raw.write(text);
    const answer = await until(
      () => raw.answer,
      (one) => what(one),
      `an answer to ${text.slice(0, 40)}`,
    );
    raw.close();
    return statuses(answer);
  };
  const one = (answer: string) => statuses(answer).length > 0;
  const bad: [string, number][] = [
    ['hello\r\n\r\n', 400],
    ['\0\0\0\0\r\n\r\n', 400],
    ['POST /hook HTTP/1.1\r\n\r\n', 400],
    ['POST /hook HTTP/1.0\r\n\r\n', 421],
    [`${head}Content-Length: 1\r\nContent-Length: 2\r\n\r\n12`, 400],
    [`${head}Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`, 400],
    [`${head}Content-Length: -1\r\n\r\n`, 400],
    [`${head}Content-Length: 99999999999999999999\r\n\r\n`, 400],
    [`${head}Content-Length: 26214401\r\n\r\n`, 413],
    [`${head}Content-Length: 26214401\r\nExpect: 100-continue\r\n\r\n`, 413],
    [`${head}X-Bad: a\0b\r\n\r\n`, 400],
    [`${head}X: ${'x'.repeat(20_000)}\r\n\r\n`, 431],
    [`GET /hook HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n`, 405],
    ['CONNECT localhost:22 HTTP/1.1\r\nHost: localhost\r\n\r\n', 405],
    [`POST /hook HTTP/1.1\r\nHost: localhost\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n`, 401],
  ];
  for (const [text, status] of bad)
    assert.deepEqual(await told(text, one), [status], JSON.stringify(text.slice(-60)));
  assert.deepEqual(fs.readdirSync(`${rig.home}/jobs`), ['1']);
  // a length that lies: what is beyond it is another request, and no good one; the first is answered
  assert.deepEqual(await told(`${head}Content-Length: 2\r\n\r\n12345`, one), [202]);
  await rig.bgjob(['wait', '2']);
  assert.equal(rig.log(2), '12');
  // several on one connection, sent at once: each is answered, in order
  const piped = `${head}Webhook-Id: p\r\nContent-Length: 1\r\n\r\n1`;
  assert.deepEqual(await told(piped + piped, (answer) => statuses(answer).length === 2), [202, 409]);
  assert.deepEqual(
    await told(`${head}Expect: 100-continue\r\nContent-Length: 1\r\n\r\n`, one),
    [100],
    'only who may send is told to go on',
  );
  // many small pieces are one body
  const raw = new Raw(url);
  raw.write(`${head}Transfer-Encoding: chunked\r\n\r\n${'1\r\nx\r\n'.repeat(50_000)}0\r\n\r\n`);
  await until(() => raw.answer, one, 'an answer');
  assert.deepEqual(statuses(raw.answer), [202]);
  raw.close();
  await rig.bgjob(['wait', '4']);
  assert.equal(rig.log(4), 'x'.repeat(50_000));
  // who goes away in the middle of a body started nothing
  const gone = new Raw(url);
  gone.write(`${head}Content-Length: 10\r\n\r\n12345`);
  await until(
    () => gone.socket.bytesWritten,
    (bytes) => bytes > head.length,
    'half of it is sent',
  );
  gone.socket.end();
  await until(
    () => gone.closed,
    (closed) => closed,
    'its end',
  );
  assert.equal((await send(url, { headers: bearer(secret) })).json.id, 5);
  await removeTriggers(rig);
});
