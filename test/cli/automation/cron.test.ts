/**
 * Schedules as people meet them: added, listed, run by hand, removed; and what is refused. What comes with
 * time: cron-times.test.ts.
 */
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { manyCalls } from '../../rig/manycalls.ts';
import { processesNaming } from '../../rig/processes.ts';
import { type Rig, rigTest } from '../../rig/rig.ts';
import { eventsOf } from '../../rig/schedules.ts';

/** Never in the time of a test. */
const FAR = '0 0 29 2 *';

/** The job that serves all of them; the newest. */
const schedulerOf = async (rig: Rig): Promise<{ id: number; state: string; project: string } | undefined> =>
  (await rig.json(['ls', '-a', '-n', '50'])).find((job) => job.origin?.kind === 'own');

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
    ...['LANG', 'LOGNAME', 'PAGER', 'PATH', 'PWD', 'PYTHONUNBUFFERED', 'SHELL', 'SSH_ASKPASS', 'TOKEN'],
    ...['TZ', 'USER'],
  ]);
  for (const line of [
    'TOKEN=hidden-token',
    'A=hidden-a',
    'FROM_FILE=file',
    `PWD=${rig.project}`,
    'BGJOB_SCHEDULE=own',
    'TZ=UTC',
    `USER=${userInfo().username}`,
    `LOGNAME=${userInfo().username}`,
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

rigTest('run by hand: not beside the one that runs, unless --overlap allows it', async (rig) => {
  const puppets = [await rig.puppet(), await rig.puppet()];
  for (const [n, overlap] of ['skip', 'allow'].entries())
    await rig.bgjob(['cron', 'add', FAR, '-n', overlap, '--overlap', overlap, '--', ...puppets[n]!.command]);
  const scheduler = (await schedulerOf(rig))!;
  const start = (name: string) => rig.bgjob(['cron', 'run', name]);
  const first = (await start('skip')).stdout.trim();
  await puppets[0]!.ready();
  const refused = await start('skip');
  assert.deepEqual([refused.code, refused.stdout], [125, '']);
  assert.match(refused.stderr, new RegExp(`job ${first} of skip still runs, and --overlap is skip`));
  await puppets[0]!.exit(0);
  await rig.bgjob(['wait', first]);
  const ids = [(await start('allow')).stdout.trim(), (await start('allow')).stdout.trim()];
  for (const id of ids) assert.match(id, /^\d+$/);
  await rig.bgjob(['kill', ...ids]);
  await rig.bgjob(['cron', 'rm', 'skip', 'allow']);
  await rig.untilState(scheduler.id, 'exited');
});

rigTest('what is refused, and what is said', async (rig) => {
  const good = ['--', 'true'];
  const refused: [string[], RegExp][] = [
    [['add'], /cron add needs an expression and a command\n {2}hint: bgjob cron add '0 3/],
    [['add', '@daily'], /cron add needs a command, too/],
    [['add', '* * * *', ...good], /"\* \* \* \*" is no schedule: it takes five fields/],
    [
      ['add', '*', 'a.txt', 'b.txt', '*', '*', 'true'],
      /"\*" is no schedule: it takes five fields .*\n.*mind the quotes/,
    ],
    [['add', '60 * * * *', ...good], /"60 \* \* \* \*" is no schedule: .*minute/],
    [['add', '0 0 30 2 *', ...good], /it is never due/],
    [
      ['add', '@every 5x', ...good],
      /"@every 5x" is no schedule: "5x" is no duration\n {2}hint: '@every 90s'/,
    ],
    [['add', '@every 100ms', ...good], /the shortest duration is a second/],
    [['add', '@every 3', ...good], /"@every 3" has no unit\n {2}hint: '@every 3s' \(seconds\), '@every 3m'/],
    [['add', '@reboot', ...good], /it names no time\n {2}hint: .* bgjob cron add --boot\n/],
    [['add', '@fortnightly', ...good], /is no schedule/],
    [['add', '@daily', '--tz', 'Mars/Olympus', ...good], /--tz: there is no time zone "Mars\/Olympus"/],
    [['add', '@daily', '--overlap', 'maybe', ...good], /--overlap: "maybe" is none of skip, queue, allow/],
    [['add', '@daily', '--name', 'a b', ...good], /--name: "a b" is not a name/],
    [['add', '@daily', '--pass-env', 'A=b', ...good], /--pass-env: "A=b" is not the name of a variable/],
    [['add', '@daily', '--queue', '../x', ...good], /--queue: "\.\.\/x" is not a name/],
    [['add', '@daily', '--', 'no-such-command-here'], /no-such-command-here: command not found/],
    [['add', '@daily', '-C', '/nowhere', ...good], /cannot enter \/nowhere/],
    [['add', '@daily', '-'], /a job that starts later cannot read its script from stdin/],
    [['nothing'], /cron: "nothing" is none of add, ls, run, pause, resume, rm/],
    [['rm'], /cron rm needs the NAME of a schedule/],
    [['rm', '../../jobs'], /no schedule "\.\.\/\.\.\/jobs"/],
    [['run', 'none'], /no schedule "none"\n {2}hint: bgjob cron --help/],
    [['ls', '--tz', 'UTC'], /--tz is for cron add/],
    [['pause', 'x', '--catch-up'], /--catch-up is for cron add/],
  ];
  const answers = await manyCalls(
    rig,
    refused.map(([words]) => ['cron', ...words]),
  );
  for (const [n, { code, stdout, stderr }] of answers.entries()) {
    const [words, says] = refused[n]!;
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
    /there is a schedule there already\n {2}hint: another name, or first: bgjob cron rm there/,
  );
  assert.match(
    (await rig.bgjob(['cron', 'run', 'ther'])).stderr,
    /no schedule "ther"; schedules: there\n {2}hint: bgjob cron ls/,
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
  const below = join(rig.project, 'below');
  fs.mkdirSync(below);
  const words = ['-n', 'own', '-Q', 'slow', '-C', 'below', '-t', 'night', '--split'];
  await rig.bgjob(['cron', 'add', FAR, ...words, '--', 'pwd']);
  const [started] = await rig.json(['cron', 'run', 'own']);
  assert.equal((await rig.bgjob(['wait', String(started.id)])).code, 0);
  const show = await rig.show(started.id);
  assert.deepEqual(
    [show.queue, show.cwd, show.tags, show.origin],
    ['slow', below, ['night'], { kind: 'schedule', name: 'own', at: null }],
  );
  assert.equal(rig.log(started.id), `${below}\n`);
  const [event] = await eventsOf(rig, 'own');
  assert.deepEqual([event!.by, event!.job], ['hand', started.id]);
  await rig.bgjob(['cron', 'add', FAR, '-n', 'late', '--timeout', '300ms', '--', 'sleep', '1000']);
  const late = (await rig.bgjob(['cron', 'run', 'late'])).stdout.trim();
  assert.equal((await rig.bgjob(['wait', late])).code, 124);
  // gc keeps the last result
  await rig.bgjob(['run', '--wait', '--', 'true']);
  await rig.bgjob(['gc', '--ended']);
  assert.equal((await rig.show(Number(late))).state, 'timed-out');
  assert.match((await rig.bgjob(['cron', 'ls'])).stdout, new RegExp(`^late .* ${late} timed out \\(`, 'm'));
  await rig.bgjob(['cron', 'rm', 'own', 'late']);
  await rig.untilState((await schedulerOf(rig))!.id, 'exited');
  await rig.bgjob(['gc', '--ended']);
  assert.equal((await rig.bgjob(['show', late])).code, 125);
});
