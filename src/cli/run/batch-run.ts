/** `run --batch`: adds the jobs together, prints their ids, and waits for them if that was asked for. */
import { observe } from '../../engine/observe/observe.ts';
import { attendQueue } from '../../engine/queue/admission.ts';
import { enqueueBatch } from '../../engine/queue/enqueue.ts';
import { fail, ok, type Result } from '../../job/failure.ts';
import type { Home } from '../../job/home/home.ts';
import type { JobId } from '../../job/spec.ts';
import { shellOf } from '../../job/view.ts';
import { type Exit, SUCCESS } from '../command/command.ts';
import type { Context } from '../command/context.ts';
import { interruptCode, interruptedBy, onInterrupt } from '../command/interrupt.ts';
import { BATCH_INTERRUPTED, batchAddedText, batchNameTaken } from '../messages/run.ts';
import type { Output } from '../output/output.ts';
import { Deadline } from '../wait/deadline.ts';
import { printPauses } from '../wait/pause-notes.ts';
import { noteSelfWait } from '../wait/self-wait.ts';
import { startProgress } from '../wait/waiting-line.ts';
import { type BatchInput, batchOf, checkBatchCall, type LineDraft } from './batch.ts';
import { applySlots, parseQueueing } from './queue-options.ts';

/** Adding so many jobs shows its progress, once it takes longer than QUIET_MS. */
const LONG = 500;
const QUIET_MS = 300;

/** Adds them; until that is done Ctrl-C takes all of it back. */
async function add(output: Output, home: Home, lines: LineDraft[]): Promise<Result<JobId[] | Exit>> {
  const interrupt = new AbortController();
  const stopListening = onInterrupt(() => interrupt.abort());
  try {
    const drafts = lines.map(({ draft }) => draft);
    let ended = 0;
    const read = () => ({ total: drafts.length, ended, failed: 0, running: 0 });
    const isLong = drafts.length >= LONG;
    const progress = isLong ? await startProgress(output, read, 'added', QUIET_MS) : undefined;
    const added = await enqueueBatch(home, drafts, interrupt.signal, (done) => {
      ended = done;
    });
    progress?.stop();
    if (!added.ok) {
      const { failure } = added;
      // --reuse and --replace, which the hint names elsewhere, are for one job
      return failure.code === 'name-taken'
        ? fail(batchNameTaken(failure.name, failure.state, failure.id))
        : added;
    }
    if (added.value !== null) return ok(added.value);
    output.note(BATCH_INTERRUPTED);
    return ok({ code: interruptCode(interruptedBy()!), by: 'bgjob' });
  } finally {
    stopListening();
  }
}

function printIds(output: Output, home: Home, lines: LineDraft[], ids: JobId[]): void {
  if (!output.json) {
    output.line(ids.join('\n'));
    return;
  }
  output.objects(
    ids.map((id, n) => ({
      v: 1,
      id,
      name: lines[n]!.draft.name,
      reused: false,
      replaced: [],
      shell: shellOf(lines[n]!.draft),
      log: { path: home.job(id).log },
      line: lines[n]!.number,
    })),
  );
}

/** `waiting` null: it returns at once. */
export async function runBatch(
  context: Context,
  input: BatchInput,
  waiting: { deadlineMs: number | null } | null,
): Promise<Result<Exit>> {
  const { output } = context;
  const fits = checkBatchCall(input);
  if (!fits.ok) return fits;
  const queueing = parseQueueing(context, input.options);
  if (!queueing.ok) return queueing;
  const lines = batchOf(context, input, queueing.value);
  if (!lines.ok) return lines;
  const opened = context.makeHome();
  if (!opened.ok) return opened;
  const home = opened.value;
  const slots = applySlots(home, queueing.value);
  if (!slots.ok) return slots;
  const added = await add(output, home, lines.value);
  if (!added.ok) return added;
  if (!Array.isArray(added.value)) return ok(added.value);
  const ids = added.value;
  const { queue } = queueing.value.wish!;
  await attendQueue(home, queue);
  // a person who waits needs the failures, not a list of numbers
  if (output.json || waiting === null || !output.isTerminal(1)) printIds(output, home, lines.value, ids);
  if (waiting === null) {
    printPauses(output, home, ids);
    if (!output.json && output.isTerminal(2)) output.note(batchAddedText(ids.length, ids[0]!));
    return ok(SUCCESS);
  }
  const own = observe(home, ids.at(-1)!);
  if (own) noteSelfWait(output, home, [own]);
  const { waitWithSummary } = require('./many-summary.ts') as typeof import('./many-summary.ts');
  const deadline = new Deadline(waiting.deadlineMs);
  return ok(await waitWithSummary(output, home, ids, `bgjob wait --batch ${ids[0]}`, deadline));
}
