/**
 * Something else in every place of a home: a directory, a FIFO, a socket, a link to nowhere, to an endless file, to somebody's file or
 * directory. Nobody hangs or crashes, what is said is clear, and what a link leads to is not touched. When the place is as it was, so is
 * everything.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { processesNaming } from '../rig/processes.ts';
import { type Rig, withRig } from '../rig/rig.ts';
import { until } from '../rig/until.ts';
import { inParallel, runPuppet } from './death.ts';
import type { Part, Round, Row } from './part.ts';

/** What is put in a place; `at` is free. */
const KINDS: Record<string, (at: string, victim: string) => void | Promise<void>> = {
  directory: (at) => fs.mkdirSync(at),
  'full directory': (at) => {
    fs.mkdirSync(join(at, 'sub'), { recursive: true });
    fs.writeFileSync(join(at, 'sub/file.tmp'), 'mine');
  },
  file: (at) => fs.writeFileSync(at, 'not what it should be\n'),
  FIFO: (at) => assert.equal(spawnSync('mkfifo', [at]).status, 0),
  socket: (at) => makeSocket(at),
  'link to nowhere': (at) => fs.symlinkSync('/nonexistent/place', at),
  'link to an endless file': (at) => fs.symlinkSync('/dev/zero', at),
  'link to a file': (at, victim) => fs.symlinkSync(join(victim, 'file.tmp'), at),
  'link to a directory': (at, victim) => fs.symlinkSync(victim, at),
  'other name of a file': (at, victim) => fs.linkSync(join(victim, 'file.tmp'), at),
  nothing: () => {},
};

/** A socket in the file system that nobody listens on. */
function makeSocket(at: string): Promise<void> {
  // a path of a socket has at most 107 bytes
  const short = fs.mkdtempSync('/tmp/bgjob-socket-');
  return new Promise((resolve) => {
    const server = createServer().listen(join(short, 's'), () => {
      fs.linkSync(join(short, 's'), at);
      server.close(() => {
        fs.rmSync(short, { recursive: true });
        resolve();
      });
    });
  });
}

/** Everything in a directory, byte by byte, with its times. */
function fingerprint(dir: string): string[] {
  return (fs.readdirSync(dir, { recursive: true }) as string[]).sort().map((name) => {
    const path = join(dir, name);
    const { mode, size, mtimeMs, isFile } = Object.assign(fs.lstatSync(path), {});
    return `${name} ${mode} ${size} ${mtimeMs} ${isFile.call(fs.lstatSync(path)) ? fs.readFileSync(path, 'base64') : ''}`;
  });
}

/** Everything below a home, but of what only one verb of one build has only one. */
function placesIn(home: string): string[] {
  const made = (fs.readdirSync(home, { recursive: true }) as string[]).filter(
    (name) => !/^cache\/(fifo\.\d+\.[1-9]|code\.(?!ls)|code.*\d{3,}\.\d+$)/.test(name),
  );
  // what comes only sometimes, or for an instant
  const jobs = [1, 2].flatMap((id) =>
    ['seen', 'env.json', 'state.json.tmp', 'stop.term', 'out/times', 'out/trimmed', 'out/cursors'].map(
      (name) => `jobs/${id}/${name}`,
    ),
  );
  const homes = [
    'queues/api/paused',
    'queues/api/env.5',
    'queues/api/batch.5',
    'queues/api/new.5',
    'queues/9',
    'schedules/far/at.1.1',
    'schedules/far/history.1',
    'schedules/other',
    'floor.1',
    'cache/gc',
    'cache/gc.lock',
    'jobs/9',
    'live/9',
    'trash/1.2',
    'live/NaN',
  ];
  return [...new Set([...made, ...jobs, ...homes])].sort();
}

const CODES = [0, 1, 3, 75, 125];
/** Nobody hangs; a busy machine is slow. */
const CALLS = [
  ['ls', '-a'],
  ['run', '-w', '--', 'true'],
  ['tail', '1', '--new'],
  ['gc', '--older-than', '1d'],
  ['wait', '1', '2', '--timeout', '20ms'],
  ['run', '-n', 'other', '--replace', '-w', '--max-log', '64k', '--', 'true'],
  ['show', '1'],
  ['tail', '2', '--new'],
  ['ls', '-a', '--json'],
  ['kill', '1'],
  ['status', 'web'],
  ['run', '-n', 'web', '--', 'true'],
  ['tail', '1', '--grep', 'o', '--since', '1m'],
  ['tail', '2', '-f'],
  ['path', '1'],
  ['wait', '2', '--until', 'never', '--timeout', '20ms'],
  ['ls', '--unseen', '-a'],
  ['queue'],
  ['run', '-w', '-Q', 'api', '--', 'true'],
  ['ls', '--queue', 'api'],
  ['queue', 'set', 'api', '--slots', '2'],
  ['move', 'late', '--first'],
  ['queue', 'resume', 'api'],
  ['wait', '--queue', 'api', '--timeout', '20ms'],
  ['queue', 'remove', 'api'],
  ['cron', 'ls'],
  ['cron', 'ls', 'far'],
  ['cron', 'run', 'far'],
  ['cron', 'pause', 'far'],
];

export const kinds: Part = {
  name: 'kinds',
  run: (round) => withRig((rig) => misplaceAll(rig, round)),
};

async function misplaceAll(rig: Rig, { whole, chance }: Round): Promise<Row[]> {
  rig.damaged = true;
  await rig.bgjob(['run', '-w', '-n', 'named', '--', 'sh', '-c', 'echo one; exit 3']);
  await rig.bgjob(['tail', '1', '--new']);
  const puppet = await rig.puppet();
  assert.equal(await runPuppet(rig, puppet, ['-n', 'web', '--split']), 2);
  await puppet.print('two\n');
  await rig.bgjob(['run', '-w', '--', 'true']);
  await rig.bgjob(['queue', 'set', 'api', '--slots', '2']);
  await rig.bgjob(['run', '-w', '-Q', 'api', '--', 'true']);
  const late = await rig.run(['-Q', 'api', '-n', 'late', '--delay', '1d', '--retry', '1', '--', 'true']);
  // paused: no command starts what serves it
  await rig.bgjob(['cron', 'add', '0 0 29 2 *', '-n', 'far', '--', 'true']);
  await rig.bgjob(['cron', 'run', 'far']);
  await rig.bgjob(['cron', 'pause', 'far']);
  const own = (await rig.json(['ls', '-a'])).find((job) => job.origin?.kind === 'own');
  await rig.bgjob(['kill', String(own.id)]);
  const victim = join(rig.dir, 'victim');
  fs.mkdirSync(join(victim, 'sub'), { recursive: true });
  for (const name of ['file.tmp', 'claim.1', '1.2', 'sub/file'])
    fs.writeFileSync(join(victim, name), 'precious\n');
  // old enough for whoever removes what is old
  for (const name of fs.readdirSync(victim)) fs.utimesSync(join(victim, name), 1000, 1000);
  const before = fingerprint(victim);
  // the short round takes a part of them, others each time
  const places = placesIn(rig.home).filter(() => whole || chance() < 0.3);
  let [combinations, calls] = [0, 0];
  for (const place of places) {
    const names = Object.keys(KINDS);
    const chosen = whole ? names : [names[Math.floor(chance() * names.length)]!];
    for (const kind of chosen) {
      const first = Math.floor(chance() * CALLS.length);
      // few of them in the whole round, which has every kind in every place
      const some = Array.from({ length: whole ? 1 : 2 }, (_, n) => CALLS[(first + n) % CALLS.length]!);
      await misplace(rig, place, kind, victim, some);
      assert.deepEqual(fingerprint(victim), before, `${kind} at ${place}: what it leads to was touched`);
      combinations++;
      calls += some.length;
    }
  }
  assert.equal((await rig.bgjob(['status', '1'])).code, 3);
  await puppet.exit(7);
  assert.equal((await rig.bgjob(['wait', '2'])).code, 7);
  assert.match((await rig.bgjob(['kill', String(late)])).stdout, /cancelled/);
  // a scheduler or keeper that was called while its place was another's looks again every ten seconds, and leaves
  const rest = () => processesNaming(rig.dir);
  await until(rest, (left) => left.length === 0, 'the end of what keeps a queue or schedules');
  return [
    { what: 'places of a home', figure: String(places.length) },
    { what: 'kinds of what stood there instead', figure: String(Object.keys(KINDS).length) },
    { what: 'of both together', figure: String(combinations) },
    { what: 'calls beside them', figure: String(calls) },
  ];
}

/** Puts that kind of thing in that place, calls some verbs, and puts back what was there. */
async function misplace(
  rig: Rig,
  place: string,
  kind: string,
  victim: string,
  calls: string[][],
): Promise<void> {
  const path = join(rig.home, place);
  const aside = join(rig.dir, 'aside');
  const wasThere = fs.lstatSync(path, { throwIfNoEntry: false }) !== undefined;
  if (wasThere) fs.renameSync(path, aside);
  else fs.mkdirSync(join(path, '..'), { recursive: true });
  try {
    await KINDS[kind]!(path, victim);
    await inParallel(calls.length, 2, async (n) => {
      const { code, stdout, stderr } = await rig.bgjob(calls[n]!, {
        env: { BGJOB_MAX_WAIT: '100ms' },
      });
      const what = `${kind} at ${place}: ${calls[n]!.join(' ')}: ${code} ${stdout}${stderr}`;
      assert.ok(CODES.includes(code), what);
      assert.doesNotMatch(stderr, /bug in bgjob|^ +at |node:internal|Error:|undefined/m, what);
      if (code === 125) assert.match(stdout + stderr, /\[bgjob\] exit code 125|"error":\{/, what);
    });
  } finally {
    // again while a job that was started there writes
    fs.rmSync(path, { recursive: true, force: true, maxRetries: 20, retryDelay: 50 });
    // a queue in which nothing is to be seen may be removed
    if (wasThere) fs.mkdirSync(join(path, '..'), { recursive: true });
    if (wasThere) fs.renameSync(aside, path);
  }
}
