/**
 * Makes schedules, triggers and queues go on after a restart of the machine: writes an `@reboot` line into
 * the user's crontab, or where there is no crontab a unit of the user's systemd, and removes it again. An
 * entry belongs to a home: it is found by its mark and that home, whatever program it calls. Lines and units
 * that bgjob did not write stay as they are, and so do those of other homes.
 */
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { attempt, removeQuietly } from '../../base/fs/atomic-write.ts';
import { makeParents, otherOwner } from '../../base/fs/directories.ts';
import { namesIn, readSystemText } from '../../base/fs/read-record.ts';
import { replaceUserFile } from '../../base/fs/user-files.ts';
import { ignoreSystemError } from '../../base/result.ts';
import { findTool } from '../../engine/os/programs.ts';
import { userName } from '../../engine/os/users.ts';
import { fail, ok, type Result } from '../../job/failure.ts';
import { homePath } from '../../job/home/home.ts';
import { projectKey } from '../../job/home/job-index.ts';
import type { Context } from '../command/context.ts';
import {
  afterRestartText,
  bootRenewedText,
  crontabRefuses,
  crontabText,
  crontabUnreadable,
  lineEndInPath,
  noBootTool,
  UNIT_DESCRIPTION,
  unitChangedText,
  unitInUsersHome,
  unitNotEnabled,
} from '../messages/automation.ts';
import { bootCommand, cronLine, readCronLine, readUnit, unitText } from './boot-call.ts';

const UNIT = /^bgjob-boot(-[0-9a-z]+)?\.service$/;

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

const ofHome = (context: Context, line: string) =>
  readCronLine(line).find(({ home }) => home === homePath(context.env));

const unitFolder = (context: Context): string =>
  join(context.env['XDG_CONFIG_HOME'] || join(context.env['HOME'] || homedir(), '.config'), 'systemd/user');

/** The units of this home; `missing`: see BootCall. */
function ownUnits(context: Context): { name: string; missing: string | undefined }[] {
  const folder = unitFolder(context);
  return namesIn(folder)
    .filter((name) => UNIT.test(name))
    .flatMap((name) => {
      const read = readUnit(readSystemText(join(folder, name)));
      return read?.home === homePath(context.env) ? [{ name, missing: read.missing }] : [];
    });
}

/** A name for a new unit: another home may have the short one. */
function newUnitName(context: Context): string {
  const short = 'bgjob-boot.service';
  if (!namesIn(unitFolder(context)).includes(short)) return short;
  return `bgjob-boot-${projectKey(homePath(context.env))}.service`;
}

/** What calls `bgjob boot` for this home now: `crontab` or a unit; undefined: nothing does. */
export interface BootEntry {
  in: string;
  /** The part of the program that it calls and that is gone. */
  missing: string | undefined;
}

export function bootEntry(context: Context): BootEntry | undefined {
  const crontab = findTool('crontab');
  const lines = crontab ? readCrontab(crontab) : ok([]);
  const [call] = lines.ok ? lines.value.flatMap((line) => ofHome(context, line) ?? []) : [];
  if (call) return { in: 'crontab', missing: call.missing };
  const [unit] = ownUnits(context);
  return unit && { in: unit.name, missing: unit.missing };
}

/** Writes or renews the entry of this home, or removes all that it has. */
export function changeBoot(context: Context, wanted: boolean): Result<void> {
  const crontab = findTool('crontab');
  const lines = crontab ? readCrontab(crontab) : ok([]);
  if (!lines.ok) return lines;
  const hasLine = lines.value.some((line) => ofHome(context, line));
  const hasUnit = ownUnits(context).length > 0;
  const isUnit = crontab === undefined || (wanted && hasUnit && !hasLine);
  const changes: (() => Result<string>)[] = [];
  if (isUnit ? wanted || hasUnit || !crontab : !wanted && hasUnit)
    changes.push(() => changeUnit(context, wanted));
  if (!isUnit && (wanted || hasLine || !hasUnit))
    changes.push(() => changeCrontab(context, crontab, lines.value, wanted));
  for (const change of changes) {
    const changed = change();
    if (!changed.ok) return changed;
    context.output.note(changed.value);
  }
  return ok(undefined);
}

function changeCrontab(context: Context, crontab: string, lines: string[], wanted: boolean): Result<string> {
  const line = cronLine(context);
  if (line === undefined && wanted)
    return fail(lineEndInPath(bootCommand(context).find((word) => word.includes('\n'))!));
  const own = lines.filter((one) => ofHome(context, one));
  const others = lines.filter((one) => !own.includes(one));
  const text = Buffer.from(line ?? '', 'latin1').toString();
  if (wanted ? own.length === 1 && own[0] === line : own.length === 0)
    return ok(crontabText(wanted ? 'there' : 'none', text));
  // a line that is renewed keeps its place
  const at = own.length === 0 ? others.length : lines.indexOf(own[0]!);
  const next = wanted ? others.toSpliced(at, 0, line!) : others;
  const { status, stderr } = call(crontab, ['-'], [...next, ''].join('\n'));
  if (status !== 0) return fail(crontabRefuses(stderr));
  return ok(crontabText(wanted ? (own.length > 0 ? 'renewed' : 'added') : 'removed', text));
}

function changeUnit(context: Context, wanted: boolean): Result<string> {
  const systemctl = findTool('systemctl');
  const own = ownUnits(context).map(({ name }) => name);
  if (!systemctl) return fail(noBootTool());
  const pathOf = (name: string) => join(unitFolder(context), name);
  if (!wanted) {
    for (const name of own) {
      call(systemctl, ['--user', 'disable', name]);
      removeQuietly(pathOf(name));
    }
    return ok(own.length === 0 ? unitChangedText('none', '') : unitChangedText('removed', pathOf(own[0]!)));
  }
  const name = own[0] ?? newUnitName(context);
  const path = pathOf(name);
  const owner = context.env['XDG_CONFIG_HOME'] ? undefined : otherOwner(path);
  if (owner !== undefined) return fail(unitInUsersHome(path, userName(owner)));
  const written = attempt('write', path, () => {
    makeParents(dirname(path));
    replaceUserFile(path, Buffer.from(unitText(context, UNIT_DESCRIPTION)));
  });
  if (!written.ok) return written;
  const { status, stderr } = call(systemctl, ['--user', 'enable', name]);
  return status === 0 ? ok(unitChangedText('enabled', path)) : fail(unitNotEnabled(path, name, stderr));
}

/** What happens after a restart of the machine. An entry whose program is gone is renewed. */
export function bootNote(context: Context): string {
  let entry: BootEntry | undefined;
  try {
    entry = bootEntry(context);
    if (entry?.missing !== undefined) {
      const changed = changeBoot(context, true);
      if (changed.ok) context.output.note(bootRenewedText(entry.missing));
    }
  } catch (thrown) {
    ignoreSystemError(thrown);
  }
  return afterRestartText(entry?.in);
}
