/**
 * The script of `run -`: read from stdin to its end, and how it is run. Nothing else reads stdin. A `#!` line is split as the
 * kernel splits it: an interpreter and at most one argument; without one it is a script for the shell.
 */
import { LIMIT_TEXT, readToEnd } from '../../base/fs/read-all.ts';
import { errnoOf } from '../../base/result.ts';
import { clip, plural } from '../../base/text/sanitize.ts';
import { fail, ok, type Result } from '../../job/failure.ts';
import type { Output } from '../output/output.ts';

const HEREDOC = "bgjob run - <<'EOF'";

/** What stands behind `#!`; `argument` is all the rest of the line, as one word. */
export interface Shebang {
  interpreter: string;
  argument: string | null;
}

/** The first line's `#!`; undefined where there is none, or nothing behind it. */
export function parseShebang(script: Uint8Array): Shebang | undefined {
  if (script[0] !== 0x23 || script[1] !== 0x21) return undefined;
  const end = script.indexOf(10);
  const line = Buffer.from(script.subarray(2, end === -1 ? script.length : end)).toString();
  const [, interpreter, rest] = /^[ \t]*([^ \t]*)[ \t]*(.*?)[ \t]*$/s.exec(line)!;
  return interpreter ? { interpreter, argument: rest || null } : undefined;
}

/** What `env` will look for on the PATH: it would say that it is not there only in the log. */
export function neededByEnv({ interpreter, argument }: Shebang): string | undefined {
  const isEnv = /(^|\/)env$/.test(interpreter);
  return isEnv && argument !== null && !/^-|=/.test(argument) ? argument : undefined;
}

/** A few words for lists: how many lines, and the first that is neither empty nor a comment. */
export function renderScript(script: Uint8Array): string {
  const lines = Buffer.from(script.buffer, script.byteOffset, script.length).toString().trimEnd().split('\n');
  const telling = lines.find((line) => /^\s*[^\s#]/.test(line)) ?? lines[0]!;
  const more = lines.length > 1 ? ' …' : '';
  return `${plural(lines.length, 'line')}: ${clip(telling.trim(), 60)}${more}`;
}

/** The script on stdin, which must be one. */
export function readScript(output: Output): Result<Buffer> {
  if (output.isTerminal(0) && !output.json) output.note('reading the script from here, until Ctrl-D');
  let script: Buffer | undefined;
  try {
    script = readToEnd(0);
  } catch (thrown) {
    return fail({ code: 'io', doing: 'read the script from', path: 'stdin', errno: errnoOf(thrown) });
  }
  const refuse = (message: string, hint: string) => fail({ code: 'usage', message, hint });
  if (!script)
    return refuse(
      `run -: the script on stdin is larger than ${LIMIT_TEXT}`,
      'save it in a file: bgjob run ./file',
    );
  if (script.includes(0))
    return refuse('run -: the script on stdin holds a NUL byte', 'a program: save it and run it');
  if (!/\S/.test(script.toString('latin1'))) return refuse('run -: the script on stdin is empty', HEREDOC);
  return ok(script);
}
