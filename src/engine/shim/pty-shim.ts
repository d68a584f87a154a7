/**
 * What --pty adds to the shim: between it and the job stand `script` (util-linux), which makes the terminal and writes what comes
 * from it into the log, and in that terminal the leader, a sh that sets the size, runs the job and records its exit status: that of
 * `script` is 0 for a job that was killed. What `script` itself says goes to /dev/null.
 */
import type { TerminalSize } from '../../job/spec.ts';
import { HAS_PROC } from '../os/process-identity.ts';
import { requireTool } from '../os/programs.ts';
import { quote } from '../os/shell-quote.ts';

/** Where the leader writes: the exit status, who it is. */
export interface PtyFiles {
  exit: string;
  shim: string;
}

/** What the shim hands to the leader: the lines of the record before and behind that of the main process. */
export const PTY_NAMES = ['BGJOB_ENV_R', 'BGJOB_ENV_T'];

/** In the shim's subshell that becomes `script`: who that is. `stat` reads it into `t`. */
export const ptyRecord = (stat: string): string =>
  `${stat}; echo "$p\n$q\n\n$h\n$t" 1<>"$i"; export BGJOB_ENV_R="$p\n$q" BGJOB_ENV_T="$h\n$t" SHELL=${quote(requireTool('sh'))}`;

/** The rest of that subshell: `script` with the leader's text, which runs `command`. `stat`: the line that reads who a process is. */
export function ptyCommand(
  { size: { columns, rows }, files }: { size: TerminalSize; files: PtyFiles },
  command: string,
  setsid: string[],
  stat: (variable: string, pid: string) => string,
): string {
  const [exit, shim] = [quote(files.exit), quote(files.shim)];
  const leader = [
    // its own words (`Killed`) go nowhere
    'set +eux; exec 2>/dev/null; trap : HUP INT QUIT TERM USR1 USR2 ALRM PIPE TSTP',
    `${stat('n', '$$')}; echo "$BGJOB_ENV_R\n\n$BGJOB_ENV_T\n$n" 1<>${shim}`,
    `${quote(requireTool('stty'))} columns ${columns} rows ${rows}`,
    `( ${stat('j', 'self')}; echo "$BGJOB_ENV_R\n$j\n$BGJOB_ENV_T\n$n" 1<>${shim}; exec 2>&1; exec ${command} )`,
    `s=$?; echo "$s\n$s" 1<>${exit}`,
  ].join('\n');
  // that of BSD takes the command as words, and hands on its code without being asked
  const words =
    process.platform === 'darwin'
      ? ['-q', '/dev/null', quote(requireTool('sh')), '-c', quote(leader)]
      : ['-qefc', quote(leader), '/dev/null'];
  return `exec ${[...setsid.map(quote), quote(requireTool('script')), ...words].join(' ')} 2>/dev/null`;
}

/** The letter of the process whose record is in `m`, there too; nothing if it is gone. */
const letterOf = (): string =>
  HAS_PROC
    ? `read -r m </proc/\${m%% *}/stat || m=; m=\${m##*) }`
    : `m=$(${quote(requireTool('ps'))} -o state= -p \${m%% *})`;

/**
 * After `script` ended: the leader has recorded the status, unless it was killed. Before it had come to write itself down, what
 * `script` says counts, or it could make no terminal: the job was not executed. Later only together with the job (`kill -9 0`).
 */
export const ptyEnd = (): string =>
  [
    's=$?; read -r x <"$e" || {',
    '{ read -r m; read -r m; read -r m; read -r x; read -r x; read -r x; } <"$i"',
    'if [ -z "$x" ]; then [ $s -gt 128 ] || s=126; m=',
    `else [ "$m" ] && { ${letterOf()}; }; fi`,
    'case $m in ""|[ZX]*) [ $s -gt 125 ] && echo "$s\n$s" 1<>"$e";; esac; }',
  ].join('\n');
