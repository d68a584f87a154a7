/**
 * Makes schedules, triggers and queues go on after a restart of the machine: writes an `@reboot` line into
 * the user's crontab, or where there is no crontab a unit of the user's systemd, and removes it again. Lines
 * and units that bgjob did not write stay as they are.
 */
import { existsSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { attempt, removeQuietly } from '../../base/fs/atomic-write.ts';
import { makeParents } from '../../base/fs/directories.ts';
import { replaceUserFile } from '../../base/fs/user-files.ts';
import { ignoreSystemError } from '../../base/result.ts';
import { quote } from '../../base/text/shell-quote.ts';
import { findTool } from '../../engine/os/programs.ts';
import { fail, ok, type Result } from '../../job/failure.ts';
import { homePath } from '../../job/home/home.ts';
import { quoteWord } from '../../job/view.ts';
import type { Context } from '../command/context.ts';
import {
  afterRestartText,
  crontabRefuses,
  crontabText,
  crontabUnreadable,
  lineEndInPath,
  noBootTool,
  UNIT_DESCRIPTION,
  unitNotEnabled,
  unitText,
} from '../messages/automation.ts';

const MARK = '# bgjob boot';
const UNIT = 'bgjob-boot.service';

/** The call of this program; with BGJOB_HOME where the home is not the default. */
function bootCommand(context: Context): string[] {
  const program = join(__dirname, '..', 'bin', 'bgjob');
  const own = context.env['BGJOB_HOME'];
  return [...(own ? ['env', `BGJOB_HOME=${homePath(context.env)}`] : []), process.execPath, program, 'boot'];
}

/**
 * A word of a crontab line, which cron hands to a shell. Vixie's cron ends the command at a `%`, unless a
 * backslash stands before it: cron removes that backslash, and no other one may stand before it. Busybox's
 * cron changes nothing. So backslash and `%` stand together outside of quotes, where a shell reads them as
 * `%`, too.
 */
const cronWord = (word: string): string =>
  quoteWord(word) === word ? word.replaceAll('%', '\\%') : quote(word).replaceAll('%', "'\\%'");

/** The quoting of 0.8.0 and before. */
const earlierWord = (word: string): string => quoteWord(word).replaceAll('%', '\\%');

/** The crontab line, as bytes (latin1) like all here; undefined: a path has a line end. */
function cronLine(context: Context, asWord = cronWord): string | undefined {
  const command = bootCommand(context).map(asWord).join(' ');
  if (command.includes('\n')) return undefined;
  return Buffer.from(`@reboot ${command} >/dev/null 2>&1 ${MARK}`).toString('latin1');
}

const isOurs = (context: Context, line: string): boolean =>
  [cronLine(context), cronLine(context, earlierWord)].includes(line);

/** Input and output are bytes (latin1), because lines of other programs need not be UTF-8. */
function call(
  program: string,
  args: string[],
  input = '',
): { status: number | null; stdout: string; stderr: string } {
  const { spawnSync } = require('node:child_process') as typeof import('node:child_process');
  const { status, stdout, stderr } = spawnSync(program, args, {
    input: Buffer.from(input, 'latin1'),
    env: { ...process.env, LC_ALL: 'C' },
    timeout: 20_000,
  });
  return { status, stdout: stdout?.toString('latin1') ?? '', stderr: stderr?.toString() ?? '' };
}

/** What crontab says where the user has none yet; the second is busybox's. */
const NO_CRONTAB = /no crontab|^crontab: can't open '[^'/]*': No such file or directory$/im;

/** The lines of the user's crontab; empty if there is no crontab yet. */
function readCrontab(crontab: string): Result<string[]> {
  const { status, stdout, stderr } = call(crontab, ['-l']);
  if (status === 0) return ok(stdout.split('\n').slice(0, stdout.endsWith('\n') ? -1 : undefined));
  return NO_CRONTAB.test(stderr) ? ok([]) : fail(crontabUnreadable(stderr));
}

const unitPath = (context: Context): string =>
  join(
    context.env['XDG_CONFIG_HOME'] || join(context.env['HOME'] || homedir(), '.config'),
    'systemd/user',
    UNIT,
  );

function unitWord(word: string): string {
  const escaped = word.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n');
  return `"${escaped.replaceAll('%', '%%').replaceAll('$', '$$$$')}"`;
}

const unitOf = (context: Context): string =>
  [
    '[Unit]',
    `Description=${UNIT_DESCRIPTION} ${MARK}`,
    '[Service]',
    'Type=oneshot',
    // the services and jobs that it starts must live on
    'KillMode=process',
    'RemainAfterExit=yes',
    `ExecStart=${bootCommand(context)
      .map((word, n) => unitWord(n === 0 && word === 'env' ? (findTool('env') ?? '/usr/bin/env') : word))
      .join(' ')}`,
    '[Install]',
    'WantedBy=default.target',
    '',
  ].join('\n');

/** Where the entry is now; undefined: there is none. */
export function bootEntry(context: Context): 'crontab' | 'unit' | undefined {
  const crontab = findTool('crontab');
  const lines = crontab ? readCrontab(crontab) : ok([]);
  if (lines.ok && lines.value.some((line) => isOurs(context, line))) return 'crontab';
  return existsSync(unitPath(context)) ? 'unit' : undefined;
}

export function changeBoot(context: Context, wanted: boolean): Result<void> {
  const crontab = findTool('crontab');
  const changed = crontab ? changeCrontab(context, crontab, wanted) : changeUnit(context, wanted);
  if (!changed.ok) return changed;
  context.output.note(changed.value);
  return ok(undefined);
}

function changeCrontab(context: Context, crontab: string, wanted: boolean): Result<string> {
  const read = readCrontab(crontab);
  if (!read.ok) return read;
  const line = cronLine(context);
  if (line === undefined && wanted)
    return fail(lineEndInPath(bootCommand(context).find((word) => word.includes('\n'))!));
  // the line of another home has another BGJOB_HOME
  const others = read.value.filter((one) => !isOurs(context, one));
  const text = Buffer.from(line ?? '', 'latin1').toString();
  if (others.length < read.value.length === wanted) return ok(crontabText(wanted, false, text));
  const { status, stderr } = call(crontab, ['-'], [...others, ...(wanted ? [line!] : []), ''].join('\n'));
  return status === 0 ? ok(crontabText(wanted, true, text)) : fail(crontabRefuses(stderr));
}

function changeUnit(context: Context, wanted: boolean): Result<string> {
  const systemctl = findTool('systemctl');
  const path = unitPath(context);
  if (!systemctl) return fail(noBootTool());
  if (!wanted) {
    call(systemctl, ['--user', 'disable', UNIT]);
    removeQuietly(path);
    return ok(unitText(false, path));
  }
  const written = attempt('write', path, () => {
    makeParents(dirname(path));
    replaceUserFile(path, Buffer.from(unitOf(context)));
  });
  if (!written.ok) return written;
  const { status, stderr } = call(systemctl, ['--user', 'enable', UNIT]);
  return status === 0 ? ok(unitText(true, path)) : fail(unitNotEnabled(path, UNIT, stderr));
}

export function bootNote(context: Context): string {
  let entry: ReturnType<typeof bootEntry>;
  try {
    entry = bootEntry(context);
  } catch (thrown) {
    ignoreSystemError(thrown);
  }
  return afterRestartText(entry === 'unit' ? UNIT : entry);
}
