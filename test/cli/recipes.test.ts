/** The recipes of the README, taken out of its text and run: with a real server, and with everything that may go wrong. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { freePort } from '../rig/ports.ts';
import { isRunning, processesNaming } from '../rig/processes.ts';
import { type Call, type Rig, ROOT, rigTest } from '../rig/rig.ts';
import { until } from '../rig/until.ts';

const README = fs.readFileSync(join(ROOT, 'README.md'), 'utf8');
const lacks = (program: string): string | false =>
  spawnSync(program, ['--version']).error !== undefined && `${program} is not installed`;
const noMake = lacks('make');

/** The blocks of one language in the recipe that begins with this bold word. */
function recipe(title: string, language: string): string[] {
  const start = README.indexOf(`**${title}`);
  assert.ok(start >= 0, `the README has no recipe "${title}"`);
  const after = README.slice(start + 2);
  const text = after.slice(0, /^(\*\*[A-Z]|#+ )/m.exec(after.replace(/^```[\s\S]*?^```$/gm, blank))?.index);
  return [...text.matchAll(/^```(\w+)\n([\s\S]*?)^```$/gm)].flatMap(([, is, body]) =>
    is === language ? [body!] : [],
  );
}
/** A comment in a block is no heading. */
const blank = (block: string): string => block.replace(/[^\n]/g, ' ');

const SERVERS = {
  good: (port: number) =>
    `require('node:http').createServer((_, answer) => answer.end('hello')).listen(${port})`,
  // slow to go: time for a second Ctrl-C
  never: () => `process.on('SIGTERM', () => setTimeout(process.exit, 1000)); setInterval(() => {}, 1000)`,
  crash: () => `throw new Error('cannot read config.yml')`,
};
const TESTS = `fetch('http://localhost:PORT').then((answer) => answer.text()).then((text) => console.log('got ' + text))
  .then(() => (process.env.HANG ? setInterval(() => {}, 1000) : process.exit(Number(process.env.CODE))))`;

interface Way {
  /** What a person types. */
  words: string[];
  /** How it ends if the tests end with this. */
  codeOf(code: number): number;
}
const WAYS: Record<string, Way> = {
  Makefile: { words: ['make', 'e2e'], codeOf: (code) => (code === 0 ? 0 : 2) },
  script: { words: ['bash', 'e2e.sh'], codeOf: (code) => code },
};

/** A project of npm with both recipes, and their port; `wait`: how long they wait for the server. */
async function projectIn(rig: Rig, server: keyof typeof SERVERS, wait = '60s'): Promise<number> {
  const port = await freePort();
  const fit = (text: string) => text.replaceAll('3000', String(port)).replaceAll('60s', wait);
  const [makefile] = recipe('In a script or a Makefile', 'make');
  const [script] = recipe('In CI', 'sh');
  assert.match(makefile!, /until-port 3000 --wait=60s/);
  assert.match(script!, /^#!.*\nset -euo pipefail\n[\s\S]*until-port 3000 --wait=60s/);
  const scripts = {
    start: 'node server.js',
    dev: 'node server.js',
    test: 'node tests.js',
    lint: 'node lint.js',
  };
  const files = {
    Makefile: fit(makefile!),
    'e2e.sh': fit(script!),
    'package.json': JSON.stringify({ name: 'shop', scripts }),
    'server.js': SERVERS[server](port),
    'tests.js': TESTS.replace('PORT', String(port)),
  };
  for (const [name, text] of Object.entries(files)) fs.writeFileSync(join(rig.project, name), text);
  return port;
}

/** In a process group of its own, as a shell starts it. */
const start = (rig: Rig, { words }: Way, env: Record<string, string> = {}): Call =>
  rig.start('setsid', words, { env: { npm_config_update_notifier: 'false', CODE: '0', ...env } });

async function assertGone(rig: Rig, port: number, states: RegExp): Promise<void> {
  const jobs = await rig.json(['ls', '-a']);
  for (const { state } of jobs) assert.match(state, states);
  await assert.rejects(fetch(`http://localhost:${port}`), /fetch failed/);
}

for (const [name, way] of Object.entries(WAYS)) {
  const skip = name === 'Makefile' && noMake;

  rigTest(
    `${name}: the tests reach the server, their code is the end, and the server is gone`,
    async (rig) => {
      const port = await projectIn(rig, 'good');
      for (const code of [0, 3]) {
        const answer = await start(rig, way, { CODE: String(code) }).answer;
        assert.equal(answer.code, way.codeOf(code), answer.stderr);
        assert.match(
          answer.stdout,
          new RegExp(`e2e \\d+ ready: port ${port} [^]*got hello\\n[^]*port ${port} free\\n$`),
        );
        if (code !== 0 && name === 'Makefile') assert.match(answer.stderr, /e2e\] Error 3$/m);
        await assertGone(rig, port, /^killed$/);
      }
    },
    { skip },
  );

  rigTest(
    `${name}: a server that never comes, or crashes: no tests, a code, nothing left`,
    async (rig) => {
      const never = await projectIn(rig, 'never', '2s');
      const late = await start(rig, way).answer;
      assert.equal(late.code, way.codeOf(75), late.stderr);
      assert.match(late.stdout, /^e2e 1 killed /m);
      await assertGone(rig, never, /^killed$/);
      const crash = await projectIn(rig, 'crash');
      const crashed = await start(rig, way).answer;
      assert.equal(crashed.code, way.codeOf(1), crashed.stderr);
      assert.match(crashed.stdout, /cannot read config\.yml[\s\S]*^e2e 2 already exited 1 /m);
      assert.doesNotMatch(late.stdout + crashed.stdout, /got /);
      await assertGone(rig, crash, /^(killed|exited)$/);
    },
    { skip },
  );

  rigTest(
    `${name}: Ctrl-C, in the tests and in the wait for the server, leaves no server`,
    async (rig) => {
      const port = await projectIn(rig, 'good');
      const testing = start(rig, way, { HANG: '1' });
      await until(testing.stdout, (text) => text.includes('got hello'), 'the tests');
      process.kill(-testing.child.pid!, 'SIGINT');
      assert.equal((await testing.answer).code, 130);
      await assertGone(rig, port, /^killed$/);

      await projectIn(rig, 'never');
      const waiting = start(rig, way);
      await rig.untilState(2, 'running');
      const { pid } = await rig.show(2);
      process.kill(-waiting.child.pid!, 'SIGINT');
      // and once more, by somebody impatient, when the kill has just begun
      await until(
        () => processesNaming(rig.dir).map(({ command }) => command),
        (commands) => commands.some((command) => /^\S*node .*kill e2e$/.test(command)),
        'bgjob kill',
      );
      process.kill(-waiting.child.pid!, 'SIGINT');
      assert.equal((await waiting.answer).code, 130);
      assert.ok(!isRunning(pid));
      await assertGone(rig, port, /^killed$/);
    },
    { skip },
  );
}

rigTest(
  'Makefile: two checks side by side, and the code of the one that fails',
  async (rig) => {
    await projectIn(rig, 'good');
    fs.mkdirSync(join(rig.project, 'node_modules', '.bin'), { recursive: true });
    const tsc = join(rig.project, 'node_modules', '.bin', 'tsc');
    fs.writeFileSync(tsc, '#!/bin/sh\necho types: "$@"\n', { mode: 0o755 });
    fs.writeFileSync(join(rig.project, 'lint.js'), '');
    const check = { words: ['make', 'check'], codeOf: (code: number) => code };
    const good = await start(rig, check).answer;
    assert.equal(good.code, 0, good.stderr);
    assert.match(rig.log(2), /^types: --noEmit$/m);
    fs.writeFileSync(join(rig.project, 'lint.js'), 'process.exit(4)');
    const bad = await start(rig, check).answer;
    assert.equal(bad.code, 2);
    assert.match(bad.stderr, /check\] Error 4$/m);
    await until(
      () => rig.json(['ls', '-a']),
      (jobs) => jobs.every(({ state }) => state === 'exited'),
      'the end of all',
    );
  },
  { skip: noMake },
);

rigTest(
  'CI: a job with limits, its output in a file, its code',
  async (rig) => {
    fs.writeFileSync(join(rig.project, 'Makefile'), 'all:\n\t@echo built; exit $(CODE)\n');
    const line = recipe('In CI', 'sh')[1]!;
    assert.match(line, /tee build\.txt/);
    assert.equal((await rig.bash(line, { env: { CODE: '0' } })).code, 0);
    assert.equal((await rig.bash(line, { env: { CODE: '7' } })).code, 2);
    assert.match(fs.readFileSync(join(rig.project, 'build.txt'), 'utf8'), /^built\n/);
  },
  { skip: noMake },
);

rigTest('a coding agent: its page is there, and the result comes in the same call', async (rig) => {
  await projectIn(rig, 'good');
  fs.writeFileSync(join(rig.project, 'tests.js'), 'process.exit(Number(process.env.CODE))');
  const answer = await rig.bash(recipe('With a coding agent', 'sh')[0]!, { env: { CODE: '3' } });
  assert.equal(answer.code, 3, answer.stderr);
  assert.match(answer.stdout, /^1 exited 3 |^test 1 exited 3 /m);
  assert.ok(fs.existsSync(join(rig.project, '.claude/skills/bgjob/SKILL.md')));
  assert.match(fs.readFileSync(join(rig.project, 'AGENTS.md'), 'utf8'), /bgjob/);
});

rigTest('a server in three calls: they say what the README says', async (rig) => {
  const port = await projectIn(rig, 'good');
  const text = recipe('A server, in three calls', 'sh')[0]!.replaceAll('3000', String(port));
  const { code, stdout, stderr } = await rig.bash(text);
  assert.equal(code, 0, stderr);
  const said = text.split('\n').flatMap((line) => /# (web 42 .*)/.exec(line)?.[1] ?? []);
  assert.equal(said.length, 2);
  for (const line of said) {
    const pattern = line.replace(/[().]/g, '\\$&').replace(/\b(42|812|4)\b|0\\\.8s/g, '[\\d.hms]+');
    assert.match(stdout, new RegExp(`^${pattern}$`, 'm'));
  }
});

rigTest(
  'a script of many lines, in another language',
  async (rig) => {
    const { code, stdout } = await rig.bash(recipe('A script of many lines', 'sh')[0]!);
    assert.equal(code, 0);
    assert.match(stdout, /^\| any #! line will do/m);
  },
  { skip: lacks('python3') },
);

rigTest(
  'a queue of compilations',
  async (rig) => {
    const line = /^find .*--batch - --wait/m.exec(README)?.[0];
    assert.ok(line, 'the README has no queue of compilations');
    for (const name of ['a', 'b']) fs.writeFileSync(join(rig.project, `${name}.c`), `int ${name};\n`);
    assert.equal((await rig.bash(line)).code, 0);
    assert.ok(fs.existsSync(join(rig.project, 'a.o')) && fs.existsSync(join(rig.project, 'b.o')));
    fs.writeFileSync(join(rig.project, 'b.c'), 'int b\n');
    assert.equal((await rig.bash(line)).code, 1);
  },
  { skip: lacks('gcc') },
);
