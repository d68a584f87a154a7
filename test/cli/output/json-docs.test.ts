/**
 * docs/json.md against the program: each object that these situations print has the fields of the page, of
 * the documented type; and
 * each field, word and null of the page is shown by one of them. The last test says what was not.
 */
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { STATE_WORDS } from '../../../src/job/view.ts';
import { amend, slay } from '../../chaos/death.ts';
import { Gate } from '../../rig/gate.ts';
import { bearer, send } from '../../rig/http.ts';
import { Shown } from '../../rig/json-page.ts';
import { type Call, type CallOptions, type Rig, ROOT, rigTest } from '../../rig/rig.ts';
import { startedBy, untilEvents } from '../../rig/schedules.ts';
import { Box } from '../../rig/target.ts';
import { killTogether } from '../../rig/together.ts';
import { removeTriggers } from '../../rig/triggers.ts';
import { until } from '../../rig/until.ts';

const shown = new Shown();
/** The section of an object, and its form: a column of what a command looks at. */
type Sort = (object: any) => [section: string, form?: string];
const as =
  (section: string, form?: string): Sort =>
  () =>
    [section, form] as [string, string?];

const SORTS: Record<string, Sort> = {
  ls: as('ls', 'ls'),
  show: as('show', 'show'),
  status: as('status', 'status'),
  kill: as('kill', 'kill'),
  pause: as('pause-resume', 'pause'),
  resume: as('pause-resume', 'pause'),
  set: as('set', 'pause'),
  wait: ({ condition, result }) => {
    const form = result === 'running' || condition !== undefined ? 'wait, it runs' : 'wait';
    return [condition === undefined ? 'wait' : 'wait-for-a-condition', form];
  },
  tail: (object) => {
    if ('matches' in object) return ['tail---grep-the-last-line'];
    if ('match' in object) return ['tail---grep'];
    if ('stream' in object) return ['tail---follow'];
    if (!('tags' in object)) return ['tail'];
    return 'result' in object ? ['wait', 'wait, it runs'] : ['a-job', 'tail -f'];
  },
  run: (object) => {
    if ('reused' in object)
      return ['line' in object ? 'run---batch' : 'restarted' in object ? 'restart' : 'run'];
    return ('result' in object ? SORTS['wait']! : SORTS['tail']!)(object);
  },
  // with --ends: a job as in ls
  watch: ({ event }) => {
    if (event === undefined) return ['ls', 'ls'];
    return event === 'ready' || event === 'removed' ? [`watch-${event}`] : ['watch', 'watch'];
  },
  boot: (object) => ['queue' in object ? 'boot' : 'boot-services'],
};
SORTS['restart'] = SORTS['run']!;

const linesOf = (text: string): string[] => text.split('\n').filter((line) => line !== '');

function addAll(stdout: string, stderr: string, sort: Sort): any[] {
  const objects = linesOf(stdout).map((line) => JSON.parse(line));
  for (const object of objects) shown.add(sort(object)[0], object, sort(object)[1]);
  for (const line of linesOf(stderr).filter((one) => one.startsWith('{'))) {
    const object = JSON.parse(line);
    shown.add('error' in object ? 'errors' : 'warnings', object);
  }
  return objects;
}

/** `bgjob VERB --json ARGS`: what it prints, held against the page. */
async function ask(rig: Rig, [verb, ...args]: string[], sort?: Sort, options?: CallOptions): Promise<any[]> {
  const { stdout, stderr } = await rig.bgjob([verb!, '--json', ...args], options);
  return addAll(stdout, stderr, sort ?? SORTS[verb!] ?? as(verb!));
}
/** The same of a call that stays, from which `first` is awaited. */
function stay(rig: Rig, [verb, ...args]: string[]): Call & { end(): Promise<any[]> } {
  const call = rig.startBgjob([verb!, '--json', ...args]);
  const end = async () => {
    const { stdout, stderr } = await call.answer;
    return addAll(stdout, stderr, SORTS[verb!]!);
  };
  return { ...call, end };
}

/** Every command that looks at a job. */
const lookAt = (rig: Rig, id: number) =>
  Promise.all([
    ask(rig, ['show', `${id}`]),
    ask(rig, ['status', `${id}`]),
    ask(rig, ['wait', `${id}`, '--timeout', '0']),
    ask(rig, ['tail', `${id}`]),
  ]);
const lookAtAll = (rig: Rig) => ask(rig, ['ls', '-a', '-n', '100', '--ports', '--usage']);

let situations = 0;
let passed = 0;
function situation(name: string, body: (rig: Rig) => Promise<void>): void {
  situations++;
  rigTest(name, async (rig) => {
    await body(rig);
    passed++;
  });
}

situation('failures far from the end of a log', async (rig) => {
  const script = "echo 'error: x'; seq 300; exit 1";
  await ask(rig, ['run', '-w', '--', 'sh', '-c', script]);
  await ask(rig, ['run', '-w', '--split', '--', 'sh', '-c', `{ ${script}; } >&2`]);
});

situation('what set and --retry-on change', async (rig) => {
  await ask(rig, ['run', '-Q', 'q', '--', 'sleep', '1000']);
  await rig.untilState(1, 'running');
  await ask(rig, ['set', '1', '--idle-timeout', '3h', '--timeout', '2h']);
  await lookAt(rig, 1);
  await rig.bgjob(['kill', '1']);
  await ask(rig, ['run', '--retry', '1', '--retry-on', '75', '--wait', '--', 'false']);
  await lookAt(rig, 2);
});

situation('a job that runs', async (rig) => {
  const puppet = await rig.puppet();
  await ask(rig, ['run', '-n', 'web', '-t', 'a', '--on-exit', 'exit 3', '--notify', '--', ...puppet.command]);
  await rig.untilState(1, 'running');
  await lookAt(rig, 1);
  const { port } = await puppet.order({ do: 'listen' });
  await puppet.print('one\ntwo');
  await lookAt(rig, 1);
  await lookAtAll(rig);
  await ask(rig, ['tail', '1', '--raw']);
  await ask(rig, ['path', '1']);
  const web = createServer((_, response) => response.end()).listen(0, '127.0.0.1');
  await new Promise((resolve) => web.once('listening', resolve));
  const url = `http://127.0.0.1:${(web.address() as AddressInfo).port}/`;
  for (const condition of [
    ['--until', 'one'],
    ['--fail-on', 'one'],
    ['--until-port', `${port}`],
    ['--until-url', url],
    ['--until-cmd', 'true'],
    ['--until-file', rig.project],
    ['--until-idle', '1ms'],
  ])
    await ask(rig, ['wait', '1', ...condition]);
  web.close();
  await ask(rig, ['run', '-n', 'web', '--reuse', '--', 'true']);
  await ask(rig, ['run', '-n', 'web', '--', 'true']);
  await ask(rig, ['tail', '1', '--grep', 'one', '-C', '1']);
  await ask(rig, ['tail', '1', '-f'], undefined, { env: { BGJOB_MAX_WAIT: '1ms' } });
  const following = [stay(rig, ['tail', '1', '-f']), stay(rig, ['tail', '1', '-f', '--raw'])];
  for (const { stdout } of following) await until(stdout, (text) => text !== '', 'what is there');
  await puppet.print('three\n');
  await until(
    () => following.map(({ stdout }) => linesOf(stdout()).length),
    (counts) => counts.every((count) => count > 1),
    'what follows',
  );
  for (const verb of ['pause', 'pause', 'resume', 'resume']) {
    await ask(rig, [verb, '1']);
    await ask(rig, ['show', '1']);
  }
  await puppet.ignore('SIGTERM');
  await ask(rig, ['kill', '1', '--grace', '1ms']);
  await ask(rig, ['kill', '1']);
  for (const one of following) await one.end();
  await rig.untilShown(
    1,
    ({ onExit }) => onExit.state,
    (state) => state === 'exited',
    'the end of --on-exit',
  );
  await rig.untilShown(
    1,
    ({ notify }) => notify.state,
    (state) => state === 'nobody',
    'the end of --notify',
  );
  await lookAt(rig, 1);
});

situation('jobs of the session of an agent', async (rig) => {
  await ask(rig, ['run', '--', 'true'], undefined, { env: { CLAUDE_CODE_SESSION_ID: 'a' } });
  await ask(rig, ['run', '--', 'true'], undefined, { env: { BGJOB_SESSION: 'a' } });
  await ask(rig, ['run', '--', 'true'], undefined, { env: { BGJOB_SESSION: 'no session' } });
  await Promise.all([1, 2, 3].map((id) => ask(rig, ['wait', `${id}`])));
  await lookAtAll(rig);
  await ask(rig, ['run', '--tell', '--', 'true']);
  const codex = join(rig.dir, 'bin/codex');
  const env = { CODEX_THREAD_ID: 'a' };
  for (const [words, line, state] of [
    [['--tell', '--', 'true'], 'exit 0', 'queued'],
    [['--tell=failure', '--', 'false'], 'exit 1', 'failed'],
  ] as const) {
    fs.writeFileSync(codex, `#!/bin/sh\n${line}\n`, { mode: 0o755 });
    const id = await rig.run([...words], { env });
    await rig.untilShown(
      id,
      ({ tell }) => tell.state,
      (now) => now === state,
      'the end of --tell',
    );
    await ask(rig, ['show', `${id}`]);
  }
});

situation('a job of whose name three jobs succeeded', async (rig) => {
  for (let n = 0; n < 3; n++) await rig.runOut(['-n', 'again', '--', 'true']);
  const puppet = await rig.puppet();
  const id = await rig.run(['-n', 'again', '--', ...puppet.command]);
  await rig.untilState(id, 'running');
  await lookAt(rig, id);
  await lookAtAll(rig);
  await puppet.exit(0);
});

situation(
  'times of lines: the log of stderr has them for its last line, or where the job was short',
  async (rig) => {
    await rig.bgjob(['run', '-w', '--split', '--', 'sh', '-c', 'echo out; yes | head -c 300000 >&2']);
    await ask(rig, ['tail', '-t', '1']);
    const later = Date.now() / 1000 + 3600;
    fs.utimesSync(rig.file(1, 'out/err'), later, later);
    await ask(rig, ['tail', '-t', '1', '--err', '-n', '3']);
    await ask(rig, ['tail', '-t', '1', '--grep', '.', '--max', '3']);
    await ask(rig, ['tail', '-t', '-f', '1', '--err', '--since', '0']);
  },
);

situation('jobs that have ended', async (rig) => {
  await ask(rig, ['run', '-w', 'exit 141']);
  await ask(rig, ['run', '-w', '--split', 'echo out; echo err >&2; exit 3']);
  await ask(rig, ['run', '-f', '--split', '--', 'sh', '-c', 'echo out; echo err >&2']);
  await ask(rig, ['kill', '2']);
  await ask(rig, ['tail', '2', '--err']);
  await ask(rig, ['tail', '2', '--grep', 'err']);
  await ask(rig, ['tail', '-t', '1', '2']);
  await ask(rig, ['path', '2', '--err']);
  const puppet = await rig.puppet();
  const split = await rig.run(['--split', '--', ...puppet.command]);
  await puppet.order({ do: 'error', text: 'why\n' });
  await ask(rig, ['wait', `${split}`, '--until', 'why']);
  await ask(rig, ['wait', `${split}`, '--timeout', '0']);
  await puppet.exit(0);
  await ask(rig, ['tail', '-f', `${split}`]);
  await ask(rig, ['run', '-w', '--timeout', '1ms', '--', 'sleep', '1000']);
  await ask(rig, ['run', '-w', '--memory', '1M', '--', 'sleep', '1000']);
  const [kept] = await ask(rig, ['run', '-w', '--keep-env', 'bgjob run -- true']);
  await ask(rig, ['restart', `${kept.id}`, '-w']);
  await ask(rig, ['restart', '1', '-w']);
  fs.mkdirSync(join(rig.dir, 'place'));
  const line = `rmdir ${rig.dir}/place`;
  const id = await rig.runOut(['-C', `${rig.dir}/place`, '--on-exit', 'true', '--notify=failure', line]);
  await rig.untilShown(
    id,
    ({ onExit }) => onExit.state,
    (state) => state === 'failed',
    'an --on-exit that fails',
  );
  const gate = new Gate(rig);
  const hooked = await rig.run(['--on-exit', gate.line, '--', 'true']);
  await rig.untilShown(
    hooked,
    ({ onExit }) => onExit.state,
    (state) => state === 'runs',
    'an --on-exit that runs',
  );
  await ask(rig, ['show', `${hooked}`]);
  await slay(Number(fs.readlinkSync(rig.file(hooked, 'hooks')).split('.')[0]));
  await ask(rig, ['show', `${hooked}`]);
  gate.open();
  // no machine of these tests has control groups that count
  amend(rig.file(hooked, 'state.json'), (state) => {
    state.usage = { cpuMs: 10, peakMemoryBytes: 4096, from: 'cgroup' };
  });
  await ask(rig, ['show', `${hooked}`]);
  await ask(rig, ['ls', '--unseen']);
  for (const { id } of await lookAtAll(rig)) await lookAt(rig, id);
});

situation(
  'a job of which nobody saw the end; records that are damaged, or of another machine',
  async (rig) => {
    rig.damaged = true;
    const puppet = await rig.puppet();
    await rig.run(['--on-exit', 'true', '--', ...puppet.command]);
    await rig.untilState(1, 'running');
    const { shim, watcher, main } = await rig.shimOf(1);
    await killTogether([watcher, shim, rig.ownerPid(1), main]);
    await rig.untilState(1, 'lost');
    fs.writeFileSync(rig.file(1, 'crash.1'), JSON.stringify({ v: 1, at: Date.now(), why: 'a test' }));
    fs.unlinkSync(rig.file(1, 'out/log'));
    await rig.runOut(['--', 'true']);
    fs.writeFileSync(rig.file(2, 'spec.json'), '{');
    fs.rmSync(rig.file(2, 'state.json'));
    const other = await rig.puppet();
    await rig.run(['--', ...other.command]);
    await rig.untilState(3, 'running');
    const state = fs.readFileSync(rig.file(3, 'state.json'));
    await rig.bgjob(['kill', '3']);
    await rig.untilLeft(3);
    fs.writeFileSync(rig.file(3, 'state.json'), state);
    amend(rig.file(3, 'owner.1'), ({ identity }) => {
      Object.assign(identity, { bootId: 'another', machine: 'another' });
    });
    const jobs = await lookAtAll(rig);
    assert.deepEqual(
      jobs.map(({ state }) => state),
      ['elsewhere', 'unreadable', 'lost'],
    );
    for (const { id } of jobs) await lookAt(rig, id);
    amend(rig.file(1, 'spec.json'), (spec) => {
      spec.createdAt += 2 * 86_400_000;
    });
    await ask(rig, ['doctor']);
  },
);

situation('jobs that wait', async (rig) => {
  const puppet = await rig.puppet();
  await ask(rig, ['queue', 'set', 'q', '--slots', '1']);
  await ask(rig, ['run', '-Q', 'q', '--', ...puppet.command]);
  await rig.untilState(1, 'running');
  await ask(rig, ['queue']);
  fs.writeFileSync(join(rig.project, 'lines'), "a: true\nnohup true\nnohup false\necho 'open\n");
  const added = await ask(rig, ['run', '-Q', 'q', '--skip-bad', '--batch', 'lines']);
  assert.deepEqual(
    added.map(({ id }) => id),
    [2, 3, 4],
  );
  for (const args of [
    ['ls', '-q'],
    ['show', '2'],
    ['status', '2'],
    ['wait', '2', '--timeout', '0'],
    ['queue'],
  ])
    await ask(rig, args);
  await ask(rig, ['move', '4', '--first']);
  await ask(rig, ['boot']);
  await ask(rig, ['queue', 'pause', 'q']);
  await ask(rig, ['queue', 'remove', 'q']);
  await ask(rig, ['run', '--after', '2', '--', 'true']);
  await ask(rig, ['kill', '2', '3', '4']);
  await rig.untilState(5, 'skipped');
  await puppet.exit(0);
  await rig.untilState(1, 'exited');
  await ask(rig, ['queue', 'resume', 'q']);
  await ask(rig, ['run', '-Q', 'q', '--delay', '1h', '--', 'true']);
  await ask(rig, ['queue']);
  await ask(rig, ['kill', '6']);
  fs.mkdirSync(join(rig.dir, 'place'));
  await rig.bgjob(['queue', 'pause', 'q']);
  await rig.run(['-Q', 'q', '-C', join(rig.dir, 'place'), '--', 'true']);
  fs.rmdirSync(join(rig.dir, 'place'));
  await rig.bgjob(['queue', 'resume', 'q']);
  await rig.bgjob(['wait', '7']);
  await ask(rig, ['queue', 'remove', 'q'], as('queue-remove'));
  for (const { id } of await lookAtAll(rig)) await lookAt(rig, id);
});

situation('what starts and stops', async (rig) => {
  const puppet = await rig.puppet();
  await rig.run(['-n', 'web', '--', ...puppet.command]);
  await rig.untilState(1, 'running');
  // until its owner has written that it runs, a job is starting
  const state = rig.file(1, 'state.json');
  fs.renameSync(state, `${state}.away`);
  await lookAt(rig, 1);
  fs.renameSync(`${state}.away`, state);
  await puppet.ignore('SIGTERM');
  const killing = rig.startBgjob(['kill', '1', '--grace', '1h']);
  await rig.untilState(1, 'stopping');
  await lookAt(rig, 1);
  await rig.bgjob(['kill', '1', '--now']);
  await killing.answer;
  const second = await rig.puppet();
  await rig.run(['-n', 'web', '--', ...second.command]);
  await second.ready();
  await ask(rig, ['run', '-n', 'web', '--replace', '-w', '--', 'true']);
});

situation('a failure whose records are gone', async (rig) => {
  await rig.runOut(['-Q', 'q', 'exit 3']);
  await rig.bgjob(['tail', '1']);
  await rig.runOut(['--', 'true']);
  await ask(rig, ['gc', '--ended', '--dry-run']);
  await ask(rig, ['gc', '--ended']);
  const [removed] = await ask(rig, ['wait', '--queue', 'q']);
  assert.equal(removed.result, 'removed');
});

situation('send', async (rig) => {
  for (const name of [['-n', 'cat'], []]) await rig.run([...name, '--stdin', 'hold', '--', 'cat']);
  for (const id of ['1', '2']) {
    await rig.untilState(Number(id), 'running');
    await ask(rig, ['send', id, 'a', 'b', '--eof']);
  }
  await rig.bgjob(['wait', '1', '2']);
  await ask(rig, ['send', '1', 'a']);
});

const FAR = '0 0 1 1 *';

/** Writes into the journal of a schedule or trigger. */
function note(rig: Rig, what: string, event: object): void {
  const plain = { at: 1e12, until: null, times: 1, why: null, job: null, notedAt: 1e12, delivery: null };
  const path = join(rig.home, what, 'history');
  fs.appendFileSync(path, `\n${JSON.stringify({ ...plain, ...event })}\n`, { mode: 0o600 });
}

situation('cron', async (rig) => {
  const add = (name: string, expression: string, ...more: string[]) =>
    ask(rig, ['cron', 'add', expression, '-n', name, ...more], as('cron-add'));
  await add('far', FAR, '--catch-up', 'exit 1');
  await add('daily', '@daily', '--overlap', 'queue', '-Q', 'q', '--', 'true');
  await add('broken', FAR, '--overlap', 'allow', '--', 'true');
  await add('gone', FAR, '--overlap', 'allow', '--', 'true');
  await add('tick', '@every 1s', '--', 'true');
  await untilEvents(rig, 'tick', (events) => startedBy(events).length > 0);
  await lookAtAll(rig);
  // in a link that then leads nowhere, with a TZ and with an expression that are read otherwise elsewhere
  const link = join(rig.project, 'link');
  fs.symlinkSync(rig.project, link);
  await ask(rig, ['run', '-C', 'link', 'true']);
  await ask(rig, ['show', '@last']);
  const days = ['cron', 'add', '0 0 */2 2 1', '-n', 'linked', '-C', 'link', "date '+\\%F'"];
  await ask(rig, days, as('cron-add'), { env: { TZ: '' } });
  fs.rmSync(link);
  await ask(rig, ['cron', 'ls']);
  await rig.bgjob(['cron', 'rm', 'linked']);
  await rig.bgjob(['cron', 'rm', 'tick']);
  await ask(rig, ['boot']);
  const [{ id }] = await ask(rig, ['cron', 'run', 'far'], as('cron-run'));
  await rig.bgjob(['wait', `${id}`]);
  await lookAt(rig, id);
  for (const by of ['time', 'catch-up']) note(rig, 'schedules/gone', { did: 'started', job: 9999, by });
  note(rig, 'schedules/gone', { did: 'missed', by: 'time', until: 1e12 + 1000, times: 2, why: 'a test' });
  await ask(rig, ['cron', 'pause', 'far'], as('cron-pause-cron-resume'));
  await ask(rig, ['cron', 'ls']);
  await ask(rig, ['cron', 'resume', 'far'], as('cron-pause-cron-resume'));
  fs.writeFileSync(join(rig.home, 'schedules', 'broken', 'record.json'), '{');
  await ask(rig, ['cron', 'ls']);
  for (const name of ['far', 'gone'])
    await ask(rig, ['cron', 'ls', name], as('cron-ls-name-trigger-ls-name'));
  await lookAtAll(rig);
  await ask(rig, ['cron', 'rm', 'far', 'daily', 'broken', 'gone'], as('cron-rm-trigger-rm'));
});

situation('trigger', async (rig) => {
  const [added] = await ask(
    rig,
    ['trigger', 'add', 'hook', '-Q', 'q', 'exit 1'],
    as('trigger-add-trigger-rotate'),
  );
  await ask(rig, ['trigger', 'add', 'gone', '--', 'true'], as('trigger-add-trigger-rotate'));
  await ask(rig, ['trigger', 'add', 'broken', '--', 'true'], as('trigger-add-trigger-rotate'));
  await ask(rig, ['boot']);
  const told = as('wait---trigger');
  await ask(rig, ['wait', '--trigger', 'hook', '--timeout', '0'], told);
  const headers = { ...bearer(added.secret), 'Webhook-Id': 'one' };
  for (const sent of [headers, headers, bearer(added.secret)]) {
    await send(added.url, { headers: sent });
    const [answer] = await ask(rig, ['wait', '--trigger', 'hook', '--timeout', '0'], told);
    if (answer.id !== null) await lookAt(rig, answer.id);
  }
  // one that is ignored, and one that is refused
  await send(added.url, { headers: { ...bearer(added.secret), 'X-GitHub-Event': 'ping' } });
  await send(added.url);
  const at = Date.now();
  note(rig, 'triggers/hook', { at, did: 'failed', by: 'delivery', why: 'a test', notedAt: at });
  await ask(rig, ['wait', '--trigger', 'hook', '--timeout', '0'], told);
  note(rig, 'triggers/gone', { did: 'started', job: 9999, by: 'delivery' });
  fs.writeFileSync(join(rig.home, 'triggers', 'broken', 'record.json'), '{');
  await ask(rig, ['trigger', 'ls']);
  await ask(rig, ['trigger', 'ls', 'hook'], as('cron-ls-name-trigger-ls-name'));
  await ask(rig, ['trigger', 'rotate', 'hook'], as('trigger-add-trigger-rotate'));
  await lookAtAll(rig);
  await ask(rig, ['trigger', 'rm', 'hook'], as('cron-rm-trigger-rm'));
  await removeTriggers(rig);
});

situation('watch', async (rig) => {
  const puppet = await rig.puppet();
  await rig.runOut(['-n', 'one', '--split', 'exit 3']);
  const ends = stay(rig, ['watch', '--ends']);
  const call = stay(rig, ['watch', '-a']);
  const awaited = (word: string) => until(call.stdout, (text) => text.includes(word), word);
  await awaited('"ready"');
  await rig.run(['--', ...puppet.command]);
  await puppet.ready();
  await awaited('"added"');
  await puppet.exit(0);
  await awaited('"changed"');
  await rig.untilLeft(2);
  await until(ends.stdout, (text) => text.includes('"id":2'), 'the end');
  ends.child.kill('SIGTERM');
  assert.deepEqual((await ends.end()).map(({ id, exitCode }) => [id, exitCode]).at(-1), [2, 0]);
  await rig.runOut(['--', 'true']);
  await rig.bgjob(['gc', '--ended']);
  await awaited('"removed","id":1');
  await awaited('"removed","id":2');
  call.child.kill('SIGTERM');
  await call.end();
});

situation('what is about bgjob itself', async (rig) => {
  for (const shell of ['bash', 'zsh', 'fish']) await ask(rig, ['completion', shell]);
  await ask(rig, ['skill']);
  const skill = (...args: string[]) =>
    ask(rig, ['skill', ...args], as('skill---user---project---agents-md---codex'));
  for (const more of [[], [], ['--remove'], ['--remove']])
    await skill('--user', '--project', '--agents-md', '--codex', ...more);
  await skill('--project');
  await skill('--codex', '--dry-run');
  const page = join(rig.project, '.claude/skills/bgjob/SKILL.md');
  fs.appendFileSync(page, 'mine\n');
  await skill('--project');
  await skill('--project', '--force');
  for (const line of ['true &', 'setsid true', 'true & disown', 'true | tail -1', 'true | head -1'])
    await ask(rig, ['run', '-w', line]);
  for (const file of ['/dev/null', 'file']) await ask(rig, ['run', '-w', `date > ${file}`]);
  fs.writeFileSync(join(rig.project, '.env'), 'P=a#b\n');
  const env = { EDITOR: 'vim', GIT_INDEX_FILE: '/repo/index.lock', RUNNER_TRACKING_ID: 'github_1' };
  const [{ id }] = await ask(rig, ['run', '--env-file', '.env', '--', 'true'], undefined, { env });
  await ask(rig, ['show', `${id}`]);
  await ask(rig, ['doctor', '--self-test=exit-code'], ({ check }) => [
    check === undefined ? 'doctor---self-test' : 'doctor---self-test-a-check',
  ]);
  fs.writeFileSync(join(rig.project, 'input'), 'data\n');
  const piped = await rig.bash('bgjob run --json -w -- true <input');
  addAll(piped.stdout, piped.stderr, SORTS['run']!);
  await ask(rig, ['ls', '--state', 'done']);
  await ask(rig, ['show', '9']);
  await ask(rig, ['run', '-C', '/none', 'true']);
  await rig.runOut(['--', 'true']);
  fs.writeFileSync(join(rig.home, 'config.json'), '{');
  await ask(rig, ['doctor']);
  await ask(rig, ['run', 'true']);
  await ask(rig, ['wait', '1']);
});

situation('a job on another machine, and the machine', async (rig) => {
  const box = new Box(rig);
  box.config({
    box: { host: 'gpu1', cwd: '/', dir: join(box.home, 'dir'), slots: 2 },
    other: { host: 'gpu2' },
  });
  await ask(rig, ['targets']);
  await ask(rig, ['targets', 'box'], as('targets-target'));
  const [{ id }] = await ask(rig, ['run', '--on', 'box', '--', 'sleep', '1000']);
  await rig.untilState(id, 'running');
  await ask(rig, ['run', '--on', 'other', '--', 'true']);
  box.cut();
  await rig.untilShown(
    id,
    (job) => job.target.silentSince,
    (since) => since !== null,
    'it does not answer',
  );
  await ask(rig, ['show', `${id}`]);
  await ask(rig, ['targets']);
  await ask(rig, ['targets', 'box'], as('targets-target'));
  await ask(rig, ['kill', `${id}`]);
  box.mend();
  await ask(rig, ['wait', `${id}`]);
  await ask(rig, ['ls', '-a']);
  await box.end();
});

/** What these situations do not show, and why. */
const UNSHOWN: [fact: RegExp, why: string][] = [
  [/^(codes-of-errors|findings-of-doctor): /, 'the lists are held against the sources below'],
  [/^targets-target grade: (python3|sh)$/, 'needs a machine without perl: unit/engine/targets'],
  [
    /^(a-job target\.(engine: slurm|(host: null|(partition|nativeId|node|waitsFor|verdict|said): a value))|verdicts: )/,
    'needs Slurm: programs/targets/slurm-verbs',
  ],
  [
    /^targets(-target)? (engine: slurm|host: null|(partition|options|setup|slurm\b.*): a value)$/,
    'needs Slurm: programs/targets/slurm-verbs',
  ],
  [/ shell: sh$/, 'needs a machine without bash: cli/run/no-bash'],
  [/^kill unseen: (a value|environments)$/, 'needs a target without /proc: cli/targets/waiting'],
  [/^kill hidden\[\]\./, 'needs another user: hostile/hidden-processes'],
  [/^what-happens-after-the-end: (desktop|terminal)$/, 'needs a desktop or a terminal: cli/hooks/notify'],
  [/^what-happens-after-the-end: due$/, 'lasts an instant'],
  [/^move place: null$/, 'the job starts in the instant in which it is moved'],
  [/^watch-removed project: null$/, 'gc removes no job that cannot be read'],
  [/^doctor hint: null$/, 'no finding of a machine that is well'],
  [/^doctor queue: a value$/, 'needs another namespace or a file system of its own: cli/doctor/doctor-home'],
  [/^codes-of-warnings: ends-with-call$/, 'needs a sandbox: programs/enclosed'],
  [/^codes-of-warnings: ends-with-service$/, 'needs a control group of a service: cli/run/early-end'],
  [
    /^doctor---self-test-a-check (why: a|calls:|result: (failed|skipped))/,
    'needs a broken tool: cli/doctor/self-test',
  ],
  [/^codes-of-warnings: open-listener$/, 'would listen on the addresses of this machine'],
];

test('each field, each null and each word of the page is shown by a situation', () => {
  // with --name only some of them ran
  if (passed < situations) return;
  const unseen = shown.unseen().filter((fact) => !UNSHOWN.some(([pattern]) => pattern.test(fact)));
  assert.deepEqual(unseen, []);
});

test('the lists of codes are those of the sources', () => {
  const codesIn = (...files: string[]): string[] =>
    files.flatMap((file) => {
      const text = fs.readFileSync(join(ROOT, 'src', file), 'utf8');
      return [...text.matchAll(/[{ ] code: '([a-z-]+)'/g)].map(([, code]) => code!);
    });
  const sorted = (words: string[]): string[] => [...new Set(words)].sort();
  assert.deepEqual(
    sorted(shown.wordsIn('codes-of-errors')),
    sorted(codesIn('base/result.ts', 'job/failure.ts')),
  );
  assert.deepEqual(sorted(shown.wordsIn('findings-of-doctor')), sorted(codesIn('engine/doctor/findings.ts')));
  assert.deepEqual(sorted(shown.wordsIn('states')), sorted([...STATE_WORDS]));
});
