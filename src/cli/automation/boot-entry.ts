/**
 * What brings schedules, triggers and queues back after a restart of the machine: a line `@reboot` in the user's crontab, or where there
 * is no crontab a unit of the user's systemd. Both are marked as ours: written once, and taken away as they were written.
 */
import { existsSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { attempt, removeQuietly } from '../../base/fs/atomic-write.ts';
import { makeParents } from '../../base/fs/directories.ts';
import { replaceUserFile } from '../../base/fs/user-files.ts';
import { ignoreSystemError } from '../../base/result.ts';
import { clip, safe } from '../../base/text/sanitize.ts';
import { quote } from '../../base/text/shell-quote.ts';
import { findTool } from '../../engine/os/programs.ts';
import { fail, ok, type Result } from '../../job/failure.ts';
import { homePath } from '../../job/home/home.ts';
import { quoteWord } from '../../job/view.ts';
import type { Context } from '../command/context.ts';

const MARK = '# bgjob boot';
const UNIT = 'bgjob-boot.service';

/** How this very program is called again; BGJOB_HOME where it is not the default. */
function bootCommand(context: Context): string[] {
  const program = join(__dirname, '..', 'bin', 'bgjob');
  const own = context.env['BGJOB_HOME'];
  return [...(own ? ['env', `BGJOB_HOME=${homePath(context.env)}`] : []), process.execPath, program, 'boot'];
}

/**
 * A word of a line of crontab, whose shell it reaches through cron. That of Vixie ends the command at a `%`, unless a backslash stands
 * before it, which it takes away, and which no other backslash may precede; that of busybox hands on the line as it is. So
 * the two stand together outside of quotes, where a shell takes them for a `%`, too.
 */
const cronWord = (word: string): string =>
  quoteWord(word) === word ? word.replaceAll('%', '\\%') : quote(word).replaceAll('%', "'\\%'");

/** As 0.8.0 and earlier ones quoted it. */
const earlierWord = (word: string): string => quoteWord(word).replaceAll('%', '\\%');

/** The line of crontab, in bytes (latin1) like all of them; undefined if no line can hold it: a path has a line end. */
function cronLine(context: Context, asWord = cronWord): string | undefined {
  const command = bootCommand(context).map(asWord).join(' ');
  if (command.includes('\n')) return undefined;
  return Buffer.from(`@reboot ${command} >/dev/null 2>&1 ${MARK}`).toString('latin1');
}

const isOurs = (context: Context, line: string): boolean =>
  [cronLine(context), cronLine(context, earlierWord)].includes(line);

/** Calls it with bytes, and for bytes (latin1): a line of somebody else's need not be UTF-8. What it says of itself is not translated. */
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

/** What crontab says where there is none yet; the second: busybox, which has looked for a file of the user's name. */
const NO_CRONTAB = /no crontab|^crontab: can't open '[^'/]*': No such file or directory$/im;

/** The lines of the user's crontab; none if there is no crontab yet. */
function readCrontab(crontab: string): Result<string[]> {
  const { status, stdout, stderr } = call(crontab, ['-l']);
  if (status === 0) return ok(stdout.split('\n').slice(0, stdout.endsWith('\n') ? -1 : undefined));
  if (NO_CRONTAB.test(stderr)) return ok([]);
  return fail({
    code: 'usage',
    message: `crontab -l: ${clip(safe(stderr.trim()), 200)}`,
    hint: 'bgjob boot in whatever starts your programs',
  });
}

const unitPath = (context: Context): string =>
  join(
    context.env['XDG_CONFIG_HOME'] || join(context.env['HOME'] || homedir(), '.config'),
    'systemd/user',
    UNIT,
  );

/** A word as systemd takes it. */
const unitWord = (word: string): string =>
  `"${word.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n').replaceAll('%', '%%').replaceAll('$', '$$$$')}"`;

const unitText = (context: Context): string =>
  [
    '[Unit]',
    `Description=bgjob: schedules, triggers and queues ${MARK}`,
    '[Service]',
    'Type=oneshot',
    // what it starts is to live on
    'KillMode=process',
    'RemainAfterExit=yes',
    `ExecStart=${bootCommand(context)
      .map((word, n) => unitWord(n === 0 && word === 'env' ? '/usr/bin/env' : word))
      .join(' ')}`,
    '[Install]',
    'WantedBy=default.target',
    '',
  ].join('\n');

/** Where it stands now; undefined: nowhere. */
export function bootEntry(context: Context): 'crontab' | 'unit' | undefined {
  const crontab = findTool('crontab');
  const lines = crontab ? readCrontab(crontab) : ok([]);
  if (lines.ok && lines.value.some((line) => isOurs(context, line))) return 'crontab';
  return existsSync(unitPath(context)) ? 'unit' : undefined;
}

/** Writes it, or takes it away; says where. */
export function changeBoot(context: Context, wanted: boolean): Result<void> {
  const crontab = findTool('crontab');
  const told = crontab ? changeCrontab(context, crontab, wanted) : changeUnit(context, wanted);
  if (told.ok) context.output.note(told.value);
  return told.ok ? ok(undefined) : told;
}

function changeCrontab(context: Context, crontab: string, wanted: boolean): Result<string> {
  const read = readCrontab(crontab);
  if (!read.ok) return read;
  const line = cronLine(context);
  if (line === undefined && wanted)
    return fail({
      code: 'usage',
      message: `no line of crontab can hold the path of ${bootCommand(context).find((word) => word.includes('\n'))}: a line ends in it`,
      hint: 'bgjob boot in whatever starts your programs',
    });
  // that of another home is another's
  const others = read.value.filter((one) => !isOurs(context, one));
  const isThere = others.length < read.value.length;
  if (isThere === wanted)
    return ok(
      wanted
        ? '(crontab: the @reboot line is there already)'
        : '(crontab: there is no @reboot line of bgjob)',
    );
  const text = [...others, ...(wanted ? [line!] : []), ''].join('\n');
  const { status, stderr } = call(crontab, ['-'], text);
  if (status !== 0)
    return fail({
      code: 'usage',
      message: `crontab refuses the line: ${clip(safe(stderr.trim()), 200)}`,
      hint: 'bgjob boot in whatever starts your programs',
    });
  return ok(
    wanted
      ? `(crontab: ${safe(Buffer.from(line!, 'latin1').toString())})`
      : '(crontab: the @reboot line is gone)',
  );
}

function changeUnit(context: Context, wanted: boolean): Result<string> {
  const systemctl = findTool('systemctl');
  const path = unitPath(context);
  if (!systemctl)
    return fail({
      code: 'usage',
      message: 'there is neither crontab nor systemctl on this machine',
      hint: 'put `bgjob boot` into whatever starts your programs',
    });
  if (!wanted) {
    call(systemctl, ['--user', 'disable', UNIT]);
    removeQuietly(path);
    return ok(`(${safe(path)} is gone)`);
  }
  const written = attempt('write', path, () => {
    makeParents(dirname(path));
    replaceUserFile(path, Buffer.from(unitText(context)));
  });
  if (!written.ok) return written;
  const { status, stderr } = call(systemctl, ['--user', 'enable', UNIT]);
  if (status !== 0)
    return fail({
      code: 'usage',
      message: `${safe(path)} is written, but systemctl does not enable it: ${clip(safe(stderr.trim()), 200)}`,
      hint: `systemctl --user enable ${UNIT}`,
    });
  return ok(`(${safe(path)} is enabled; without a login it runs only after: loginctl enable-linger)`);
}

/** What becomes of schedules when the machine is restarted. */
export function bootNote(context: Context): string {
  try {
    const entry = bootEntry(context);
    if (entry)
      return `it fires with no terminal open, also after a restart of the machine (${entry === 'unit' ? UNIT : 'crontab'})`;
  } catch (thrown) {
    ignoreSystemError(thrown);
  }
  return 'it fires with no terminal open; after a restart of the machine from the next bgjob command on, or: bgjob cron add --boot';
}
