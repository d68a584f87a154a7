/**
 * The answer of `wait --queue` and `wait --all`: the code of the first failure that counts, by id. A round is
 * recorded as answered when all its ends were printed; not after a deadline, a signal or an error, nor after
 * the reader of stdout was gone.
 */
import { systemClock } from '../../base/clock.ts';
import { ignoreSystemError } from '../../base/result.ts';
import { keyOfRound, notCountedIn, type Round } from '../../engine/wait/round.ts';
import type { Home } from '../../job/home/home.ts';
import { supersededBy } from '../../job/home/records.ts';
import { writeAnsweredRound } from '../../job/rounds/answered.ts';
import { countIds, idRanges } from '../../job/rounds/id-ranges.ts';
import { readAllRemoved } from '../../job/rounds/removed-jobs.ts';
import type { JobView } from '../../job/view.ts';
import { type Exit, SUCCESS } from '../command/command.ts';
import { jobObject, queueOf, verdict } from '../messages/job-text.ts';
import { ageText, emptyRoundText, notCountedText, removedText, sameRoundText } from '../messages/wait.ts';
import type { Output } from '../output/output.ts';
import { goneView, type Judgement, judgeEnd } from './report-outcome.ts';

export function judgeInRound(home: Home, round: Pick<Round, 'scope'>, view: JobView): Judgement {
  if (view.kind === 'unreadable') {
    // gc may have taken it while it was waited for
    const removed = readAllRemoved(home).flatMap(({ failures }) => failures);
    const known = removed.find(({ id }) => id === view.id);
    if (known) return judgeEnd(view, { code: known.code, by: known.by });
  }
  const plain = judgeEnd(view);
  if (view.kind !== 'ended') return plain;
  const age = ageText(view, systemClock.now());
  const why = plain.failed ? notCountedIn(round, home, view) : null;
  if (why === null) return { ...plain, remark: age };
  const remark = `${age}${notCountedText(why, view.spec, supersededBy(home.job(view.id)))}`;
  return { exit: SUCCESS, failed: false, counted: false, remark };
}

/** The same for a batch: a later job that took the place of one of its jobs belongs to the same batch. */
export const judgeInBatch = (home: Home, view: JobView): Judgement =>
  judgeInRound(home, { scope: { here: null, queue: queueOf(view), session: null } }, view);

export function printRemoved(output: Output, removed: Round['removed']): void {
  for (const one of removed) {
    if (!output.json) output.line(removedText(one));
    else
      output.object({
        ...jobObject(goneView(one.id), systemClock.now()),
        ...{ result: 'removed', code: one.code, by: one.by, counted: true, tail: [] },
      });
  }
}

/** Printed before the ends of a round. */
export function introduceRound(output: Output, { scope, views, removed, leftOut, answered }: Round): void {
  if (output.json) return;
  if (answered)
    output.note(sameRoundText(scope.queue, scope.session, countIds(answered.jobs) - views.length));
  else if (views.length + removed.length === 0) output.note(emptyRoundText(leftOut.length));
}

/** The exit of a round whose ends were all printed; records the answer, if there was none before. */
export function answerRound(
  output: Output,
  home: Home,
  round: Round,
  exits: ReadonlyMap<number, Exit>,
): Exit {
  const { scope, views, removed, answered, bounds } = round;
  if (answered) return answered.first ?? SUCCESS;
  const failures = [
    ...views.flatMap(({ id }) => ({ id, ...(exits.get(id) ?? SUCCESS) })),
    ...removed.map(({ id, code, by }) => ({ id, code, by })),
  ]
    .filter(({ code }) => code !== 0)
    .sort((a, b) => a.id - b.id);
  const first = failures[0] ?? null;
  const ids = [...views, ...removed].map(({ id }) => id);
  // the end of a job of another machine is not known yet
  const isAnswered = ids.length > 0 && !views.some(({ kind }) => kind === 'elsewhere') && !output.readerGone;
  if (isAnswered) {
    try {
      writeAnsweredRound(home, {
        ...keyOfRound(scope),
        ...{ from: Math.min(...ids), ...bounds, jobs: idRanges(ids) },
        ...{ failed: failures.length, first, at: systemClock.now() },
      });
    } catch (thrown) {
      // a read-only home: the same round is answered again
      ignoreSystemError(thrown);
    }
  }
  return first === null ? SUCCESS : { code: first.code, by: first.by };
}

/** The judgement of `--ended`: 0 for any end. */
export function judgeEnded(judged: Judgement, view: JobView): Judgement {
  const exit = view.kind === 'ended' ? SUCCESS : verdict(view);
  return { ...judged, exit };
}
