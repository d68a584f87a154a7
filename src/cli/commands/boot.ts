/** `bgjob boot`: what is to go on after a restart of the machine, goes on. */
import { plural } from '../../base/text/sanitize.ts';
import { serveAll } from '../../engine/automation/recovery.ts';
import { attendQueue } from '../../engine/queue/admission.ts';
import { ok, type Result } from '../../job/failure.ts';
import type { Home } from '../../job/home/home.ts';
import { listEntries, listQueues } from '../../job/queue/queue-files.ts';
import { NO_QUEUE } from '../../job/queue/queue-order.ts';
import { type Exit, SUCCESS, verb } from '../command/command.ts';
import type { Output } from '../output/output.ts';

/** Moves each queue on in which somebody waits. */
async function recoverQueues(output: Output, home: Home): Promise<void> {
  for (const name of listQueues(home)) {
    const waiting = listEntries(home.queue(name)).length;
    if (waiting === 0) continue;
    await attendQueue(home, name);
    if (output.json) output.object({ v: 1, queue: name, waiting });
    else
      output.line(`${name === NO_QUEUE ? 'in no queue' : `queue ${name}`}: ${plural(waiting, 'job')} waited`);
  }
}

async function attendServices(output: Output, home: Home): Promise<Result<Exit>> {
  const served = await serveAll(home);
  if (!served.ok) return served;
  for (const { serves, id, names } of served.value) {
    if (output.json) output.object({ v: 1, serves, id, names });
    else output.line(`${serves}: ${names.join(', ')} (job ${id})`);
  }
  return ok(SUCCESS);
}

export const boot = verb({
  name: 'boot',
  operands: '',
  arity: [0, 0],
  brief: '',
  changes: true,
  summary: 'after a restart of the machine: schedules, triggers and queues go on',
  description: [
    "Any bgjob command does the same in passing. An @reboot line of crontab, or a unit of the user's systemd, which cron add --boot writes,",
    'calls it where nobody types one. Jobs that ran when the machine went down are lost, and are not started again: bgjob restart.',
  ],
  examples: [
    ['bgjob boot', 'now'],
    ['bgjob cron add --boot', 'from now on after each restart'],
  ],
  options: {},
  async run(context) {
    const { output } = context;
    const opened = context.home();
    if (!opened.ok) return opened;
    const home = opened.value;
    if (!home) {
      if (!output.json) output.note('nothing is to go on: there are no jobs yet');
      return ok(SUCCESS);
    }
    await recoverQueues(output, home);
    return attendServices(output, home);
  },
});
