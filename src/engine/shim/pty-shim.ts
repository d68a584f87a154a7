/**
 * What --pty adds to the shim: between it and the job stand `script` (util-linux), which makes the terminal and writes what comes
 * from it into the log, and in that terminal the leader (pty-leader.sh). What `script` itself says goes to /dev/null.
 */
import type { TerminalSize } from '../../job/spec.ts';
import { HAS_PROC } from '../os/process-identity.ts';
import { requireTool } from '../os/programs.ts';
import { quote } from '../os/shell-quote.ts';
import { readStatBody, withPreface } from './preface.ts';
import leaderScript from './pty-leader.sh';

/** The variable that holds the text of the leader. */
export const LEADER_TEXT = 'BGJOB_ENV_L';

/** What the shim hands to the leader, which the job must not see: the lines of the record before and behind that of the main process, and its text. */
export const CARRIED_LINES = ['BGJOB_ENV_R', 'BGJOB_ENV_T', LEADER_TEXT];

/** What the leader runs; `record`: where it writes who it is; `runJob` becomes the job. */
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

/** The words that become `script`, whose leader runs the job. */
export function ptyCommand(setsid: string[]): string {
  const leader = quote(`eval "$${LEADER_TEXT}"`);
  // that of BSD takes the command as words, and hands on its code without being asked
  const words =
    process.platform === 'darwin'
      ? ['-q', '/dev/null', quote(requireTool('sh')), '-c', leader]
      : ['-qefc', leader, '/dev/null'];
  return `${[...setsid, quote(requireTool('script')), ...words].join(' ')} 2>/dev/null`;
}

/** The body of `read_handover`: the state of the process whose record is in shim_main, there too; nothing if it is gone. */
export const readHandoverBody = (): string =>
  HAS_PROC
    ? `read -r shim_main <"/proc/\${shim_main%% *}/stat" || shim_main=; shim_main=\${shim_main##*) }`
    : `shim_main=$(${quote(requireTool('ps'))} -o state= -p "\${shim_main%% *}")`;
