/** Schedules as people meet them: added, listed, fired, paused, run by hand, removed; and what is refused. */
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { processesNaming } from '../rig/processes.ts';
import { type Rig, rigTest } from '../rig/rig.ts';
import { eventsOf, type Told } from '../rig/schedules.ts';
import { until } from '../rig/until.ts';

/** Never in the time of a test. */
const FAR = '0 0 29 2 *';

const untilEvents = (rig: Rig, name: string, holds: (events: Told[]) => boolean): Promise<Told[]> =>
  until(() => eventsOf(rig, name), holds, `what ${name} did`);
const startsOf = (events: Told[]): number[] => events.flatMap(({ job }) => job ?? []);
/** The job that serves all of them; the newest. */
const schedulerOf = async (rig: Rig): Promise<{ id: number; state: string; project: string } | undefined> =>
  (await rig.json(['ls', '-a', '-n', '50'])).find((job) => job.origin?.kind === 'own');

rigTest('a schedule fires at its times, each as an ordinary job; rm ends what served it', async (rig) => {
  const added = await rig.bgjob([
    'cron',
    'add',
    '@every 1s',
    '--name',
    'tick',
    '--',
    'sh',
    '-c',
    'echo at $BGJOB_SCHEDULED_AT',
  ]);
  assert.deepEqual([added.code, added.stdout], [0, 'tick\n']);
  assert.match(
    added.stderr,
    /^next: \d{4}-\d\d-\d\d \d\d:\d\d:\d\d \S+ \(in [\d.]+s\); runs sh -c 'echo at \$BGJOB_SCHEDULED_AT' in \S+, with PATH HOME /,
  );
  assert.match(added.stderr, /after a restart of the machine/);
  const [, second] = await untilEvents(rig, 'tick', (all) => all.length >= 2);
  assert.deepEqual(
    [second!.did, second!.why, second!.by, second!.times, second!.until],
    ['started', null, 'time', 1, null],
  );
  const show = await rig.show(second!.job!);
  assert.deepEqual([show.name, show.origin], ['tick', { kind: 'schedule', name: 'tick', at: second!.at }]);
  const scheduler = (await schedulerOf(rig))!;
  assert.deepEqual([show.parent, scheduler.state], [scheduler.id, 'running']);
  assert.equal((await rig.bgjob(['wait', String(second!.job)])).code, 0);
  assert.equal(rig.log(second!.job!), `at ${second!.at}\n`);
  assert.match(
    (await rig.bgjob(['show', String(second!.job)])).stdout,
    /^started by schedule tick, for \S+Z \(job 1\)$/m,
  );
  // in the list of this project there are its jobs, and not what serves it
  const here = await rig.json(['ls', '-n', '50']);
  assert.ok(here.every(({ name }: { name: string }) => name === 'tick'));
  const list = await rig.bgjob(['cron', 'ls']);
  assert.match(
    list.stdout,
    /^NAME +SCHEDULE +NEXT +LAST +NOT RUN +COMMAND\ntick +@every 1s +in [\d.]+s +\d+ (exited 0|running|starting) /,
  );
  assert.match((await rig.bgjob(['tail', String(scheduler.id)])).stdout, /tick: started job \d+ \(due /);
  const removed = await rig.bgjob(['cron', 'rm', 'tick']);
  assert.equal(removed.stdout, 'tick: removed\n');
  await rig.untilState(scheduler.id, 'exited');
  assert.match(rig.log(scheduler.id), /no schedule is left, or all are paused\n$/);
  const at = new Set((await rig.json(['ls', '-n', '50'])).map((job) => job.origin.at));
  assert.equal(at.size, (await rig.json(['ls', '-n', '50'])).length, 'no time twice');
  assert.equal(
    (await rig.bgjob(['cron', 'ls'])).stderr,
    "no schedules yet: bgjob cron add '0 3 * * *' --name nightly -- ./backup.sh\n",
  );
});

rigTest('a job gets what was chosen for it, and nothing else of the call; nothing is shown', async (rig) => {
  fs.writeFileSync(join(rig.project, 'vars'), 'FROM_FILE=file\n');
  const env = { TOKEN: 'hidden-token', OTHER: 'hidden-other', LANG: 'C.UTF-8', SHELL: '/bin/sh' };
  const words = [
    'cron',
    'add',
    FAR,
    '-n',
    'own',
    '--pass-env',
    'TOKEN,NOT_SET',
    '-e',
    'A=hidden-a',
    '--env-file',
    'vars',
    '--tz',
    'utc',
    '--',
    'env',
  ];
  const added = await rig.bgjob(words, { env });
  assert.equal(added.code, 0);
  const id = Number((await rig.bgjob(['cron', 'run', 'own'], { env: { OTHER: 'now' } })).stdout);
  assert.equal((await rig.bgjob(['wait', String(id)])).code, 0);
  const got = rig.log(id).trim().split('\n').sort();
  const names = got.map((line) => line.slice(0, line.indexOf('=')));
  assert.deepEqual(names, [
    ...[
      'A',
      'BGJOB_HOME',
      'BGJOB_ID',
      'BGJOB_SCHEDULE',
      'BGJOB_TOKEN',
      'FROM_FILE',
      'GIT_PAGER',
      'GIT_TERMINAL_PROMPT',
      'HOME',
    ],
    ...['LANG', 'PAGER', 'PATH', 'PWD', 'PYTHONUNBUFFERED', 'SHELL', 'TOKEN'],
  ]);
  for (const line of [
    'TOKEN=hidden-token',
    'A=hidden-a',
    'FROM_FILE=file',
    `PWD=${rig.project}`,
    'BGJOB_SCHEDULE=own',
  ])
    assert.ok(got.includes(line), line);
  const told = [
    added,
    await rig.bgjob(['cron', 'ls', '--json']),
    await rig.bgjob(['show', String(id)]),
    await rig.bgjob(['show', String(id), '--json']),
  ];
  for (const { stdout, stderr } of told) assert.doesNotMatch(stdout + stderr, /hidden/);
  assert.match(added.stderr, /with PATH HOME LANG SHELL TOKEN\n/);
  assert.equal(fs.statSync(join(rig.home, 'schedules/own/record.json')).mode & 0o777, 0o600);
  const scheduler = (await schedulerOf(rig))!;
  const cmdlines = processesNaming(rig.dir).map(({ pid }) => fs.readFileSync(`/proc/${pid}/cmdline`, 'utf8'));
  assert.doesNotMatch(cmdlines.join('\n'), /hidden/);
  await rig.bgjob(['cron', 'rm', 'own']);
  await rig.untilState(scheduler.id, 'exited');
});

rigTest('while the last one runs: left out, put behind it, or started beside it', async (rig) => {
  const gate = join(rig.project, 'gate');
  for (const overlap of ['skip', 'queue', 'allow'])
    await rig.bgjob([
      'cron',
      'add',
      '@every 1s',
      '-n',
      overlap,
      '--overlap',
      overlap,
      '--',
      'sh',
      '-c',
      `until [ -e ${gate} ]; do sleep 0.02; done`,
    ]);
  const skipped = await untilEvents(
    rig,
    'skip',
    (all) => all.filter(({ did }) => did === 'skipped').length >= 2,
  );
  const [first] = startsOf(skipped);
  assert.deepEqual(
    [skipped[1]!.did, skipped[1]!.why, skipped[1]!.job],
    ['skipped', `job ${first} still runs`, null],
  );
  assert.deepEqual(startsOf(skipped), [first]);
  const queued = startsOf(await untilEvents(rig, 'queue', (all) => all.length >= 3)).slice(0, 3);
  assert.deepEqual(
    (await Promise.all(queued.map((id) => rig.show(id)))).map(({ state }) => state),
    ['running', 'queued', 'queued'],
  );
  assert.equal((await rig.show(queued[2]!)).reason, `waits for job ${queued[1]}`);
  const allowed = startsOf(await untilEvents(rig, 'allow', (all) => all.length >= 2)).slice(0, 2);
  const views = await Promise.all(allowed.map((id) => rig.show(id)));
  // one live job has the name
  assert.deepEqual(
    views.map(({ state, name }) => [state, name]),
    [
      ['running', 'allow'],
      ['running', null],
    ],
  );
  const refused = await rig.bgjob(['cron', 'run', 'skip']);
  assert.equal(refused.code, 125);
  assert.match(
    refused.stderr,
    new RegExp(`job ${first} of skip still runs, and --overlap is skip\\n {2}hint: bgjob wait ${first}\\n`),
  );
  assert.match((await rig.bgjob(['cron', 'ls'])).stdout, /^skip +.* \d+ skipped +sh -c /m);
  const removed = await rig.bgjob(['cron', 'rm', 'skip', 'queue', 'allow']);
  assert.equal(removed.stdout, 'skip: removed\nqueue: removed\nallow: removed\n');
  assert.match(
    removed.stderr,
    new RegExp(
      `^\\(1 job of it goes on: bgjob kill ${first}\\)\n\\(\\d+ jobs of it go on: bgjob kill ${queued[0]} `,
    ),
  );
  fs.writeFileSync(gate, '');
  for (const id of [first!, ...queued, ...allowed])
    assert.equal((await rig.bgjob(['wait', String(id)])).code, 0);
  await until(
    () => rig.json(['ls', '-a', '--state', 'running', '--state', 'queued']),
    (live) => live.length === 0,
    'the end of all',
  );
});

rigTest('paused: nothing fires, and what was left out is noted when it goes on', async (rig) => {
  await rig.bgjob(['cron', 'add', '@every 1s', '-n', 'tick', 'true']);
  await untilEvents(rig, 'tick', (all) => all.length >= 1);
  assert.equal((await rig.bgjob(['cron', 'pause', 'tick'])).stdout, 'tick paused\n');
  assert.match((await rig.bgjob(['cron', 'pause', 'tick'])).stdout, /^tick is paused already\n$/);
  const before = startsOf(await eventsOf(rig, 'tick')).length;
  assert.match((await rig.bgjob(['cron', 'ls'])).stdout, /^tick +@every 1s +paused /m);
  // the sign that time went by: another schedule fired three times
  await rig.bgjob(['cron', 'add', '@every 1s', '-n', 'other', 'true']);
  await untilEvents(rig, 'other', (all) => all.length >= 3);
  assert.ok(startsOf(await eventsOf(rig, 'tick')).length <= before + 1);
  assert.equal((await rig.bgjob(['cron', 'resume', 'tick'])).stdout, 'tick resumed\n');
  const events = await untilEvents(
    rig,
    'tick',
    (all) => all.at(-1)?.did === 'started' && all.some(({ did }) => did === 'skipped'),
  );
  const left = events.find(({ did }) => did === 'skipped')!;
  assert.equal(left.why, 'it was paused');
  assert.ok(left.times >= 2 && left.until !== null, JSON.stringify(left));
  assert.equal(new Set(events.map(({ at }) => at)).size, events.length, 'each time once');
  await rig.bgjob(['cron', 'rm', 'tick', 'other']);
  await rig.untilState((await schedulerOf(rig))!.id, 'exited');
});

rigTest('when all are paused the scheduler ends, and whoever resumes one starts it again', async (rig) => {
  await rig.bgjob(['cron', 'add', '@every 1s', '-n', 'tick', 'true']);
  await untilEvents(rig, 'tick', (all) => all.length >= 1);
  const first = (await schedulerOf(rig))!.id;
  await rig.bgjob(['cron', 'pause', 'tick']);
  await rig.untilState(first, 'exited');
  // nothing in passing starts another
  await rig.bgjob(['cron', 'ls']);
  assert.equal((await schedulerOf(rig))!.id, first);
  await rig.bgjob(['cron', 'resume', 'tick']);
  const second = (await schedulerOf(rig))!.id;
  assert.notEqual(second, first);
  const before = (await eventsOf(rig, 'tick')).length;
  const events = await untilEvents(
    rig,
    'tick',
    (all) => all.length > before && all.at(-1)!.did === 'started',
  );
  // every second has one word, whether it ran, was paused, or nobody was there
  const words = events.flatMap(({ at, until, times }) => [[Date.parse(at), Date.parse(until ?? at), times]]);
  for (const [n, [at, until, times]] of words.entries()) {
    assert.equal(until! - at!, (times! - 1) * 1000, JSON.stringify(events));
    assert.equal(events[n]!.until === null, times === 1, 'one time is no range');
    if (n > 0) assert.equal(at! - words[n - 1]![1]!, 1000, JSON.stringify(events));
  }
  await rig.bgjob(['cron', 'rm', 'tick']);
  await rig.untilState(second, 'exited');
});

rigTest('paused and resumed while the scheduler stands still: still one word for each time', async (rig) => {
  await rig.bgjob(['cron', 'add', '@every 1s', '-n', 'tick', 'true']);
  await untilEvents(rig, 'tick', (all) => all.length >= 1);
  const [scheduler] = processesNaming(rig.dir).filter(({ command }) =>
    command.startsWith('bgjob[scheduler]'),
  );
  process.kill(scheduler!.pid, 'SIGSTOP');
  await rig.bgjob(['cron', 'pause', 'tick']);
  const paused = Date.now();
  await until(
    () => Date.now() - paused,
    (passed) => passed > 2500,
  );
  await rig.bgjob(['cron', 'resume', 'tick']);
  const before = (await eventsOf(rig, 'tick')).length;
  process.kill(scheduler!.pid, 'SIGCONT');
  const events = await untilEvents(rig, 'tick', (all) => all.length > before + 1);
  const words = events.map(({ at, until }) => [Date.parse(at), Date.parse(until ?? at)]);
  for (const [n, [at]] of words.entries())
    assert.ok(n === 0 || at! > words[n - 1]![1]!, JSON.stringify(events));
  await rig.bgjob(['cron', 'rm', 'tick']);
});

rigTest('what is refused, and what is said', async (rig) => {
  const good = ['--', 'true'];
  for (const [words, says] of [
    [['add'], /cron add needs an expression and a command\n {2}hint: bgjob cron add '0 3/],
    [['add', '@daily'], /cron add needs a command, too/],
    [['add', '* * * *', ...good], /"\* \* \* \*" is no schedule: it takes five fields/],
    [
      ['add', '*', 'a.txt', 'b.txt', '*', '*', 'true'],
      /"\*" is no schedule: it takes five fields .*\n.*mind the quotes/,
    ],
    [['add', '60 * * * *', ...good], /"60 \* \* \* \*" is no schedule: .*minute/],
    [['add', '0 0 30 2 *', ...good], /it is never due/],
    [['add', '@every 5x', ...good], /"@every 5x": no duration\n {2}hint: '@every 90s'/],
    [['add', '@every 100ms', ...good], /a second is the least/],
    [['add', '@reboot', ...good], /@reboot is no time\n {2}hint: bgjob cron add --boot/],
    [['add', '@fortnightly', ...good], /is no schedule/],
    [['add', '@daily', '--tz', 'Mars/Olympus', ...good], /--tz: there is no time zone "Mars\/Olympus"/],
    [['add', '@daily', '--overlap', 'maybe', ...good], /--overlap: "maybe" is none of skip, queue, allow/],
    [['add', '@daily', '--name', 'a b', ...good], /--name: "a b" is not a name/],
    [['add', '@daily', '--pass-env', 'A=b', ...good], /--pass-env: "A=b" is no name of a variable/],
    [['add', '@daily', '--queue', '../x', ...good], /--queue: "\.\.\/x" is not a name/],
    [['add', '@daily', '--', 'no-such-command-here'], /no-such-command-here: command not found/],
    [['add', '@daily', '-C', '/nowhere', ...good], /cannot enter \/nowhere/],
    [['add', '@daily', '-'], /a script that is started later must lie in a file/],
    [['nothing'], /cron: "nothing" is none of add, ls, run, pause, resume, rm/],
    [['rm'], /cron rm needs the NAME of a schedule/],
    [['rm', '../../jobs'], /no schedule "\.\.\/\.\.\/jobs"/],
    [['run', 'none'], /no schedule "none"\n {2}hint: bgjob cron --help/],
    [['ls', '--tz', 'UTC'], /--tz is for cron add/],
    [['pause', 'x', '--catch-up'], /--catch-up is for cron add/],
  ] as const) {
    const { code, stdout, stderr } = await rig.bgjob(['cron', ...words]);
    assert.equal(stdout, '', words.join(' '));
    assert.ok(code === 125 || code === 127, `${words.join(' ')}: ${code}`);
    assert.match(stderr, says);
  }
  assert.equal(fs.existsSync(join(rig.home, 'schedules')), false);
  assert.deepEqual(await rig.json(['ls', '-a']), []);
  await rig.bgjob(['cron', 'add', FAR, '-n', 'there', ...good]);
  const again = await rig.bgjob(['cron', 'add', '@daily', '-n', 'there', ...good]);
  assert.deepEqual([again.code, again.stdout], [125, '']);
  assert.match(
    again.stderr,
    /there is a schedule there already\n {2}hint: another --name, or first: bgjob cron rm there/,
  );
  assert.match(
    (await rig.bgjob(['cron', 'run', 'ther'])).stderr,
    /no schedule "ther"; there is there\n {2}hint: bgjob cron ls/,
  );
  // all or nothing
  assert.equal((await rig.bgjob(['cron', 'rm', 'there', 'other'])).code, 125);
  const [listed] = await rig.json(['cron', 'ls']);
  assert.deepEqual(
    [listed.name, listed.expression, listed.lastJob, listed.paused],
    ['there', FAR, null, false],
  );
  assert.match(listed.next, /-02-2[89]T/);
  await rig.bgjob(['cron', 'rm', 'there']);
  await rig.untilState(1, 'exited');
});

rigTest('a name is made from the command, and many add at once', async (rig) => {
  const names = await Promise.all(
    Array.from({ length: 6 }, async (_, n) =>
      (await rig.bgjob(['cron', 'add', FAR, '-n', `n${n % 3}`, '--', 'true'])).stdout.trim(),
    ),
  );
  // of two with the same name one is told so
  assert.deepEqual(names.filter((name) => name !== '').sort(), ['n0', 'n1', 'n2']);
  for (const [command, name] of [
    ['/bin/true', 'true'],
    ['true', 'true-2'],
    ['echo "$PATH" | cat', 'echo'],
    ['"%%%"; true', 'job'],
  ] as const)
    assert.equal((await rig.bgjob(['cron', 'add', FAR, command])).stdout, `${name}\n`);
  const [scheduler, ...others] = await rig.json(['ls', '-a']);
  assert.match(scheduler.name, /^scheduler-\w{4}$/);
  assert.deepEqual(others, [], 'one for all of them');
  await rig.bgjob(['cron', 'rm', 'n0', 'n1', 'n2', 'true', 'true-2', 'echo', 'job']);
  await rig.untilState(scheduler.id, 'exited');
});

rigTest('run, queue, directory, limits and tags are those of the schedule', async (rig) => {
  fs.mkdirSync(join(rig.project, 'below'));
  const words = ['-n', 'own', '-Q', 'slow', '-C', 'below', '-t', 'night', '--timeout', '300ms', '--split'];
  await rig.bgjob(['cron', 'add', FAR, ...words, '--', 'sh', '-c', 'pwd; exec sleep 1000']);
  const [started] = await rig.json(['cron', 'run', 'own']);
  assert.equal((await rig.bgjob(['wait', String(started.id)])).code, 124);
  const show = await rig.show(started.id);
  assert.deepEqual(
    [show.queue, show.cwd, show.tags, show.origin],
    ['slow', join(rig.project, 'below'), ['night'], { kind: 'schedule', name: 'own', at: null }],
  );
  assert.equal(rig.log(started.id), `${join(rig.project, 'below')}\n`);
  const [event] = await eventsOf(rig, 'own');
  assert.deepEqual([event!.by, event!.job], ['hand', started.id]);
  // gc keeps the last result
  await rig.bgjob(['run', '--wait', '--', 'true']);
  await rig.bgjob(['gc', '--ended']);
  assert.equal((await rig.show(started.id)).state, 'timed-out');
  assert.match(
    (await rig.bgjob(['cron', 'ls'])).stdout,
    new RegExp(`^own .* ${started.id} timed out \\(`, 'm'),
  );
  await rig.bgjob(['cron', 'rm', 'own']);
  await rig.untilState((await schedulerOf(rig))!.id, 'exited');
  await rig.bgjob(['gc', '--ended']);
  assert.equal((await rig.bgjob(['show', String(started.id)])).code, 125);
});
