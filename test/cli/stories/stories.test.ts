/**
 * What agents do all day, from beginning to end, one Bash call per step: how many calls it takes and how much
 * has to be read. And the
 * same when the session's process group is killed between any two calls: nothing changes.
 */
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { Agent } from '../../rig/agent.ts';
import { freePort } from '../../rig/ports.ts';
import { isRunning } from '../../rig/processes.ts';
import { type Rig, ROOT, rigTest } from '../../rig/rig.ts';
import { until } from '../../rig/until.ts';

const SESSIONS = [
  { mortal: false, told: '' },
  { mortal: true, told: ', the session killed after each call' },
];

/** Every Node has this reporter, and none says much at the end of it. */
const TEST = 'node --test --test-reporter=tap';

/** A small project in JavaScript, type-checked, linted and tested by real tools; the sum is wrong. */
function makeProject({ project }: Rig): void {
  const files: Record<string, string> = {
    'package.json': JSON.stringify({ name: 'shop', private: true }),
    'tsconfig.json': JSON.stringify({
      compilerOptions: { ...{ allowJs: true, checkJs: true, noEmit: true, strict: true }, types: ['node'] },
      include: ['src', 'test'],
    }),
    'biome.json': JSON.stringify({ linter: { enabled: true } }),
    'src/price.js': `/** @param {number[]} prices @param {number} discount */
exports.total = (prices, discount) => prices.reduce((sum, price) => sum + price, 0) + discount;
/** @param {number} cents */
exports.format = (cents) => \`\${(cents / 100).toFixed(2)} EUR\`;
`,
    'test/price.test.js': `const assert = require('node:assert/strict');
const { test } = require('node:test');
const { format, total } = require('../src/price.js');
test('an amount is shown with its currency', () => assert.equal(format(1250), '12.50 EUR'));
test('a discount is taken off', () => assert.equal(total([60, 40], 10), 90));
test('nothing costs nothing', () => assert.equal(total([], 0), 0));
`,
  };
  for (const [name, text] of Object.entries(files)) {
    fs.mkdirSync(join(project, name, '..'), { recursive: true });
    fs.writeFileSync(join(project, name), text);
  }
  fs.symlinkSync(join(ROOT, 'node_modules'), join(project, 'node_modules'));
}

for (const { mortal, told } of SESSIONS)
  rigTest(
    `(a) types, lint and tests side by side; the first failure, the fix, that one again${told}`,
    async (rig) => {
      makeProject(rig);
      const agent = new Agent(rig, { mortal });
      const started = await agent.call(
        [
          'bgjob run -n types -- npx tsc --noEmit',
          'bgjob run -n lint -- npx biome lint src test',
          `bgjob run -n test -- ${TEST}`,
        ].join('\n'),
      );
      assert.deepEqual([started.code, started.output], [0, '1\n2\n3\n']);
      const first = await agent.call('bgjob wait types lint test --fail-fast');
      assert.equal(first.code, 1, first.output);
      assert.match(first.output, /^test 3 exited 1 after /m);
      const found = await agent.call("bgjob tail test --grep '^not ok' -C 8 --max 1");
      assert.match(found.output, /not ok 2 - a discount is taken off\n/);
      assert.match(found.output, /110 !== 90/);
      await agent.call("sed -i 's/+ discount/- discount/' src/price.js");
      const again = await agent.call(`bgjob run -n test --wait -- ${TEST}`);
      assert.equal(again.code, 0, again.output);
      const all = await agent.call('bgjob wait types lint test');
      assert.equal(all.code, 0, all.output);
      assert.deepEqual(
        all.output
          .replaceAll(/ after .*/g, '')
          .trimEnd()
          .split('\n')
          .sort(),
        ['lint 2 exited 0', 'test 4 exited 0', 'types 1 exited 0'],
      );
      agent.tell('a', { calls: 7, bytes: 2048 });
    },
  );

/** Whether somebody listens. */
const listens = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.on('error', () => resolve(false));
    socket.on('connect', () => {
      socket.destroy();
      resolve(true);
    });
  });

for (const { mortal, told } of SESSIONS)
  rigTest(`(b) a dev server: ready, smoke test, stop; nobody sleeps${told}`, async (rig) => {
    const port = await freePort();
    const server = `const server = require('node:http').createServer((_, answer) => answer.end('hello\\n'));
console.log('compiling');
const look = setInterval(() => {
  if (!require('node:fs').existsSync('compiled')) return;
  clearInterval(look);
  server.listen(${port}, '127.0.0.1', () => console.log('ready'));
}, 10);`;
    fs.writeFileSync(join(rig.project, 'server.js'), server);
    const agent = new Agent(rig, { mortal });
    const starting = agent.call(`bgjob run -n web --until-port ${port} -- node server.js`);
    const log = rig.file(1, 'out/log');
    await until(
      () => fs.existsSync(log) && fs.readFileSync(log, 'utf8'),
      (text) => text === 'compiling\n',
      'a server that is not ready',
    );
    fs.writeFileSync(join(rig.project, 'compiled'), '');
    const ready = await starting;
    assert.equal(ready.code, 0, ready.output);
    assert.match(ready.output, new RegExp(`^1\\nweb 1 ready: it listens on port ${port} \\(pid \\d+\\)\\n$`));
    const smoke = await agent.call(
      `node -e "fetch('http://127.0.0.1:${port}/').then((a) => a.text()).then((t) => process.stdout.write(t))"`,
    );
    assert.deepEqual([smoke.code, smoke.output], [0, 'hello\n']);
    const stopped = await agent.call('bgjob kill web');
    assert.equal(stopped.code, 0);
    assert.match(
      stopped.output,
      new RegExp(`^web 1 killed \\(TERM, .*\\): 1 process, port ${port} free\\n$`),
    );
    assert.equal(await listens(port), false);
    agent.tell('b', { calls: 3, bytes: 200 });
  });

rigTest('(d) the id is forgotten: found again in the right one of two worktrees', async (rig) => {
  const main = join(rig.dir, 'shop');
  const fix = join(rig.dir, 'shop-fix');
  const made = await rig.bash(
    [
      `git init -q ${main} && cd ${main} && mkdir -p src/deep && touch src/deep/file && git add .`,
      `git -c user.name=x -c user.email=x@x commit -qm first && git worktree add -q ${fix}`,
    ].join(' && '),
  );
  assert.equal(made.code, 0, made.stderr);
  const agent = new Agent(rig);
  await agent.call("bgjob run -n web --until 'this is' -- sh -c 'echo this is main; exec sleep 1000'", main);
  await agent.call("bgjob run -n web --until 'this is' -- sh -c 'echo this is fix; exec sleep 1000'", fix);
  await agent.call("bgjob run --until 'no name' -- sh -c 'echo no name; exec sleep 1000'", fix);
  // later, after the context was lost
  const lost = new Agent(rig);
  const listed = await lost.call('bgjob ls', join(fix, 'src/deep'));
  const [head, ...rows] = listed.output.trimEnd().split('\n');
  assert.match(head!, /^ID +NAME +STATE +/);
  assert.deepEqual(
    rows.slice(0, 2).map((row) =>
      row
        .replace(/starting|running/, 'live')
        .split(/ +/)
        .slice(0, 3)
        .join(' '),
    ),
    ['3 - live', '2 web live'],
  );
  assert.doesNotMatch(listed.output, /this is main/);
  const read = await lost.call('bgjob tail web; bgjob tail 3', join(fix, 'src/deep'));
  assert.match(read.output, /^this is fix\n\[web 2 (starting|running) .*\nno name\n\[3 (starting|running) /);
  const killed = await lost.call('bgjob kill web 3', fix);
  assert.deepEqual(
    killed.output
      .trimEnd()
      .split('\n')
      .map((line) => line.split(' (')[0])
      .sort(),
    ['3 killed', 'web 2 killed'],
  );
  lost.tell('d', { calls: 3, bytes: 700 });
  const other = await rig.bash('bgjob status web', { cwd: main });
  assert.deepEqual(
    [other.code, /^web 1 (starting|running)/.test(other.stdout)],
    [75, true],
    'the other worktree is untouched',
  );
  await rig.bash('bgjob kill web', { cwd: main });
});

rigTest(
  '(f) the session that is killed is really killed: what nohup and & leave there ends with it',
  async (rig) => {
    const agent = new Agent(rig, { mortal: true });
    const { output } = await agent.call('nohup sleep 1000 >/dev/null 2>&1 & echo $!');
    await until(
      () => isRunning(Number(output)),
      (running) => !running,
    );
  },
);

/** Programs that ask, and what the agent sees of that: the exit code, and words in the output. */
const PROMPTS: [command: string, code: number, said: RegExp][] = [
  ['bash -c \'read -rp "Overwrite? [y/N] " answer || { echo "no answer"; exit 3; }\'', 3, /\| no answer\n/],
  ['sh -c \'printf "Password: "; read -r secret </dev/tty; exit 4\'', 4, /\| Password: /],
  ['rm -i asked', 0, /\| \S*rm: remove .*asked'\? *\n\(the last line looks like a question: /],
  ['git -c user.name=x -c user.email=x@x commit', 1, /\| .*(EDITOR|editor|terminal)/i],
  [
    `node -e 'require("node:readline").createInterface({input: process.stdin, output: process.stdout}).question("Name? ", console.log)'`,
    0,
    /\| Name\? *\n\(the last line looks like a question: /,
  ],
];

rigTest('(e) a prompt that nobody answers ends by itself, and is told', async (rig) => {
  await rig.bash('rm -r .git; git init -q; echo x >asked; git add asked');
  const agent = new Agent(rig);
  for (const [n, [command, code, said]] of PROMPTS.entries()) {
    const { output, tookMs, ...answer } = await agent.call(`bgjob run --wait -- ${command}`);
    assert.deepEqual([answer.code, said.test(output)], [code, true], `${command}\n${output}`);
    const { durationMs } = await rig.show(n + 1);
    console.log(`${command.split(' ')[0]}: the job took ${durationMs} ms, the call ${tookMs} ms`);
  }
  assert.ok(fs.existsSync(join(rig.project, 'asked')), 'and nobody said yes');
  agent.tell('e', { calls: PROMPTS.length, bytes: 1500 });
});
