/**
 * The part of the shim for --pty. Between the shim and the job stand `script` (util-linux), which makes the
 * terminal and writes its output into the log, and inside that terminal the leader (pty-leader.sh). Messages
 * of `script` itself go to /dev/null.
 */

import { quote } from '../../base/text/shell-quote.ts';
import type { TerminalSize } from '../../job/spec.ts';
import { HAS_PROC } from '../os/process-identity.ts';
import { requireTool } from '../os/programs.ts';
import { readStatBody, withPreface } from './preface.ts';
import leaderScript from './pty-leader.sh';

export const LEADER_TEXT = 'BGJOB_ENV_L';

/**
 * The variables that the shim hands to the leader and the job must not see: the lines of the record before
 * and after that of the main process.
 */
export const CARRIED_LINES = ['BGJOB_ENV_R', 'BGJOB_ENV_T'];

/** The text that the leader runs. `record` is the file of the shim's record; `runJob` becomes the job. */
export function leaderText({ columns, rows }: TerminalSize, record: string, runJob: string): string {
  return withPreface(
    leaderScript,
    {
      shim_record: record,
      shim_stty: requireTool('stty'),
      shim_columns: columns,
      shim_rows: rows,
    },
    { read_stat: readStatBody(), run_job: runJob },
  );
}

/** `line` is the line that the leader runs. */
export function ptyCommand(setsid: string[], line: string): string {
  const leader = quote(line);
  // the script of BSD takes the command as words, and returns its status without an option
  const words =
    process.platform === 'darwin'
      ? ['-q', '/dev/null', quote(requireTool('sh')), '-c', leader]
      : ['-qefc', leader, '/dev/null'];
  return `${[...setsid, quote(requireTool('script')), ...words].join(' ')} 2>/dev/null`;
}

/** The body of `read_main_state`: turns the record in shim_main into a state; empty if it is gone. */
export const readMainStateBody = (): string =>
  HAS_PROC
    ? `read -r shim_main <"/proc/\${shim_main%% *}/stat" || shim_main=; shim_main=\${shim_main##*) }`
    : `shim_main=$(${quote(requireTool('ps'))} -o state= -p "\${shim_main%% *}")`;
