/** `bgjob status`: one line about a job, and the exit code of `wait`, without waiting. */
import { systemClock } from '../../base/clock.ts';
import { processesOf } from '../../engine/observe/leftovers.ts';
import { waitingOf } from '../../engine/queue/queue-status.ts';
import { ok } from '../../job/failure.ts';
import { verb } from '../command/command.ts';
import { printLostHint } from '../jobs/lost-hint.ts';
import { select } from '../jobs/select.ts';
import { stderrOf } from '../jobs/stderr-log.ts';
import { endedAgo, jobObject, sentence, verdict } from '../messages/job-text.ts';
import { statePainter } from '../output/state-style.ts';

export const status = verb({
  name: 'status',
  operands: 'REF',
  arity: [1, 1],
  summary: 'one line about a job; exit code as wait, without waiting (75: it runs)',
  description: ['Returns at once. The exit code is that of the job if it has ended, and 75 while it runs.'],
  examples: [['bgjob status 42', 'does it still run?']],
  options: {},
  async run(context, { words }) {
    const { output } = context;
    const found = select(context, words[0]!, 'bgjob status');
    if (!found.ok) return found;
    const { home, view } = found.value;
    const now = systemClock.now();
    const exit = verdict(view);
    const leftovers = view.kind === 'ended' ? (await processesOf(home, view)).length : 0;
    const waiting = waitingOf(home, view);
    if (output.json)
      output.object({
        ...jobObject(view, now, {
          leftovers,
          waiting,
          logPath: home.job(view.id).log,
          stderr: stderrOf(home, view),
        }),
        ...exit,
      });
    else {
      const paint = statePainter(output, view);
      output.line(sentence(view, now, leftovers, waiting, paint) + endedAgo(view, now));
      printLostHint(output, home, [view]);
    }
    return ok(exit);
  },
});
