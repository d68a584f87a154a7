/** `--listen`, as people write it; names in Host headers; rates. */
import assert from 'node:assert/strict';
import { hostname } from 'node:os';
import { test } from 'node:test';
import { parseListen } from '../../../../src/cli/automation/listen-address.ts';
import { urlOf } from '../../../../src/job/automation/trigger.ts';
import { hostOf, ownHosts } from '../../../../src/services/listener/allowed-hosts.ts';
import { RateLimiter } from '../../../../src/services/listener/rate-limit.ts';
import { nameIn } from '../../../../src/services/listener/request.ts';

test('an address, a port, or both', () => {
  const read = (text: string | null) => {
    const parsed = parseListen(text);
    return parsed.ok ? [parsed.value.host, parsed.value.port] : 'refused';
  };
  assert.deepEqual(read(null), ['127.0.0.1', null]);
  assert.deepEqual(read('8080'), ['127.0.0.1', 8080]);
  assert.deepEqual(read('localhost'), ['127.0.0.1', null]);
  assert.deepEqual(read('localhost:81'), ['127.0.0.1', 81]);
  assert.deepEqual(read('192.168.1.5'), ['192.168.1.5', null]);
  assert.deepEqual(read('0.0.0.0:8080'), ['0.0.0.0', 8080]);
  assert.deepEqual(read('::1'), ['::1', null]);
  assert.deepEqual(read('[::1]'), ['::1', null]);
  assert.deepEqual(read('[::]:8080'), ['::', 8080]);
  assert.deepEqual(read('0:0:0::0001'), ['::1', null], 'in one form: the port is found again by it');
  for (const text of [
    '',
    ':8080',
    '*',
    'example.com',
    '1.2.3',
    '[127.0.0.1]:80',
    '[::1',
    '::1]:80',
    '65536',
    '0',
    '127.0.0.1:',
    '127.0.0.1:0',
    '127.0.0.1:99999',
    '127.0.0.1:8080x',
    'fe80::1%eth0',
    '-1',
    '1.2.3.4:5:6',
    'http://127.0.0.1:80',
  ])
    assert.equal(read(text), 'refused', text);
});

test('URLs', () => {
  assert.equal(urlOf({ name: 'a', host: '127.0.0.1', port: 80 }), 'http://127.0.0.1:80/a');
  assert.equal(urlOf({ name: 'a.b', host: '::1', port: 8080 }), 'http://[::1]:8080/a.b');
  assert.equal(urlOf({ name: 'a', host: '0.0.0.0', port: 8080 }), `http://${hostname()}:8080/a`);
});

test('the name in a path is all of it', () => {
  for (const [url, name] of [
    ['/deploy', 'deploy'],
    ['/deploy?x=/y', 'deploy'],
    ['/', ''],
    ['/a/b', ''],
    ['//deploy', ''],
    ['/deploy/', 'deploy'],
    ['/deploy//', ''],
    ['http://127.0.0.1/deploy', 'deploy'],
    ['/..', '..'],
    ['/%64eploy', '%64eploy'],
    ['*', ''],
    [undefined, ''],
  ] as const)
    assert.equal(nameIn(url), name, url);
});

test('which hosts are meant', () => {
  const local = ownHosts('127.0.0.1');
  for (const host of ['127.0.0.1', 'localhost', '[::1]']) assert.ok(local.has(host), host);
  assert.ok(!local.has(hostname().toLowerCase()), 'nobody else reaches it under that');
  const open = ownHosts('0.0.0.0');
  for (const host of ['0.0.0.0', 'localhost', hostname().toLowerCase()]) assert.ok(open.has(host), host);
  assert.ok(ownHosts('192.168.1.5').has('192.168.1.5'));
  assert.ok(ownHosts('fd00::5').has('[fd00::5]'));
  assert.equal(hostOf('LOCALHOST:80'), 'localhost');
  assert.equal(hostOf('[::1]:80'), '[::1]');
  for (const bad of [undefined, '', 'a b', 'a:b', 'a:80:80', 'user@localhost', '[::1', 'localhost/x'])
    assert.equal(hostOf(bad), undefined, bad);
});

test('a rate: so many at once, then one now and then, never more than at first', () => {
  const budget = new RateLimiter({ atOnce: 3, everyMs: 1000 });
  const begun = Number(process.hrtime.bigint() / 1000n) / 1000;
  assert.deepEqual(
    [0, 0, 0, 0].map((ms) => budget.take(begun + ms)),
    [0, 0, 0, 1],
  );
  assert.equal(budget.take(begun + 900), 1);
  assert.equal(budget.take(begun + 1001), 0);
  assert.equal(budget.take(begun + 1001), 1);
  const later = begun + 3_600_000;
  assert.deepEqual(
    [1, 2, 3, 4].map(() => budget.take(later)),
    [0, 0, 0, 1],
  );
  const slow = new RateLimiter({ atOnce: 1, everyMs: 60_000 });
  slow.take(begun);
  assert.equal(slow.take(begun + 1000), 59);
});
