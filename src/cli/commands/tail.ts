/** `bgjob tail`: what a job wrote, bounded. */
import { renderDuration, systemClock } from '../../base/clock.ts';
import { fail, ok } from '../../base/failure.ts';
import { readableLines } from '../../base/text.ts';
import type { Home } from '../../job/home.ts';
import { type JobView, stateWord } from '../../job/job.ts';
import { Log, type Piece } from '../../job/log.ts';
import { markSeen } from '../../job/store.ts';
import { readTrimmedBytes } from '../../job/trimmed.ts';
import { observe } from '../../process/observe.ts';
import { type Exit, SUCCESS, verb } from '../command.ts';
import { followsItself, followTo } from '../following.ts';
import type { Output } from '../output.ts';
import { Patience } from '../patience.ts';
import { select } from '../select.ts';
import { tellStillRunning } from '../waiting.ts';
import { jobLabel, jobObject, stateText, tookMs } from '../wording.ts';

const LINES = 40;
const LIMIT_BYTES = 8192;
/** Room for each line that was asked for by number. */
const LINE_BYTES = 500;
const FULL_PIECE_BYTES = 1 << 20;

const NOTHING: Piece = { bytes: Buffer.alloc(0), from: 0, to: 0, size: 0, gone: 0 };

/** The last line of every read: state, which bytes, and where the next read goes on. */
export function footer(view: JobView, from: number, to: number, size: number): string {
  const took = tookMs(view, systemClock.now());
  const time = took === null ? '' : ` ${view.kind === 'ended' ? 'after ' : ''}${renderDuration(took)}`;
  return `[${jobLabel(view)} ${stateText(view)}${time} | bytes ${from}-${to} of ${size} | cursor ${to}]`;
}

function tellPiece(output: Output, view: JobView, piece: Piece, raw: boolean): void {
  const { bytes, from, to, size } = piece;
  if (output.json) {
    const content = raw ? { base64: bytes.toString('base64') } : { lines: readableLines(bytes) };
    output.object({ v: 1, id: view.id, state: stateWord(view), from, to, size, cursor: to, ...content });
  } else if (raw) {
    output.raw(bytes);
  } else {
    for (const line of readableLines(bytes)) output.line(line);
  }
}

/** The piece up to the end of its last whole line. */
function wholeLines(piece: Piece): Piece {
  const bytes = piece.bytes.subarray(0, piece.bytes.lastIndexOf(10) + 1);
  return { ...piece, bytes, to: piece.from + bytes.length };
}

/** Everything, in pieces that end where a line does: a log may be larger than the memory. */
function tellFull(output: Output, view: JobView, log: Log, raw: boolean): Piece {
  const { size } = log;
  let at = 0;
  while (at < size && !output.readerGone) {
    const piece = log.read(at, Math.min(size, at + FULL_PIECE_BYTES));
    if (piece.bytes.length === 0) break;
    const lines = wholeLines(piece);
    const shown = raw || piece.to >= size || lines.bytes.length === 0 ? piece : lines;
    tellPiece(output, view, shown, raw);
    at = shown.to;
  }
  return { ...NOTHING, to: at, size: log.size };
}

export const tail = verb({
  name: 'tail',
  operands: 'REF',
  arity: [1, 1],
  // as for tail(1): -40
  shorthand: (word) => (/^-\d+$/.test(word) ? ['--lines', word.slice(1)] : undefined),
  summary: 'the end of what a job wrote',
  description: [
    'The last 40 lines and at most 8 KiB, readable: progress bars in their last state, no escape sequences.',
    'The last line, on stderr, says which bytes these are; the cursor is where the next read goes on.',
    "The exit code is 0 however the job ended: wait, status and run --follow pass the job's own on.",
  ],
  examples: [
    ['bgjob tail 42', 'the last lines'],
    ['bgjob tail -f @last', 'all that comes, until it ends'],
  ],
  options: {
    lines: { kind: 'count', short: '-n', value: 'N', text: 'that many lines (default 40)' },
    head: { kind: 'flag', text: 'from the beginning' },
    full: { kind: 'flag', text: 'everything, without bounds' },
    raw: { kind: 'flag', text: 'the bytes as they are' },
    follow: { kind: 'flag', short: '-f', text: 'go on until the job ends' },
  },
  async run(context, { options, words }) {
    const { output } = context;
    if (options.head && options.follow)
      return fail({
        code: 'usage',
        message: '--head and --follow exclude each other',
        hint: 'bgjob tail -f --full',
      });
    const deadline = context.deadline(null);
    if (!deadline.ok) return deadline;
    const found = select(context, words[0]!, { elsewhere: true });
    if (!found.ok) return found;
    const { home, view } = found.value;
    const own = options.follow ? followsItself(home, view.id) : undefined;
    if (own) return fail(own);
    const log = Log.open(home.job(view.id));
    const lines = options.lines ?? LINES;
    const limit = options.lines === null ? LIMIT_BYTES : Math.max(LIMIT_BYTES, lines * LINE_BYTES);
    let piece: Piece;
    if (!log) {
      piece = NOTHING;
    } else if (options.full) {
      piece = tellFull(output, view, log, options.raw);
    } else {
      const bounded = options.head ? log.firstLines(lines, limit) : log.lastLines(lines, limit);
      // following goes on with the unfinished line from its beginning
      piece = options.follow && !options.raw ? wholeLines(bounded) : bounded;
      tellPiece(output, view, piece, options.raw);
    }
    log?.close();
    if (options.follow) return ok(await goOn(output, home, view, piece, options.raw, deadline.value));
    if (!output.json) {
      const cut = piece.from > 0 || piece.to < piece.size;
      if (cut && !options.full) output.note(`(not all of it; all: bgjob tail ${view.id} --full)`);
      output.note(footer(view, piece.from, piece.to, piece.size));
    }
    if (view.kind === 'ended') markSeen(home.job(view.id));
    return ok(SUCCESS);
  },
});

async function goOn(
  output: Output,
  home: Home,
  view: JobView,
  shown: Piece,
  raw: boolean,
  deadlineMs: number | null,
): Promise<Exit> {
  const patience = new Patience(deadlineMs);
  const to = await followTo(output, home, view.id, shown.to, raw, patience.signal);
  if (output.readerGone) return SUCCESS;
  const now = observe(home, view.id) ?? view;
  if (now.kind === 'live') return tellStillRunning(output, home, [now], patience);
  patience.end();
  markSeen(home.job(view.id));
  if (output.json)
    output.object(
      jobObject(now, systemClock.now(), {
        logPath: home.job(view.id).log,
        logBytes: to,
        trimmedBytes: readTrimmedBytes(home.job(view.id)),
      }),
    );
  else output.note(footer(now, shown.from, to, to));
  return SUCCESS;
}
