/** What `run` gives a job to read: --stdin and --pty. */
import { accessSync, closeSync, constants, openSync, realpathSync, statSync } from 'node:fs';
import { attempt } from '../../base/fs/atomic-write.ts';
import { errnoOf } from '../../base/result.ts';
import { safe } from '../../base/text/sanitize.ts';
import { copyInput } from '../../engine/launch/job-stdin.ts';
import type { Draft } from '../../engine/launch/launch.ts';
import { findTool } from '../../engine/os/programs.ts';
import { fail, ok, type Result } from '../../job/failure.ts';
import type { Home } from '../../job/home/home.ts';
import type { Spec, TerminalSize } from '../../job/spec.ts';
import { interruptedBy } from '../command/interrupt.ts';
import { printWarnings, STDIN_NOT_READ } from '../messages/warnings.ts';
import type { Output } from '../output/output.ts';

/** The options of `run` that say what a job reads, and whether in a terminal. */
export const STDIN_OPTIONS = {
  pty: { kind: 'flag', text: 'give it a terminal: colours, prompts; bgjob send types into it' },
  stdin: {
    kind: 'text',
    value: 'null|hold|FILE|-',
    text: 'what it reads: nothing (default), what bgjob send writes, a file, or what stands on stdin here',
  },
} as const;

const usage = (message: string, hint?: string) =>
  fail({ code: 'usage', message, ...(hint !== undefined && { hint }) });

/** A terminal nobody looks at. */
const NO_TERMINAL: TerminalSize = { columns: 120, rows: 40 };

/** The size of the terminal of this call, if there is one on any of its streams. */
function terminalSize(): TerminalSize {
  const { isatty, WriteStream } = require('node:tty') as typeof import('node:tty');
  for (const fd of [1, 2, 0]) {
    if (!isatty(fd)) continue;
    const [columns, rows] = new WriteStream(fd).getWindowSize();
    if (columns > 0 && rows > 0) return { columns, rows };
  }
  return NO_TERMINAL;
}

/** Why no terminal can be made here. */
function ptyTrouble(): Result<void> {
  if (!['linux', 'darwin'].includes(process.platform)) return usage('--pty is for Linux and macOS');
  const script = findTool('script');
  // busybox has one of that name, with other options
  if (script === undefined || realpathSync(script).endsWith('/busybox'))
    return usage(
      '--pty needs the program script of util-linux, and it is not in /usr/bin',
      'apt install bsdutils · dnf install util-linux-script · apk add util-linux-misc',
    );
  if (findTool('stty') === undefined) return usage('--pty needs the program stty', 'apt install coreutils');
  try {
    accessSync('/dev/ptmx', constants.R_OK | constants.W_OK);
  } catch (thrown) {
    return fail({ code: 'io', doing: 'make a terminal with', path: '/dev/ptmx', errno: errnoOf(thrown) });
  }
  return ok(undefined);
}

/** What the job is to read, or why it cannot. `waits`: it is started later, from what `run` copied. */
export function parseStdin(
  { stdin, pty, split }: { stdin: string | null; pty: boolean; split: boolean },
  resolve: (path: string) => string,
  waits: boolean,
): Result<Pick<Spec, 'stdin' | 'pty'>> {
  if (pty) {
    if (split) return usage('--pty and --split exclude each other: a terminal has one output');
    if (stdin !== null && stdin !== 'hold')
      return usage(
        '--pty: the job reads its terminal, so that --stdin cannot be given',
        'bgjob send REF TEXT types into it',
      );
    const trouble = ptyTrouble();
    return trouble.ok ? ok({ stdin: { kind: 'hold' }, pty: terminalSize() }) : trouble;
  }
  if (stdin === null || stdin === 'null') return ok({ stdin: null, pty: null });
  if (stdin === 'hold') return ok({ stdin: { kind: 'hold' }, pty: null });
  if (stdin === '-') return ok({ stdin: { kind: 'kept' }, pty: null });
  if (stdin === '') return usage('--stdin: the path is empty');
  const file = fileOf(resolve(stdin), waits);
  return file.ok ? ok({ stdin: file.value, pty: null }) : file;
}

function fileOf(path: string, waits: boolean): Result<Spec['stdin']> {
  try {
    const stat = statSync(path);
    if (stat.isDirectory()) return fail({ code: 'io', doing: 'read', path, errno: 'EISDIR' });
    if (path === '/dev/null') return ok(null);
    if (!stat.isFile() && !stat.isFIFO())
      return usage(`--stdin: ${safe(path)} is a device or a socket, and it may have no end`);
    accessSync(path, constants.R_OK);
    // a pipe (`--stdin <(…)`) ends with this call, a queued job may come when the file is another
    return ok(stat.isFile() && !waits ? { kind: 'file', path: realpathSync(path) } : { kind: 'kept' });
  } catch (thrown) {
    return fail({ code: 'io', doing: 'read', path, errno: errnoOf(thrown) });
  }
}

/** Says that what stands on stdin went nowhere; not to somebody who just interrupted the call. */
export function printUnreadStdin(output: Output): void {
  if (interruptedBy() !== undefined || output.isTerminal(0)) return;
  const { hasUnreadStdin } =
    require('../../engine/os/unread-stdin.ts') as typeof import('../../engine/os/unread-stdin.ts');
  if (hasUnreadStdin()) printWarnings(output, [STDIN_NOT_READ]);
}

/** The draft with a copy of its input, if it needs one: `asked` is what --stdin named. Whoever called this removes the copy. */
export function storeInput(output: Output, home: Home, asked: string | null, draft: Draft): Result<Draft> {
  if (draft.stdin?.kind !== 'kept' || asked === null) return ok(draft);
  if (asked === '-' && output.isTerminal(0) && !output.json)
    output.note("reading the job's input from here, until Ctrl-D");
  const copied = attempt(asked === '-' ? 'keep' : 'copy', asked === '-' ? "the job's input" : asked, () => {
    const fd = asked === '-' ? 0 : openSync(asked, constants.O_RDONLY);
    try {
      return copyInput(home, fd);
    } finally {
      if (fd !== 0) closeSync(fd);
    }
  });
  return copied.ok ? ok({ ...draft, inputCopy: copied.value }) : copied;
}
