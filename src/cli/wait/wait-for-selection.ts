/** Waiting for the selection of a `wait`, and the exit code that comes of it. */
import type { Batch } from '../../engine/wait/batch.ts';
import { type Exit, SUCCESS } from '../command/command.ts';
import { SAME_COMMAND } from '../messages/wait.ts';
import type { Output } from '../output/output.ts';
import type { Deadline } from './deadline.ts';
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
import { type WaitPlan, waitForEnds } from './wait-for-ends.ts';

interface WaitMode {
  any: boolean;
  failFast: boolean;
  /** Any end will do: the codes of the jobs do not count. */
  ended: boolean;
}

export async function waitForSelection(
  output: Output,
  { home, views, named, batch, round, words }: Selection,
  { any, failFast, ended }: WaitMode,
  deadline: Deadline,
): Promise<Exit> {
  const flags = [any && '--any', failFast && '--fail-fast', ended && '--ended'].filter((flag) => flag);
  const references = new Set(named.map(({ id }) => id));
  const exits = new Map<number, Exit>();
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
    exits,
  };
  const removed = (batch ?? round)?.removed ?? [];
  if (round) introduceRound(output, round);
  printRemoved(output, removed);
  const gone = removed[0];
  if (gone && failFast) return { code: gone.code, by: gone.by };
  const ids = views.map(({ id }) => id);
  const exit = ids.length === 0 ? SUCCESS : await waitForEnds(output, home, ids, plan, deadline);
  deadline.end();
  if (ended || !ids.every((id) => exits.has(id))) return exit;
  const answer = round ? answerRound(output, home, round, exits) : firstOf(batch, exits);
  if (any) return exit;
  return named.map(({ id }) => exits.get(id)!).find(({ code }) => code !== 0) ?? answer;
}

function firstOf(batch: Batch | null, exits: ReadonlyMap<number, Exit>): Exit {
  const ends = [
    ...(batch?.views ?? []).map(({ id }) => ({ id, ...exits.get(id)! })),
    ...(batch?.removed ?? []),
  ].sort((a, b) => a.id - b.id);
  const first = ends.find(({ code }) => code !== 0);
  return first ? { code: first.code, by: first.by } : SUCCESS;
}
