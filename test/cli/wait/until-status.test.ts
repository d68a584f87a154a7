/** `--until-status`: which answers of `--until-url` count. */
import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { rigTest } from '../../rig/rig.ts';
import { until } from '../../rig/until.ts';

rigTest('--until-status: only these count, of each URL; a redirect that is asked for counts', async (rig) => {
  await rig.run(['--', 'sleep', '1000']);
  let status = 404;
  let asked = 0;
  const server = createServer((request, response) => {
    asked++;
    const [code, to] = request.url === '/old' ? [301, '/new'] : [status, '/'];
    response.writeHead(code, { Location: to }).end();
  }).listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const wait = (list: string, path = '/', ...more: string[]) =>
    rig.startBgjob(['wait', '1', '--until-url', `${url}${path}`, '--until-status', list, ...more]);
  const waiting = wait('200-299,304', '/', '--until-url', `${url}/b`);
  await until(
    () => asked,
    (count) => count > 4,
    'some answers with 404',
  );
  status = 204;
  assert.match((await waiting.answer).stdout, /^1 ready: \S+ answers 204\n$/);
  assert.match((await wait('301', '/old').answer).stdout, /\/old answers 301\n$/);
  // without it the redirect is followed
  assert.match((await wait('204', '/old').answer).stdout, /\/old answers 204\n$/);
  status = 503;
  assert.match((await wait('503').answer).stdout, /answers 503\n$/);
  const late = wait('201,202', '/', '--timeout', '300ms');
  const { code, stderr } = await late.answer;
  assert.equal(code, 75);
  assert.ok(stderr.includes(`bgjob wait 1 --until-url ${url}/ --until-status 201,202\n`), stderr);
  server.close();
  await rig.bgjob(['kill', '--now', '1']);
});

rigTest('--until-status: what is no list of statuses is refused', async (rig) => {
  await rig.runOut(['--', 'true']);
  for (const list of ['0', '99', '600', '600-', '-200', '399-200', '200,', '', 'ok', '2xx', '200-300-400']) {
    const words = ['--until-url', 'http://localhost/', `--until-status=${list}`];
    const { code, stderr } = await rig.bgjob(['wait', '1', ...words]);
    assert.equal(code, 125, list);
    assert.match(stderr, /--until-status: ".*" is not a list of HTTP statuses from 100 to 599/, list);
  }
  const alone = await rig.bgjob(['wait', '1', '--until-status', '200']);
  assert.match(alone.stderr, /--until-status needs --until-url/);
});
