/** What a job reads: the options --stdin and --pty of `run`. */
import { accessSync, closeSync, constants, openSync, realpathSync, statSync } from 'node:fs';
import { attempt } from '../../base/fs/atomic-write.ts';
import { errnoOf } from '../../base/result.ts';
import { copyInput } from '../../engine/launch/job-stdin.ts';
import type { Draft } from '../../engine/launch/launch.ts';
import { requireTools } from '../../engine/launch/required-tools.ts';
import { requireTool } from '../../engine/os/programs.ts';
import { fail, ok, type Result } from '../../job/failure.ts';
import type { Home } from '../../job/home/home.ts';
import type { Spec, TerminalSize } from '../../job/spec.ts';
import { interruptedBy } from '../command/interrupt.ts';
import { noPty, ptyWithSplit, ptyWithStdin, READING_INPUT, stdinWithoutEnd } from '../messages/run.ts';
import { emptyPath } from '../messages/usage.ts';
import { printWarnings, STDIN_NOT_READ } from '../messages/warnings.ts';
import type { Output } from '../output/output.ts';

export const STDIN_OPTIONS = {
  pty: { kind: 'flag', text: 'give the job a terminal: colours, prompts; bgjob send types into it' },
  stdin: {
    kind: 'text',
    value: 'null|hold|FILE|-',
    text:
      'what the job reads: nothing (null, default), what bgjob send writes (hold), a file, ' +
      'or the stdin of this call (-)',
  },
} as const;

const NO_TERMINAL: TerminalSize = { columns: 120, rows: 40 };

function terminalSize(): TerminalSize {
  const { isatty, WriteStream } = require('node:tty') as typeof import('node:tty');
  for (const fd of [1, 2, 0]) {
    if (!isatty(fd)) continue;
    const [columns, rows] = new WriteStream(fd).getWindowSize();
    if (columns > 0 && rows > 0) return { columns, rows };
  }
  return NO_TERMINAL;
}

function checkPty(): Result<void> {
  if (!['linux', 'darwin'].includes(process.platform)) return fail(noPty.system());
  const equipped = requireTools({ pty: NO_TERMINAL });
  if (!equipped.ok) return equipped;
  // busybox has a program of that name with other options
  if (realpathSync(requireTool('script')).endsWith('/busybox')) return fail(noPty.busybox());
  try {
    accessSync('/dev/ptmx', constants.R_OK | constants.W_OK);
  } catch (thrown) {
    return fail({ code: 'io', doing: 'make a terminal with', path: '/dev/ptmx', errno: errnoOf(thrown) });
  }
  return ok(undefined);
}

/** What the job reads. `waits`: the job is started later, and reads a copy that `run` made. */
export function parseStdin(
  { stdin, pty, split }: { stdin: string | null; pty: boolean; split: boolean },
  resolve: (path: string) => string,
  waits: boolean,
): Result<Pick<Spec, 'stdin' | 'pty'>> {
  if (pty) {
    if (split) return fail(ptyWithSplit());
    if (stdin !== null && stdin !== 'hold') return fail(ptyWithStdin());
    const trouble = checkPty();
    return trouble.ok ? ok({ stdin: { kind: 'hold' }, pty: terminalSize() }) : trouble;
  }
  if (stdin === null || stdin === 'null') return ok({ stdin: null, pty: null });
  if (stdin === 'hold') return ok({ stdin: { kind: 'hold' }, pty: null });
  if (stdin === '-') return ok({ stdin: { kind: 'kept' }, pty: null });
  if (stdin === '') return fail(emptyPath('--stdin'));
  const file = fileOf(resolve(stdin), waits);
  return file.ok ? ok({ stdin: file.value, pty: null }) : file;
}

function fileOf(path: string, waits: boolean): Result<Spec['stdin']> {
  try {
    const stat = statSync(path);
    if (stat.isDirectory()) return fail({ code: 'io', doing: 'read', path, errno: 'EISDIR' });
    if (path === '/dev/null') return ok(null);
    if (!stat.isFile() && !stat.isFIFO()) return fail(stdinWithoutEnd(path));
    accessSync(path, constants.R_OK);
    // a pipe (`--stdin <(…)`) ends with this call, and before a queued job starts the file may change
    return ok(stat.isFile() && !waits ? { kind: 'file', path: realpathSync(path) } : { kind: 'kept' });
  } catch (thrown) {
    return fail({ code: 'io', doing: 'read', path, errno: errnoOf(thrown) });
  }
}

/** Warns if this call has unread input on stdin; not after an interrupt. */
export function printUnreadStdin(output: Output): void {
  if (interruptedBy() !== undefined || output.isTerminal(0)) return;
  const { hasUnreadStdin } =
    require('../../engine/os/unread-stdin.ts') as typeof import('../../engine/os/unread-stdin.ts');
  if (hasUnreadStdin()) printWarnings(output, [STDIN_NOT_READ]);
}

/** A copy of its input, if the job needs one; the caller removes it. `asked`: the value of --stdin. */
export function storeInput(output: Output, home: Home, asked: string | null, draft: Draft): Result<Draft> {
  if (draft.stdin?.kind !== 'kept' || asked === null) return ok(draft);
  if (asked === '-' && output.isTerminal(0) && !output.json) output.note(READING_INPUT);
  const copied = attempt(asked === '-' ? 'store' : 'copy', asked === '-' ? "the job's input" : asked, () => {
    const fd = asked === '-' ? 0 : openSync(asked, constants.O_RDONLY);
    try {
      return copyInput(home, fd);
    } finally {
      if (fd !== 0) closeSync(fd);
    }
  });
  return copied.ok ? ok({ ...draft, inputCopy: copied.value }) : copied;
}
