/** `bgjob boot`: after a restart of the machine, starts the queues, the scheduler and the listener again. */
import { serveAll } from '../../engine/automation/recovery.ts';
import { attendQueue } from '../../engine/queue/admission.ts';
import { ok, type Result } from '../../job/failure.ts';
import type { Home } from '../../job/home/home.ts';
import { listEntries, listQueues } from '../../job/queue/queue-files.ts';
import { NO_QUEUE } from '../../job/queue/queue-order.ts';
import { type Exit, SUCCESS, verb } from '../command/command.ts';
import { bootedQueue, bootedService, NOTHING_TO_BOOT } from '../messages/automation.ts';
import type { Output } from '../output/output.ts';

/** Moves on each queue in which jobs wait. */
async function recoverQueues(output: Output, home: Home): Promise<void> {
  for (const name of listQueues(home)) {
    const waiting = listEntries(home.queue(name)).length;
    if (waiting === 0) continue;
    await attendQueue(home, name);
    if (output.json) output.object({ v: 1, queue: name, waiting });
    else output.line(bootedQueue(name === NO_QUEUE ? null : name, waiting));
  }
}

async function attendServices(output: Output, home: Home): Promise<Result<Exit>> {
  const served = await serveAll(home);
  if (!served.ok) return served;
  for (const { serves, id, names } of served.value) {
    if (output.json) output.object({ v: 1, serves, id, names });
    else output.line(bootedService(serves, names, id));
  }
  return ok(SUCCESS);
}

export const boot = verb({
  name: 'boot',
  operands: '',
  arity: [0, 0],
  brief: '',
  changes: true,
  summary: 'start schedules, triggers and queues again after a restart of the machine',
  description: [
    'Every other bgjob command does this, too. bgjob boot is for machines on which no one types a command',
    'after a restart: an @reboot line of crontab or a systemd user unit calls it. bgjob cron add --boot',
    'writes one of them.',
    '',
    'Jobs that ran when the machine stopped are lost and are not started again: bgjob restart.',
  ],
  examples: [
    ['bgjob boot', 'do it now'],
    ['bgjob cron add --boot', 'do it after each restart of the machine'],
  ],
  options: {},
  async run(context) {
    const { output } = context;
    const opened = context.home();
    if (!opened.ok) return opened;
    const home = opened.value;
    if (!home) {
      if (!output.json) output.note(NOTHING_TO_BOOT);
      return ok(SUCCESS);
    }
    await recoverQueues(output, home);
    return attendServices(output, home);
  },
});
