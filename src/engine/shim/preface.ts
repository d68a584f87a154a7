/** Builds the text that one of our shells runs: a script of this folder after the facts of this call. */

import { quote } from '../../base/text/shell-quote.ts';
import { HAS_PROC, PS_COLUMNS } from '../os/process-identity.ts';
import { requireTool } from '../os/programs.ts';

/** As many characters as fit into an environment variable: 128 KiB, at four bytes each at most. */
const PIECE_CHARACTERS = 30_000;
const PIECE = new RegExp(`[\\s\\S]{1,${PIECE_CHARACTERS}}`, 'gu');

/** A text for a shell as variables; more than one where the kernel would refuse it as too long. */
export const textVariables = (name: string, text: string): Record<string, string> =>
  text.length <= PIECE_CHARACTERS
    ? { [name]: text }
    : Object.fromEntries(text.match(PIECE)!.map((piece, n) => [`${name}${n || ''}`, piece]));

/** The line that runs such a text, after `before`. The processes that it starts do not have the text. */
export function evalLine(texts: Record<string, string>, before = ''): string {
  const names = Object.keys(texts);
  return `eval "unset ${names.join(' ')};${before}${names.map((name) => `$${name}`).join('')}"`;
}

/** `values` become variables, `bodies` become functions. */
export function withPreface(
  script: string,
  values: Record<string, string | number>,
  bodies: Record<string, string>,
): string {
  const variables = Object.entries(values).map(([name, value]) => `${name}=${quote(String(value))}`);
  const functions = Object.entries(bodies).map(([name, body]) => `${name}() { ${body}; }`);
  // the inherited SHELLOPTS may have set these
  return ['set +eux', ...variables, ...functions, script].join('\n');
}

/** The body of `read_stat PID`: sets shim_stat to the record of a process, from /proc or else from ps. */
export function readStatBody(): string {
  if (HAS_PROC) return 'read -r shim_stat <"/proc/$1/stat"';
  // a command of its own: inside the substitution for ps, PPID would be that subshell
  const self = `shim_pid=$(exec ${quote(requireTool('sh'))} -c 'echo $PPID')`;
  // -ww: the COLUMNS of the job would cut the line
  const ps = `${quote(requireTool('ps'))} -ww -o ${PS_COLUMNS} -p "$shim_pid"`;
  return `shim_pid=$1; [ "$1" != self ] || ${self}; shim_stat=$(LC_ALL=C TZ=UTC ${ps})`;
}
