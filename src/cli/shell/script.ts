/** The script of `run -`: how it is read from stdin. A script without a `#!` line is for the shell. */
import { readToEnd } from '../../base/fs/read-all.ts';
import { errnoOf } from '../../base/result.ts';
import { clip, plural } from '../../base/text/sanitize.ts';
import { fail, ok, type Result } from '../../job/failure.ts';
import { badScript, READING_SCRIPT } from '../messages/run.ts';
import type { Output } from '../output/output.ts';

export { neededByEnv, parseShebang } from '../../engine/os/shebang.ts';

/** A script in a list: how many lines, and the first one that is neither empty nor a comment. */
export function renderScript(script: Uint8Array): string {
  const lines = Buffer.from(script.buffer, script.byteOffset, script.length).toString().trimEnd().split('\n');
  const first = lines.find((line) => /^\s*[^\s#]/.test(line)) ?? lines[0]!;
  const more = lines.length > 1 ? ' …' : '';
  return `${plural(lines.length, 'line')}: ${clip(first.trim(), 60)}${more}`;
}

/** Reads the script from stdin. */
export function readScript(output: Output): Result<Buffer> {
  if (output.isTerminal(0) && !output.json) output.note(READING_SCRIPT);
  let script: Buffer | undefined;
  try {
    script = readToEnd(0);
  } catch (thrown) {
    return fail({ code: 'io', doing: 'read the script from', path: 'stdin', errno: errnoOf(thrown) });
  }
  if (!script) return fail(badScript.tooLarge());
  if (script.includes(0)) return fail(badScript.nul());
  if (!/\S/.test(script.toString('latin1'))) return fail(badScript.empty());
  return ok(script);
}
