/** Which trigger a request means, by the URL in its first line. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { nameIn } from '../../../../src/services/listener/request.ts';

test('the name is the path, as programs and proxies write it; a longer path is no name', () => {
  for (const url of ['/hook', '/hook/', '/hook?a=/b', '/hook/?a', 'http://host:1/hook', 'HTTPS://h/hook/'])
    assert.equal(nameIn(url), 'hook', url);
  for (const url of [
    undefined,
    '',
    '/',
    '//hook',
    '/hook/x',
    '/hook//',
    'hook',
    '*',
    'http://hook',
    '/?hook',
  ])
    assert.equal(nameIn(url), '', String(url));
});
