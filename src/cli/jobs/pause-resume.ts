/** `pause` and `resume` of the jobs that were named. */
import { systemClock } from '../../base/clock.ts';
import { errnoOf } from '../../base/result.ts';
import { safe } from '../../base/text/sanitize.ts';
import { howEnded } from '../../engine/queue/queued-job.ts';
import { type PausedJob, type PauseVerb, pauseJob } from '../../engine/stop/pause-job.ts';
import { fail, ok, type Result } from '../../job/failure.ts';
import type { Home } from '../../job/home/home.ts';
import { type JobView, stateWord } from '../../job/view.ts';
import { type Exit, SUCCESS } from '../command/command.ts';
import type { Context } from '../command/context.ts';
import { pauseResultText } from '../messages/control.ts';
import { printFailure } from '../messages/failures.ts';
import { jobObject } from '../messages/job-text.ts';
import type { Output } from '../output/output.ts';
import { refuseThere } from '../targets/on-option.ts';
import { judgeable, selectAll } from './select.ts';

/** Pauses or resumes each of them, and prints the result. */
export async function pauseAll(context: Context, words: string[], verb: PauseVerb): Promise<Result<Exit>> {
  const selected = selectAll(context, words, `bgjob ${verb}`);
  if (!selected.ok) return selected;
  const opened = context.home();
  if (!opened.ok) return opened;
  const { output } = context;
  const results = await Promise.all(
    selected.value.map((view) => pauseOne(output, opened.value!, view, verb)),
  );
  const [failed, ...others] = results.filter((result) => !result.ok);
  for (const { failure } of others) printFailure(output, failure, false);
  return failed ?? ok(SUCCESS);
}

async function pauseOne(output: Output, home: Home, given: JobView, verb: PauseVerb): Promise<Result<Exit>> {
  const judged = judgeable(given);
  if (!judged.ok) return judged;
  const before = judged.value;
  const fits = refuseThere(before, 'pause');
  if (!fits.ok) return fits;
  const { id } = before;
  if (before.kind === 'ended') {
    const how = howEnded(before.status.outcome);
    return fail({ code: 'not-held', id, verb, trouble: { kind: 'ended', how } });
  }
  const own = process.env['BGJOB_ID'];
  let paused: Result<PausedJob>;
  try {
    paused = await pauseJob(home, before, verb, own === undefined ? verb : `${verb}, by job ${safe(own)}`);
  } catch (thrown) {
    return fail({ code: 'io', doing: `${verb} job`, path: String(id), errno: errnoOf(thrown) });
  }
  if (!paused.ok) return paused;
  const { view, already, undone, processes } = paused.value;
  const done = verb === 'pause' ? 'paused' : 'resumed';
  if (output.json)
    output.object({
      ...jobObject(view, systemClock.now(), { logPath: home.job(id).log }),
      ...{ result: already ? 'already' : undone ? stateWord(view) : done, processes, ...SUCCESS },
    });
  else output.line(pauseResultText(paused.value, verb, systemClock.now()));
  return ok(SUCCESS);
}
