/** The Node of the scheduler is gone for longer than an update takes: the history has each missed time, and why. */
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { Installed } from '../rig/installed.ts';
import { rigTest } from '../rig/rig.ts';
import { eventsOf, startedBy, untilEvents } from '../rig/schedules.ts';
import { until } from '../rig/until.ts';

for (const isBack of [false, true])
  rigTest(`a scheduler whose Node is gone${isBack ? ' and comes back' : ''}`, async (rig) => {
    const one = new Installed(rig, 'one');
    assert.equal((await one.start(['cron', 'add', '@every 1s', '-n', 'tick', '--', 'true']).answer).code, 0);
    await untilEvents(rig, 'tick', (events) => startedBy(events).length > 0);
    const away = `${one.node}.away`;
    fs.renameSync(one.node, away);
    // not by a command, which would replace the scheduler
    const history = () => fs.readFileSync(join(rig.home, 'schedules', 'tick', 'history'), 'utf8');
    if (isBack) {
      const before = history();
      fs.renameSync(away, one.node);
      await until(history, (text) => text !== before, 'the next time');
    } else {
      const text = await until(history, (all) => all.includes('"failed"'), 'a time that failed', 120_000);
      assert.match(text, /"did":"missed","why":"Node or a file of bgjob was gone"/);
      assert.doesNotMatch(text, /slept/);
    }
    const events = await eventsOf(rig, 'tick');
    const why = new Set(events.filter(({ did }) => did === 'failed').map((event) => event.why));
    const gone = `${one.node} is gone, which starts its jobs; the next bgjob command repairs this`;
    assert.deepEqual([...why], isBack ? [] : [gone]);
    await rig.bgjob(['cron', 'rm', 'tick']);
    for (const { id, name } of await rig.json(['ls', '-a', '-n', '1000']))
      if (/^scheduler-/.test(name ?? '')) await rig.untilState(id, 'exited', 'killed');
  });
