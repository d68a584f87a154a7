/** Real programs, started the way a user would: a clone, and an installation with a spinner. */
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { missing } from '../../rig/needs.ts';
import { type Rig, rigTest } from '../../rig/rig.ts';

const write = (rig: Rig, name: string, text: string): void => fs.writeFileSync(join(rig.project, name), text);

rigTest(
  'a git clone that would ask for a password fails at once and says so',
  async (rig) => {
    const server = createServer((_, answer) => {
      answer.writeHead(401, { 'WWW-Authenticate': 'Basic realm="private"' }).end();
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    try {
      const { port } = server.address() as AddressInfo;
      const url = `http://127.0.0.1:${port}/private.git`;
      const answer = await rig.bash(`bgjob run --wait -- git clone ${url} 2>&1`);
      assert.equal(answer.code, 128);
      assert.match(answer.stdout, /terminal prompts disabled/);
      assert.match(answer.stdout, /\[job\] exit code 128/);
    } finally {
      server.close();
    }
  },
  { skip: missing('git') },
);

rigTest(
  "npm's spinner leaves no trace in the view",
  async (rig) => {
    fs.mkdirSync(join(rig.project, 'dep'));
    write(rig, 'package.json', '{"name":"app","version":"1.0.0","dependencies":{"dep":"file:dep"}}');
    write(rig, 'dep/package.json', '{"name":"dep","version":"1.0.0"}');
    const env = { TERM: 'xterm-256color', npm_config_cache: join(rig.dir, 'npm') };
    const line = "script -qefc 'npm install --offline --no-audit --no-fund' /dev/null";
    const answer = await rig.bgjob(['run', '-n', 'install', '--wait', line], { env });
    assert.equal(answer.code, 0, answer.stdout);
    assert.match(rig.log(1), /\x1b\[/, 'npm drew on its terminal');
    const { stdout } = await rig.bgjob(['tail', 'install']);
    assert.match(stdout, /added 1 package/);
    assert.doesNotMatch(stdout, /[\x00-\x08\x0b-\x1f\x7f\u2800-\u28ff]/, 'no escapes, no spinner frames');
  },
  { skip: missing('script') },
);
