/**
 * Real programs, started the way a user would: servers that are slow, that crash, that find their port taken.
 */
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { freePort } from '../../rig/ports.ts';
import { type Rig, rigTest } from '../../rig/rig.ts';
import { until } from '../../rig/until.ts';

const SERVER = `
const http = require('node:http');
const [, , port, how] = process.argv;
console.log('starting');
const listen = () => {
  if (how === 'slow' && !require('node:fs').existsSync('compiled')) return setTimeout(listen, 10);
  if (how === 'crash') throw new Error('cannot read config.yml');
  http.createServer((_, answer) => answer.end('hello\\n')).listen(Number(port), () => console.log(\`ready on \${port}\`));
};
listen();
`;

function serverIn(rig: Rig): void {
  fs.writeFileSync(join(rig.project, 'server.js'), SERVER);
}

rigTest('a server that needs its time: started, ready, asked, stopped, in three calls', async (rig) => {
  serverIn(rig);
  const port = await freePort();
  const starting = rig.bash(`bgjob run -n web --until-port ${port} -- node server.js ${port} slow`);
  const log = rig.file(1, 'out/log');
  await until(
    () => fs.existsSync(log) && fs.readFileSync(log, 'utf8'),
    (text) => text === 'starting\n',
    'a server that is not ready',
  );
  fs.writeFileSync(join(rig.project, 'compiled'), '');
  const started = await starting;
  assert.equal(started.code, 0, started.stderr);
  assert.equal(started.stdout, '1\n');
  assert.match(started.stderr, new RegExp(`^web 1 ready: it listens on port ${port} \\(pid \\d+\\)\\n$`));
  const asked = await rig.bash(
    `node -e "fetch('http://127.0.0.1:${port}').then((a) => a.text()).then(console.log)"`,
  );
  assert.match(asked.stdout, /^hello/);
  const killed = await rig.bash('bgjob kill web');
  assert.match(killed.stdout, new RegExp(`^web 1 .*: 1 process, port ${port} free\\n$`));
});

rigTest(
  'a server that crashes before it listens ends the wait at once, with its code and its words',
  async (rig) => {
    serverIn(rig);
    const port = await freePort();
    const answer = await rig.bash(
      `bgjob run -n web --until-port ${port} -- node server.js ${port} crash 2>&1`,
    );
    assert.equal(answer.code, 1);
    assert.match(answer.stdout, /^1\nweb 1 exited 1 after /);
    assert.match(answer.stdout, /\| .*cannot read config\.yml/);
    assert.match(answer.stdout, /\[job\] exit code 1\n$/);
  },
);

rigTest(
  'a server whose port is taken: refused before it starts, and whoever has the port is named',
  async (rig) => {
    serverIn(rig);
    const port = await freePort();
    await rig.bash(`bgjob run -n old --until-port ${port} -- node server.js ${port}`);
    const answer = await rig.bash(`bgjob run -n new --until-port ${port} -- node server.js ${port}`);
    assert.deepEqual([answer.code, answer.stdout], [125, '']);
    assert.match(answer.stderr, new RegExp(`port ${port} is taken by pid \\d+ \\(.*server\\.js.*\\)`));
    assert.match(answer.stderr, /bgjob kill/);
    assert.equal((await rig.json(['ls'])).length, 1, 'nothing was started');
    // without the condition it is started, finds the port taken, and says so itself
    const late = await rig.bash(
      `bgjob run -n new -- node server.js ${port}; bgjob wait new --until-port ${port} 2>&1`,
    );
    assert.ok([1, 125].includes(late.code), late.stdout);
    assert.match(late.stdout, /EADDRINUSE|is taken by pid/);
    await rig.bgjob(['kill', 'old']);
  },
);
