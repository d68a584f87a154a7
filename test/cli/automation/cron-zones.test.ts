/** Time zones and expressions of schedules, as the caller's TZ, --tz and crontab give them. */
import assert from 'node:assert/strict';
import { type Rig, rigTest } from '../../rig/rig.ts';
import { untilEvents } from '../../rig/schedules.ts';

const FAR = '0 3 29 2 *';
const add = (rig: Rig, name: string, TZ: string | undefined, ...words: string[]) =>
  rig.bgjob(
    ['cron', 'add', FAR, '-n', name, ...words, '--', 'true'],
    TZ === undefined ? {} : { env: { TZ } },
  );
/** The scheduler ends with the last schedule. */
async function removeAll(rig: Rig): Promise<void> {
  await rig.bgjob(['cron', 'rm', ...(await rig.json(['cron', 'ls'])).map(({ name }) => name)]);
  await rig.untilState(1, 'exited');
}
const scheduleNamed = async (rig: Rig, name: string) =>
  (await rig.json(['cron', 'ls'])).find((one) => one.name === name);

rigTest('what Node cannot read of TZ is told, with the zone that it counts as', async (rig) => {
  const zones: [tz: string, timezone: string, told: RegExp | null][] = [
    ['Europe/Berlin', 'Europe/Berlin', null],
    [':America/New_York', 'America/New_York', null],
    ['', 'UTC', /^warning: TZ is empty; it counts as UTC\. /],
    [
      'EST5EDT,M3.2.0,M11.1.0',
      'America/New_York',
      /TZ "EST5EDT,M3\.2\.0,M11\.1\.0" is not the name of a .* counts as America\/New_York/,
    ],
    ['CET-1CEST', 'Europe/Berlin', /TZ "CET-1CEST" is not .* counts as Europe\/Berlin/],
    ['XXX5YYY,M1.1.0,M2.1.0', 'UTC', /is not .* counts as UTC/],
    ['<+03>-3', 'Etc/GMT-3', /TZ "<\+03>-3" is not the name of a time zone; it counts as Etc\/GMT-3/],
    ['Mars/Base', 'UTC', /TZ "Mars\/Base" is not .* counts as UTC/],
    ['/usr/share/zoneinfo/Europe/Berlin', 'Europe/Berlin', /is not .* counts as Europe\/Berlin/],
    ['A'.repeat(3000), 'UTC', /…\(\+2920\)" is not .* counts as UTC/],
  ];
  for (const [n, [tz, timezone, told]] of zones.entries()) {
    const added = await add(rig, `z${n}`, tz);
    assert.deepEqual([added.code, added.stdout], [0, `z${n}\n`], tz);
    if (told) assert.match(added.stderr, told);
    else assert.doesNotMatch(added.stderr, /TZ/);
    assert.equal((await scheduleNamed(rig, `z${n}`)).timezone, timezone, tz);
  }
  const table = await rig.bgjob(['cron', 'ls'], { env: { TZ: '' } });
  assert.match(table.stdout, /^z0 +0 3 29 2 \* \(Europe\/Berlin\) +2028-02-29 03:00 Europe\/Berlin /m);
  // with --tz the caller's TZ does not matter
  const named = await add(rig, 'named', '', '--tz', 'asia/tokyo');
  assert.doesNotMatch(named.stderr, /warning/);
  const json = await rig.bgjob(['cron', 'add', FAR, '-n', 'json', '--json', '--', 'true'], {
    env: { TZ: '' },
  });
  assert.equal(JSON.parse(json.stderr).warning.code, 'zone-unread');
  await removeAll(rig);
});

rigTest(
  'a scheduler that is started under a TZ that Node cannot read starts jobs and writes its log',
  async (rig) => {
    for (const [n, TZ] of ['', 'Mars/Base', 'CET-1CEST,M3.5.0,M10.5.0/3'].entries()) {
      const env = { TZ };
      const added = await rig.bgjob(['cron', 'add', '* * * * * *', '-n', `s${n}`, '--', 'true'], { env });
      assert.equal(added.code, 0, added.stderr);
      await untilEvents(rig, `s${n}`, (events) => events.some(({ did }) => did === 'started'));
      // it starts jobs before its supervisor has recorded that it runs
      const scheduler = (await rig.json(['ls', '-a'])).find(({ name }) =>
        String(name).startsWith('scheduler-'),
      );
      assert.match(
        (await rig.bgjob(['tail', String(scheduler.id)], { env })).stdout,
        /: started job \d+ \(due 20/,
      );
      assert.match((await rig.bgjob(['cron', 'ls', `s${n}`], { env })).stdout, /started job \d+\n/);
      await rig.bgjob(['cron', 'rm', `s${n}`]);
      await rig.untilState(scheduler.id, 'exited');
    }
  },
);

rigTest('a schedule that has not fired yet is shown with its next times and its zone', async (rig) => {
  const added = await add(rig, 'leap', undefined, '--tz', 'Europe/Berlin');
  assert.match(
    added.stderr,
    /^next: 2028-02-29 03:00 Europe\/Berlin .*\nthen: 2032-02-29 03:00, 2036-02-29 03:00\n/,
  );
  const shown = await rig.bgjob(['cron', 'ls', 'leap']);
  assert.equal(
    shown.stdout,
    [
      'schedule   leap',
      'times      0 3 29 2 *, in Europe/Berlin',
      'next       2028-02-29 03:00, 2032-02-29 03:00, 2036-02-29 03:00',
      'command    true',
      `cwd        ${rig.project}`,
      'overlap    skip\n',
    ].join('\n'),
  );
  assert.equal(shown.stderr, 'leap: it has started nothing yet\n');
  assert.deepEqual(await rig.json(['cron', 'ls', 'leap']), []);
  const [object] = await rig.json(['cron', 'ls']);
  assert.deepEqual(object.nextTimes, [
    '2028-02-29T02:00:00.000Z',
    '2032-02-29T02:00:00.000Z',
    '2036-02-29T02:00:00.000Z',
  ]);
  await rig.bgjob(['cron', 'pause', 'leap']);
  assert.match((await rig.bgjob(['cron', 'ls', 'leap'])).stdout, /^next +paused$/m);
  await removeAll(rig);
});

rigTest('where crontab means other days, one line says so; what is foreign has a hint', async (rig) => {
  const both = await rig.bgjob(['cron', 'add', '0 0 1-7 2 */7', '-n', 'sunday', '--', 'true']);
  assert.match(
    both.stderr,
    /^warning: day 1-7, weekday \*\/7: here one .* in crontab both must fit, as in '0 0 1-7 2 \+\*\/7' here\n/,
  );
  assert.match((await rig.bgjob(['cron', 'ls', 'sunday'])).stderr, /in crontab both must fit/);
  const same = await rig.bgjob(['cron', 'add', '0 0 1-7 2 1', '-n', 'same', '--', 'true']);
  assert.doesNotMatch(same.stderr, /crontab both/);
  const percent = await rig.bgjob(['cron', 'add', FAR, '-n', 'percent', "date '+\\%F'"]);
  assert.match(percent.stderr, /^warning: only crontab needs a backslash before %/);
  for (const [expression, said] of [
    [
      '@reboot',
      /it names no time\n {2}hint: for .*: @reboot cd DIR && bgjob run .*: bgjob cron add --boot\n/,
    ],
    ['CRON_TZ=Asia/Tokyo 0 3 * * *', /hint: bgjob cron add --tz Asia\/Tokyo '0 3 \* \* \*' -- COMMAND\n/],
    ['TZ=UTC', /hint: bgjob cron add --tz UTC /],
    ['0 3 * * * root ./x y', /it holds a command, too\n {2}hint: bgjob cron add '0 3 \* \* \*' '\.\/x y'\n/],
    ['@daily ./x.sh', /it holds a command, too\n {2}hint: bgjob cron add '@daily' '\.\/x\.sh'\n/],
    ['0 0 32 * *', /day 32 is not in 1-31\n/],
    ['0 0 * * 3,1-', /is no schedule: "1-" is no value of a field\n/],
    ['*5 * * * *', /"\*5" is no value of a field\n/],
    ['0 0 1 0 *', /month 0 is not in 1-12\n/],
    ['*/90 * * * *', /hint: '@every 90m'\n/],
    ['@every 1 hour', /"@every 1 hour" is no schedule: "1 hour" is no duration\n/],
  ] as const) {
    const refused = await rig.bgjob(['cron', 'add', expression, '--', 'true']);
    assert.equal(refused.code, 125, expression);
    assert.match(refused.stderr, said);
  }
  await removeAll(rig);
});
