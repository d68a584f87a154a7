/** Waiting for what `wait` was asked for, and the exit code that comes of it. */
import type { Batch } from '../../engine/wait/batch.ts';
import { type Exit, SUCCESS } from '../command/command.ts';
import { SAME_COMMAND } from '../messages/wait.ts';
import type { Output } from '../output/output.ts';
import type { Deadline, WaitPlan } from './deadline.ts';
import { judgeEnd } from './report-outcome.ts';
import {
  answerRound,
  introduceRound,
  judgeEnded,
  judgeInBatch,
  judgeInRound,
  printRemoved,
} from './round-answer.ts';
import type { Selection } from './selection.ts';
import { waitForAll } from './wait-for-ends.ts';

interface Manner {
  any: boolean;
  failFast: boolean;
  /** Whether they end is all that is asked for, and not how. */
  ended: boolean;
}

export async function waitForSelection(
  output: Output,
  { home, views, named, batch, round, words }: Selection,
  { any, failFast, ended }: Manner,
  patience: Deadline,
): Promise<Exit> {
  const flags = [any && '--any', failFast && '--fail-fast', ended && '--ended'].filter((flag) => flag);
  const references = new Set(named.map(({ id }) => id));
  const told = new Map<number, Exit>();
  const plan: WaitPlan = {
    any,
    failFast,
    again: words === null ? SAME_COMMAND : ['bgjob wait', words, ...flags].join(' '),
    judge: (view) => {
      const judged = references.has(view.id)
        ? judgeEnd(view)
        : round
          ? judgeInRound(home, round, view)
          : batch
            ? judgeInBatch(home, view)
            : judgeEnd(view);
      return ended ? judgeEnded(judged, view) : judged;
    },
    told,
  };
  const removed = (batch ?? round)?.removed ?? [];
  if (round) introduceRound(output, round);
  printRemoved(output, removed);
  const gone = removed[0];
  if (gone && failFast) return { code: gone.code, by: gone.by };
  const exit = views.length === 0 ? SUCCESS : await waitForAll(output, home, views, plan, patience);
  patience.end();
  if (ended || !views.every(({ id }) => told.has(id))) return exit;
  const answer = round ? answerRound(output, home, round, told) : firstOf(batch, told);
  if (any) return exit;
  return named.map(({ id }) => told.get(id)!).find(({ code }) => code !== 0) ?? answer;
}

/** The first failure of a batch, by id. */
function firstOf(batch: Batch | null, told: ReadonlyMap<number, Exit>): Exit {
  const ends = [
    ...(batch?.views ?? []).map(({ id }) => ({ id, ...told.get(id)! })),
    ...(batch?.removed ?? []),
  ].sort((a, b) => a.id - b.id);
  const first = ends.find(({ code }) => code !== 0);
  return first ? { code: first.code, by: first.by } : SUCCESS;
}
