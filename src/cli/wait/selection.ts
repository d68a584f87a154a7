/** The jobs that `wait` means: references, a batch, a round of a queue or of the project. */

import { callerJobs } from '../../engine/observe/caller-jobs.ts';
import { type Batch, findBatch } from '../../engine/wait/batch.ts';
import { findRound, type Round } from '../../engine/wait/round.ts';
import { fail, ok, type Result } from '../../job/failure.ts';
import type { Home } from '../../job/home/home.ts';
import { parseId } from '../../job/home/ids.ts';
import { type Session, sessionText } from '../../job/session.ts';
import type { JobView } from '../../job/view.ts';
import type { Context } from '../command/context.ts';
import { requireQueue, selectAll } from '../jobs/select.ts';
import { noBatchText, noRoundText, selectionRefusal } from '../messages/wait.ts';
import { renderIds } from './render-ids.ts';

export interface Asked {
  all: boolean;
  queue: string | null;
  batch: string | null;
  session: Session | null;
  /** --queue, --all, --session: of every project. */
  everywhere: boolean;
}

export interface Selection {
  home: Home;
  /** All of them, each once: those of the references first, then the others by id. */
  views: JobView[];
  /** Those that references name. */
  named: JobView[];
  batch: Batch | null;
  round: Round | null;
  /** The same selection in words, to be typed again; null: they are too many. */
  words: string | null;
}

export function checkAsked(
  { all, queue, batch, session, everywhere }: Asked,
  references: string[],
): Result<void> {
  const given = [
    ...(all ? ['--all'] : []),
    ...(queue === null ? [] : ['--queue']),
    ...(batch === null ? [] : ['--batch']),
  ];
  if (given.length > 1) return fail(selectionRefusal.exclusive(given, queue));
  // --session alone, or with --all or --queue
  if (session !== null && batch !== null) return fail(selectionRefusal.sessionOfBatch());
  if (session !== null && references.length > 0) return fail(selectionRefusal.session(references[0]!));
  if (everywhere && !all && queue === null && session === null) return fail(selectionRefusal.allProjects());
  if (given.length + references.length === 0 && session === null) return fail(selectionRefusal.nothing());
  return ok(undefined);
}

export function selectJobs(context: Context, asked: Asked, references: string[]): Result<Selection> {
  const selected = selectAll(context, references, 'bgjob wait');
  if (!selected.ok) return selected;
  const opened = context.home();
  if (!opened.ok) return opened;
  const home = opened.value;
  const queue = asked.queue === null ? ok(null) : requireQueue(home, asked.queue);
  if (!queue.ok) return queue;
  const batch = batchOf(home, asked);
  if (!batch.ok) return batch;
  const round = roundOf(context, home, asked);
  if (!round.ok) return round;
  const named = selected.value;
  const others = (batch.value ?? round.value)?.views ?? [];
  const views = [...named, ...others.filter(({ id }) => !named.some((one) => one.id === id))];
  const selection = { home: home!, views, named, batch: batch.value, round: round.value };
  return ok({ ...selection, words: wordsOf(asked, named, references) });
}

function batchOf(home: Home | undefined, { batch: text }: Asked): Result<Batch | null> {
  if (text === null) return ok(null);
  const id = parseId(text);
  if (id === undefined) return fail(selectionRefusal.batch(text));
  const found = home && findBatch(home, id);
  return found ? ok(found) : fail({ code: 'nothing-selected', ...noBatchText(id) });
}

function roundOf(
  context: Context,
  home: Home | undefined,
  { all, queue, session, everywhere }: Asked,
): Result<Round | null> {
  if (!all && queue === null && session === null) return ok(null);
  const here = everywhere ? null : context.here();
  const round = home && findRound(home, { here, queue, session }, callerJobs(home, context.env));
  return round ? ok(round) : fail({ code: 'nothing-selected', ...noRoundText(queue, session, everywhere) });
}

/** A longer list of jobs is not shown to be typed again. */
const MOST_WORDS = 10;

/** With `@last` by ids: it may mean another job by then. */
function wordsOf(
  { all, queue, batch, session, everywhere }: Asked,
  named: JobView[],
  references: string[],
): string | null {
  const isTyped = references.length <= MOST_WORDS && !references.includes('@last');
  const names = isTyped ? references.join(' ') : renderIds(named.map(({ id }) => id));
  if (names.split(' ').length > MOST_WORDS) return null;
  const words = [
    ...(names === '' ? [] : [names]),
    ...(all ? ['--all'] : []),
    ...(queue === null ? [] : ['--queue', queue]),
    ...(batch === null ? [] : ['--batch', batch]),
    ...(session === null ? [] : [`--session=${sessionText(session)}`]),
    ...(everywhere ? ['-a'] : []),
  ];
  return words.join(' ');
}
