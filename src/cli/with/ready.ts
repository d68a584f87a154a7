/** Waits until the server of `with` is ready. If it is not, its last lines say why. */
import { observe } from '../../engine/observe/observe.ts';
import { EXIT, fail, ok, type Result } from '../../job/failure.ts';
import type { Home } from '../../job/home/home.ts';
import type { JobId } from '../../job/spec.ts';
import type { Exit } from '../command/command.ts';
import type { Context } from '../command/context.ts';
import { interruptedBy } from '../command/interrupt.ts';
import { referenceHere } from '../jobs/select.ts';
import { notReadyText, reusedServerText } from '../messages/control.ts';
import type { Deadline } from '../wait/deadline.ts';
import type { Conditions } from '../wait/parse-conditions.ts';
import { printLastLines } from '../wait/report-outcome.ts';
import { awaitCondition, printCondition, printUnmet, reportEarlyEnd } from '../wait/wait-for-condition.ts';

interface Server {
  id: JobId;
  reused: boolean;
  conditions: Conditions;
  until: Deadline;
  readyMs: number | null;
}

/** Undefined: it is ready. Else how the call ends. */
export async function awaitReady(
  context: Context,
  home: Home,
  { id, reused, conditions, until, readyMs }: Server,
): Promise<Result<Exit> | undefined> {
  const side = context.output.sideOutput();
  const view = observe(home, id);
  if (!view)
    return fail({
      code: 'no-such-job',
      reference: String(id),
      known: [],
      elsewhere: [],
      typed: 'bgjob show',
    });
  if (reused) side.note(reusedServerText(view));
  const awaited = await awaitCondition(side, home, view, conditions, until);
  until.end();
  if (interruptedBy() !== undefined) return ok(until.exit());
  if (!awaited.ok) return awaited;
  const { decision, now } = awaited.value;
  const log = `bgjob tail ${referenceHere(home, context.here(), now)}`;
  if (decision.kind === 'met') {
    printCondition(side, now, decision.met, conditions);
    if (decision.met.condition !== 'fail') return undefined;
    printLastLines(side, home, now);
    side.hint(log);
    return ok({ code: EXIT.no, by: 'bgjob' });
  }
  if (decision.kind === 'ended') {
    const exit = await reportEarlyEnd(side, home, now, conditions);
    side.hint(log);
    return ok(exit);
  }
  side.note(notReadyText(now, readyMs ?? 0));
  await printUnmet(side, home, awaited.value, conditions);
  printLastLines(side, home, now);
  side.hint(log);
  return ok({ code: EXIT.stillRunning, by: 'bgjob' });
}
