/** `bgjob run --batch`: a job for each line of a file, all of them or none. */

import { observe } from '../../engine/observe/observe.ts';
import { findCommand } from '../../engine/os/programs.ts';
import { attendAdded } from '../../engine/queue/admission.ts';
import { enqueueBatch, type QueuedDraft } from '../../engine/queue/enqueue.ts';
import { type BadLine, fail, type LineTrouble, ok, type Result } from '../../job/failure.ts';
import type { Home } from '../../job/home/home.ts';
import { NO_QUEUE } from '../../job/queue/queue-order.ts';
import type { JobId } from '../../job/spec.ts';
import { shellOf } from '../../job/view.ts';
import { type Exit, type Input, SUCCESS } from '../command/command.ts';
import type { Context } from '../command/context.ts';
import { interruptCode, interruptedBy, onInterrupt } from '../command/interrupt.ts';
import { badLineText, badLineTexts } from '../messages/failures.ts';
import {
  BATCH_INTERRUPTED,
  batchAddedText,
  batchNameTaken,
  batchQueueText,
  emptyBatch,
  leftOutText,
  linkedDirectoryText,
  notForBatch,
  ofLines,
} from '../messages/run.ts';
import {
  noPipefailText,
  printWarning,
  printWarnings,
  variableWarnings,
  type Warning,
} from '../messages/warnings.ts';
import type { Output } from '../output/output.ts';
import { commandThere, parseCommand, plainWords } from '../shell/command-line.ts';
import { warningsOf } from '../shell/habits.ts';
import { losesPipefail, pipefailNotes } from '../shell/pipes.ts';
import { refusedLines } from '../shell/syntax-check.ts';
import { Deadline } from '../wait/deadline.ts';
import { type CONDITION_OPTIONS, isConditional } from '../wait/parse-conditions.ts';
import { printPauses } from '../wait/pause-notes.ts';
import { noteSelfWait } from '../wait/self-wait.ts';
import { startProgress } from '../wait/waiting-line.ts';
import { type BatchLine, batchName, parseBatch, readBatch } from './batch-lines.ts';
import { type DRAFT_OPTIONS, type Frame, frameOf } from './draft.ts';
import { earlyEndWarnings } from './early-end.ts';
import { applySlots, parseQueueing, type Queueing } from './queue-options.ts';

interface LineDraft {
  number: number;
  draft: QueuedDraft;
}

type BatchInput = Input<
  typeof DRAFT_OPTIONS & typeof CONDITION_OPTIONS & { follow: { kind: 'flag'; text: string } }
>;

/** Fails for what is for one job. */
function checkBatchCall({ options, words }: BatchInput): Result<void> {
  if (words.length > 0) return fail(notForBatch.words(words[0]!));
  const single = (['name', 'reuse', 'replace', 'follow'] as const).find((name) => options[name]);
  if (single) return fail(notForBatch.option(single));
  if (options.stdin !== null && options.stdin !== 'null') return fail(notForBatch.stdin());
  return isConditional(options) ? fail(notForBatch.conditions()) : ok(undefined);
}

/** The programs that lines name. Each is searched for once. */
class Programs {
  private readonly known = new Map<string, string | LineTrouble>();
  constructor(private readonly frame: Frame) {}
  /** Its path, or why it cannot be run. */
  find(command: string): string | LineTrouble {
    const known = this.known.get(command);
    if (known !== undefined) return known;
    const found = findCommand(command, this.frame.path, this.frame.rest.cwd);
    const answer: string | LineTrouble = found.ok
      ? found.value
      : found.failure.code === 'command-not-executable'
        ? { ...found.failure, kind: 'not-executable' }
        : { ...found.failure, kind: 'not-found', command };
    this.known.set(command, answer);
    return answer;
  }

  /** The words of a line that needs no shell: a shell may take longer to start than the program runs. */
  withoutShell(text: string): string[] | undefined {
    const { hasFunctions, hasStartFile } = this.frame;
    const [first, ...rest] = (!hasFunctions && !hasStartFile && plainWords(text)) || [];
    const program = first === undefined ? undefined : this.find(first);
    return typeof program === 'string' ? [program, ...rest] : undefined;
  }
}

function draftsOf(frame: Frame, lines: BatchLine[]): Result<{ drafts: LineDraft[]; bad: BadLine[] }> {
  const { rest, pipefail, hasFunctions } = frame;
  const { placement } = rest;
  if (placement === null) throw new Error('a batch is always queued');
  const programs = new Programs(frame);
  const refused = refusedLines(lines.map(({ text }) => text));
  const drafts: LineDraft[] = [];
  const bad: BadLine[] = [];
  for (const [n, { number, text, name }] of lines.entries()) {
    const says = refused.get(n);
    if (says !== undefined) {
      bad.push({ number, trouble: { kind: 'syntax', says } });
      continue;
    }
    const command = parseCommand([text], false, pipefail, hasFunctions);
    if (!command.ok) return command;
    const { argv, line, needs } = command.value;
    if (rest.target) {
      const { argv: words } = commandThere(command.value, null, pipefail);
      drafts.push({
        number,
        draft: { ...rest, placement, argv: words, line, words: [text], script: null, name },
      });
      continue;
    }
    const trouble = needs.map((needed) => programs.find(needed)).find((one) => typeof one !== 'string');
    if (trouble) {
      bad.push({ number, trouble });
      continue;
    }
    const own = { argv: programs.withoutShell(text) ?? argv, line, words: [text], script: null, name };
    drafts.push({ number, draft: { ...rest, placement, ...own } });
  }
  return ok({ drafts, bad });
}

/** Says once that pipes hide failures here: with the first such line, and how many more there are. */
function printPipefail(output: Output, file: string, drafts: LineDraft[], pipefail: boolean): void {
  if (output.json) return;
  const [first, ...more] = pipefail ? drafts.filter(({ draft }) => losesPipefail(draft)) : [];
  if (first) output.note(ofLines(file, first.number, noPipefailText(), more.length));
  for (const note of pipefailNotes(drafts[0]!.draft, false)) output.note(note);
}

/** Each kind of warning once: with the first line that it is about, and how many more there are. */
function printLineWarnings(output: Output, file: string, lines: BatchLine[]): void {
  const kinds = new Map<string, { warning: Warning; line: number; lines: number }>();
  for (const { number, text } of lines)
    for (const warning of warningsOf([text], false)) {
      const known = kinds.get(warning.code);
      if (known) known.lines++;
      else kinds.set(warning.code, { warning, line: number, lines: 1 });
    }
  for (const { warning, line, lines } of kinds.values()) {
    const text = ofLines(file, line, warning.message, lines - 1);
    printWarning(output, { ...warning, line, lines }, text);
  }
}

function printLeftOut(output: Output, file: string, bad: BadLine[]): void {
  if (!output.json) output.note(leftOutText(badLineTexts(file, bad)));
  else
    for (const line of bad) {
      const { number, trouble } = line;
      printWarning(output, {
        code: 'bad-line',
        message: badLineText(line),
        line: number,
        trouble: trouble.kind,
      });
    }
}

function batchOf(context: Context, input: BatchInput, queueing: Queueing): Result<LineDraft[]> {
  const { output } = context;
  const framed = frameOf(context, input, queueing);
  if (!framed.ok) return framed;
  const file = input.options.batch!;
  const bytes = readBatch(output, file);
  if (!bytes.ok) return bytes;
  const name = batchName(file);
  const read = parseBatch(bytes.value);
  const made = draftsOf(framed.value, read.lines);
  if (!made.ok) return made;
  const { drafts } = made.value;
  const bad = [...read.bad, ...made.value.bad].sort((a, b) => a.number - b.number);
  if (bad.length > 0 && (!input.options['skip-bad'] || drafts.length === 0))
    return fail({ code: 'bad-lines', file: name, bad, left: drafts.length });
  if (drafts.length === 0) return fail(emptyBatch(name));
  if (bad.length > 0) printLeftOut(output, name, bad);
  const numbers = new Set(drafts.map(({ number }) => number));
  printLineWarnings(
    output,
    name,
    read.lines.filter(({ number }) => numbers.has(number)),
  );
  printWarnings(output, variableWarnings(framed.value.rest.changedVariables));
  printPipefail(output, name, drafts, framed.value.pipefail);
  const queue = queueing.wish?.queue ?? NO_QUEUE;
  if (input.options.queue === null && queue !== NO_QUEUE && !output.json) output.note(batchQueueText(queue));
  return ok(drafts);
}

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
      accepted: null,
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
  if (waiting === null || waiting.deadlineMs !== null)
    printWarnings(output, earlyEndWarnings(context.env, home, lines.value[0]?.draft.env ?? []));
  const added = await add(output, home, lines.value);
  if (!added.ok) return added;
  if (!Array.isArray(added.value)) return ok(added.value);
  const ids = added.value;
  const { queue } = queueing.value.wish!;
  await attendAdded(home, ids[0]!, queue);
  const deadline = waiting === null ? undefined : new Deadline(waiting.deadlineMs);
  // a person who waits needs the failures, not a list of numbers
  if (output.json || waiting === null || !output.isTerminal(1)) printIds(output, home, lines.value, ids);
  const { cwd, cwdLink } = lines.value[0]!.draft;
  if (cwdLink !== null && !output.json) output.note(linkedDirectoryText(cwd, cwdLink));
  if (!deadline) {
    printPauses(output, home, ids);
    if (!output.json && output.isTerminal(2)) output.note(batchAddedText(ids.length, ids[0]!));
    return ok(SUCCESS);
  }
  const own = observe(home, ids.at(-1)!);
  if (own) noteSelfWait(output, home, [own]);
  const { waitWithSummary } = require('./many-summary.ts') as typeof import('./many-summary.ts');
  return ok(await waitWithSummary(output, home, ids, `bgjob wait --batch ${ids[0]}`, deadline));
}
