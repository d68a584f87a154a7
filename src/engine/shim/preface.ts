/** Builds the text that one of our shells runs: a script of this folder after the facts of this call. */

import { quote } from '../../base/text/shell-quote.ts';
import { HAS_PROC, PS_COLUMNS } from '../os/process-identity.ts';
import { requireTool } from '../os/programs.ts';

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
