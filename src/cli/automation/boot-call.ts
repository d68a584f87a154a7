/**
 * The call of `bgjob boot` in a line of crontab or a unit of systemd: how it is written, and which home and
 * program a call names that was written earlier. Node, the package and the way of quoting may have been others
 * then: so an entry is found by its mark and its home.
 */
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { quote } from '../../base/text/shell-quote.ts';
import { missingPart, nodeProgram } from '../../engine/os/own-program.ts';
import { findTool } from '../../engine/os/programs.ts';
import { homePath } from '../../job/home/home.ts';
import { quoteWord } from '../../job/view.ts';
import type { Context } from '../command/context.ts';

/** At the end of a crontab line, and of the description of a unit. */
export const MARK = '# bgjob boot';

/** The words of an entry, and the home and the program in them. */
export interface BootCall {
  home: string;
  /** The part of its program that is gone; undefined: all are there, or the program is not known. */
  missing: string | undefined;
}

/** As in the first line of bin/bgjob, which is not used here: /etc/environment may have what ends Node. */
const NODE_VARIABLES = ['NODE_OPTIONS=', 'NODE_EXTRA_CA_CERTS='];

/** The call of this program; with BGJOB_HOME where the home is not the default. */
export function bootCommand(context: Context): string[] {
  const program = join(__dirname, '..', 'bin', 'bgjob');
  const own = context.env['BGJOB_HOME'] ? [`BGJOB_HOME=${homePath(context.env)}`] : [];
  return ['env', ...NODE_VARIABLES, ...own, nodeProgram(), program, 'boot'];
}

function callOf(words: string[]): BootCall {
  const asked = words.find((word) => word.startsWith('BGJOB_HOME='))?.slice('BGJOB_HOME='.length);
  const [node = '', program = ''] = words.slice(words.findIndex((word) => !/^(\S*\/)?env$|=/.test(word)));
  const isWhole = node.startsWith('/') && program.endsWith('/bin/bgjob');
  const missing = isWhole
    ? ([program].find((path) => !existsSync(path)) ?? missingPart(node, join(dirname(program), '..', 'dist')))
    : undefined;
  return { home: homePath({ BGJOB_HOME: asked }), missing };
}

/**
 * A word of a crontab line, which cron hands to a shell. Vixie's cron ends the command at a `%`, unless a
 * backslash stands before it: cron removes that backslash, and no other one may stand before it. Busybox's
 * cron changes nothing. So backslash and `%` stand together outside of quotes, where a shell reads them as
 * `%`, too.
 */
const cronWord = (word: string): string =>
  quoteWord(word) === word ? word.replaceAll('%', '\\%') : quote(word).replaceAll('%', "'\\%'");

/** The crontab line, as bytes (latin1), because lines of other programs need not be UTF-8; undefined: a path
 *  has a line end. */
export function cronLine(context: Context): string | undefined {
  const command = bootCommand(context).map(cronWord).join(' ');
  if (command.includes('\n')) return undefined;
  return Buffer.from(`@reboot ${command} >/dev/null 2>&1 ${MARK}`).toString('latin1');
}

/** The words that a shell makes of a command without expansions. */
const shellWords = (command: string): string[] =>
  [...command.matchAll(/(?:'[^']*'|\\.|[^\s'\\])+/gs)].map(([word]) =>
    word.replace(/'([^']*)'|\\(.)/gs, '$1$2'),
  );

/** The calls that a crontab line of ours may mean; none: it is not ours. */
export function readCronLine(line: string): BootCall[] {
  const text = Buffer.from(line, 'latin1').toString();
  const command = /^\s*@reboot\s+(.*?)\s*$/s.exec(text)?.[1];
  if (!command?.endsWith(MARK)) return [];
  // versions up to 0.8.0 wrote a backslash before a `%` inside of quotes, too
  return [command, command.replaceAll('\\%', '%')].map((one) => callOf(shellWords(one)));
}

function unitWord(word: string): string {
  const escaped = word.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n');
  return `"${escaped.replaceAll('%', '%%').replaceAll('$', '$$$$')}"`;
}

export const unitText = (context: Context, description: string): string =>
  [
    '[Unit]',
    `Description=${description} ${MARK}`,
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

/** The call in a unit; undefined: the unit is not ours. */
export function readUnit(text: string): BootCall | undefined {
  if (!new RegExp(`^Description=.* ${MARK}$`, 'm').test(text)) return undefined;
  const words = /^ExecStart=(.*)$/m.exec(text)?.[1]?.matchAll(/"((?:[^"\\]|\\.)*)"|(\S+)/g) ?? [];
  return callOf(
    [...words].map(([, quoted, plain]) =>
      (quoted ?? plain ?? '')
        .replace(/\\(.)/g, (_, letter) => (letter === 'n' ? '\n' : letter))
        .replace(/([%$])\1/g, '$1'),
    ),
  );
}
