/**
 * The recipes of the README, taken out of its text, in a project of npm; and what a person types to run them.
 */
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { freePort } from './ports.ts';
import { isRunning } from './processes.ts';
import { type Call, type Rig, ROOT, rigTest } from './rig.ts';
import { until } from './until.ts';

const README = fs.readFileSync(join(ROOT, 'README.md'), 'utf8');

/** The blocks of one language in the recipe that begins with this bold word. */
export function recipe(title: string, language: string): string[] {
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
  // it goes when there is a file `go`: time for a second Ctrl-C. It says when no TERM ends it any more
  never: () =>
    `process.on('SIGTERM', () => setInterval(() => require('fs').existsSync('go') && process.exit(), 10));
    console.log('starting'); setInterval(() => {}, 1000)`,
  crash: () => `throw new Error('cannot read config.yml')`,
};
const TESTS = `fetch('http://localhost:PORT').then((answer) => answer.text()).then((text) => console.log('got ' + text))
  .then(() => (process.env.HANG ? setInterval(() => {}, 1000) : process.exit(Number(process.env.CODE))))`;

export interface Way {
  /** What a person types. */
  words: string[];
  /** How it ends if the tests end with this. */
  codeOf(code: number): number;
}

/** A project of npm with both recipes, and their port; `wait`: how long they wait for the server. */
export async function projectIn(rig: Rig, server: keyof typeof SERVERS, wait = '1h'): Promise<number> {
  const port = await freePort();
  const fit = (text: string) => text.replaceAll('3000', String(port)).replaceAll('60s', wait);
  const [makefile] = recipe('In a script or a Makefile', 'make');
  const [script] = recipe('In CI', 'sh');
  assert.match(makefile!, /until-port 3000 --ready-within 60s/);
  assert.match(script!, /^#!.*\nset -euo pipefail\n[\s\S]*until-port 3000 --ready-within 60s/);
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
export const start = (rig: Rig, { words }: Way, env: Record<string, string> = {}): Call =>
  rig.start('setsid', words, { env: { npm_config_update_notifier: 'false', CODE: '0', ...env } });

async function assertGone(rig: Rig, port: number, states: RegExp): Promise<void> {
  const jobs = await rig.json(['ls', '-a']);
  for (const { state } of jobs) assert.match(state, states);
  await assert.rejects(fetch(`http://localhost:${port}`), /fetch failed/);
}

/** What becomes of the recipe in one of its ways: in every way that a server and tests can go. */
export function recipeTests(name: string, way: Way, skip: string | false): void {
  rigTest(
    `${name}: the tests reach the server, their code is the end, and the server is gone`,
    async (rig) => {
      const port = await projectIn(rig, 'good');
      for (const code of [0, 3]) {
        const answer = await start(rig, way, { CODE: String(code) }).answer;
        assert.equal(answer.code, way.codeOf(code), answer.stderr);
        assert.match(answer.stderr, new RegExp(`^e2e \\d+ ready: it listens on port ${port} `, 'm'));
        assert.match(answer.stdout, /got hello\n$/);
        assert.match(answer.stderr, new RegExp(`^e2e \\d+ killed .*port ${port} free$`, 'm'));
        if (code !== 0 && name === 'Makefile') assert.match(answer.stderr, /e2e\] Error 3$/m);
        await assertGone(rig, port, /^killed$/);
      }
    },
    { skip },
  );

  rigTest(
    `${name}: a server that never comes, or crashes: no tests, a code, nothing left`,
    async (rig) => {
      const never = await projectIn(rig, 'never', '1s');
      fs.writeFileSync(join(rig.project, 'go'), '');
      const late = await start(rig, way).answer;
      assert.equal(late.code, way.codeOf(75), late.stderr);
      assert.match(late.stderr, /^e2e 1 is not ready after 1s[\s\S]*^e2e 1 (killed|cancelled) /m);
      await assertGone(rig, never, /^(killed|cancelled)$/);
      const crash = await projectIn(rig, 'crash');
      const crashed = await start(rig, way).answer;
      assert.equal(crashed.code, way.codeOf(1), crashed.stderr);
      assert.match(crashed.stderr, /cannot read config\.yml/);
      assert.match(crashed.stderr, /^e2e 2 exited 1 /m);
      assert.doesNotMatch(late.stdout + crashed.stdout, /got /);
      await assertGone(rig, crash, /^(killed|cancelled|exited)$/);
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
      const { pid } = await rig.untilState(2, 'running');
      await until(
        () => rig.log(2),
        (log) => log.includes('starting'),
        'a server that stays',
      );
      process.kill(-waiting.child.pid!, 'SIGINT');
      // and once more, by somebody impatient, when the stop has just begun
      await rig.untilState(2, 'stopping');
      process.kill(-waiting.child.pid!, 'SIGINT');
      fs.writeFileSync(join(rig.project, 'go'), '');
      assert.equal((await waiting.answer).code, 130);
      assert.ok(!isRunning(pid));
      await assertGone(rig, port, /^killed$/);
    },
    { skip },
  );
}
