/**
 * What --pty adds to the shim: between it and the job stand `script` (util-linux), which makes the terminal and writes what comes
 * from it into the log, and in that terminal the leader (pty-leader.sh). What `script` itself says goes to /dev/null.
 */
import type { TerminalSize } from '../../job/spec.ts';
import { HAS_PROC } from '../os/process-identity.ts';
import { requireTool } from '../os/programs.ts';
import { quote } from '../os/shell-quote.ts';
import { readStatBody, withPreface } from './preface.ts';
import leaderText from './pty-leader.sh';

/** Where the leader writes: the exit status, who it is. */
interface PtyFiles {
  exit: string;
  shim: string;
}

/** What the shim hands to the leader: the lines of the record before and behind that of the main process. */
export const CARRIED_LINES = ['BGJOB_ENV_R', 'BGJOB_ENV_T'];

/** The words that become `script`, whose leader runs `command`. */
export function ptyCommand(
  { columns, rows }: TerminalSize,
  files: PtyFiles,
  command: string,
  setsid: string[],
): string {
  const leader = withPreface(
    leaderText,
    {
      shim_exit: files.exit,
      shim_record: files.shim,
      shim_stty: requireTool('stty'),
      shim_columns: columns,
      shim_rows: rows,
    },
    { read_stat: readStatBody(), run_job: `exec ${command}` },
  );
  // that of BSD takes the command as words, and hands on its code without being asked
  const words =
    process.platform === 'darwin'
      ? ['-q', '/dev/null', quote(requireTool('sh')), '-c', quote(leader)]
      : ['-qefc', quote(leader), '/dev/null'];
  return `${[...setsid, quote(requireTool('script')), ...words].join(' ')} 2>/dev/null`;
}

/** The body of `read_letter`: the state of the process whose record is in shim_main, there too; nothing if it is gone. */
export const readLetterBody = (): string =>
  HAS_PROC
    ? `read -r shim_main <"/proc/\${shim_main%% *}/stat" || shim_main=; shim_main=\${shim_main##*) }`
    : `shim_main=$(${quote(requireTool('ps'))} -o state= -p "\${shim_main%% *}")`;
