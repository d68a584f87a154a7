/**
 * Warnings of `run`: about `&`, `nohup`, `setsid`, `disown`, `| tail` and `> file` in a command, which hide
 * its process or its output from the job; and about the surroundings of the call. A warning is given only
 * where it is certain, and nothing is refused or changed.
 */
import { clip, safe, safeJson } from '../../base/text/sanitize.ts';
import { type Enclosure, findEnclosure } from '../../engine/os/call-sandbox.ts';
import { findTool } from '../../engine/os/programs.ts';
import type { Spec } from '../../job/spec.ts';
import { shellOf } from '../../job/view.ts';
import type { Output } from '../output/output.ts';
import type { Pipeline, Redirect, ShellCommand } from '../shell/shell-parser.ts';

/** `code` is for programs, `message` for people. */
export interface Warning {
  code:
    | 'background'
    | 'nohup'
    | 'setsid'
    | 'disown'
    | 'tail'
    | 'head'
    | 'file'
    | 'open-listener'
    | 'dev-null'
    | 'ends-with-call'
    | 'nobody-to-notify'
    | 'stdin-not-read';
  message: string;
}

const LOST = 'hides the command from its job: bgjob does not see its end and exit code';
const MESSAGES = {
  background: `the trailing & ${LOST}; leave it out`,
  nohup: 'nohup is not needed: a job outlives its shell',
  setsid: `setsid ${LOST}; leave it out`,
  disown: `& disown ${LOST}; leave both out`,
  tail: '| tail keeps only the last lines: the first error is lost; leave it out and use bgjob tail',
  head: '| head keeps only the first lines: the last error is lost; leave it out and use bgjob tail --head',
} as const;
const plain = (code: keyof typeof MESSAGES): Warning => ({ code, message: MESSAGES[code] });

/** A line without any of these needs no warning, and no parser is loaded. */
const SUSPICIOUS = /[&|>]|nohup|setsid/;
/** Commands that prepare and print nothing: the command after them is the only one that writes. */
const PREPARATIONS = new Set(['cd', 'set', 'export', 'source', '.', 'ulimit', 'umask', 'mkdir']);
/** After other commands, these write a remark, not the output. */
const NOTES = new Set(['echo', 'printf', 'cat', 'date', 'touch', 'pwd', 'hostname']);

/**
 * The program and its arguments, without assignments and `exec`; null: a word that only the shell can
 * expand.
 */
function programWords({ words }: ShellCommand): (string | null)[] {
  const rest = words.map(({ text }) => text);
  while (
    words[words.length - rest.length] &&
    /^[A-Za-z_]\w*\+?=/.test(words[words.length - rest.length]!.raw)
  )
    rest.shift();
  if (rest[0] === 'exec' && rest.length > 1) rest.shift();
  return rest;
}
const basename = (word: string | null | undefined): string => word?.slice(word.lastIndexOf('/') + 1) ?? '';

/** The launchers before the program: `setsid nohup make`. */
function launchers(words: (string | null)[]): Set<'nohup' | 'setsid'> {
  const found = new Set<'nohup' | 'setsid'>();
  for (let rest = words; rest.length > 1; ) {
    const name = basename(rest[0]);
    const next = rest[1];
    if (name === 'nohup' && next !== null && !/^--./.test(next!)) found.add('nohup');
    else if (name === 'setsid' && next !== null && /^(-[cf]+|--ctty|--fork|[^-].*)$/.test(next!)) {
      const options = rest.slice(1).filter((word) => word?.startsWith('-'));
      if (options.some((word) => /^(-\w*w\w*|--wait)$/.test(word!))) return found;
      found.add('setsid');
    } else return found;
    rest = rest.slice(1);
    while (rest[0]?.startsWith('-')) rest = rest.slice(1);
  }
  return found;
}

/**
 * Whether `| tail` or `| head` cuts what it reads, from the pipe and not from a file; only then is it
 * certain.
 */
function cut(command: ShellCommand): 'tail' | 'head' | undefined {
  const [program, ...args] = programWords(command);
  const name = basename(program);
  if (name !== 'tail' && name !== 'head') return undefined;
  if (command.redirects.some(({ operator, fd }) => operator.startsWith('<') && (fd ?? 0) === 0))
    return undefined;
  for (let at = 0; at < args.length; at++) {
    const word = args[at]!;
    if (word === null) return undefined;
    if (/^(-\d+|-[qvz]+|--quiet|--silent|--verbose|-)$/.test(word)) continue;
    const given = /^(?:-[nc]|--(?:lines|bytes)=?)(.*)$/.exec(word);
    if (!given) return undefined;
    const amount = given[1] || args[++at];
    if (!amount || !/^\d/.test(amount.replace(name === 'tail' ? /^-/ : /^\+/, ''))) return undefined;
  }
  return name;
}

type Place = 'log' | 'unknown' | { file: string; raw: string };

function placeOf({ target }: Redirect): Place {
  const file = target.text;
  if (!file || /^\/(dev|proc)\//.test(file)) return file === '/dev/null' ? { file, raw: file } : 'unknown';
  return { file, raw: target.raw };
}

/** Where stdout and stderr of a command go: the redirections, in their order. */
function placesOf(redirects: Redirect[]): Map<number, Place> {
  const places = new Map<number, Place>([
    [1, 'log'],
    [2, 'log'],
  ]);
  for (const redirect of redirects) {
    const { fd, operator, target } = redirect;
    const copied = /^\d+$/.test(target.text ?? '') ? Number(target.text) : undefined;
    const toBoth = operator.startsWith('&>') || (operator === '>&' && fd === null && copied === undefined);
    if (/^[<>]&$/.test(operator) && (copied !== undefined || !toBoth || /-$/.test(target.raw)))
      places.set(
        fd ?? (operator === '>&' ? 1 : 0),
        copied === undefined ? 'unknown' : (places.get(copied) ?? 'unknown'),
      );
    else if (toBoth) for (const one of [1, 2]) places.set(one, placeOf(redirect));
    else if (operator.startsWith('>')) places.set(fd ?? 1, placeOf(redirect));
    else places.set(fd ?? 0, 'unknown');
  }
  return places;
}

/** The last command's output goes to a file, `before` are the pipelines that ran before it. */
function redirected(command: ShellCommand, before: Pipeline[]): Warning | undefined {
  const name = basename(programWords(command)[0]);
  if (!command.compound && ['', ':', 'true', 'exec'].includes(name)) return undefined;
  const isAlone = before.every(({ commands }) => PREPARATIONS.has(basename(programWords(commands[0]!)[0])));
  if (!isAlone && NOTES.has(name)) return undefined;
  const places = placesOf(command.redirects);
  const [out, errors] = [places.get(1)!, places.get(2)!];
  if (typeof out === 'string') return undefined;
  const both = typeof errors === 'object' && errors.file === out.file;
  if (out.file === '/dev/null')
    return {
      code: 'dev-null',
      message:
        `${both ? 'all output' : 'stdout'} goes to /dev/null: bgjob tail cannot show it; ` +
        'leave that out: the log has a limit',
    };
  const file = clip(safe(out.raw), 40);
  const appends = command.redirects.some(({ operator }) => operator.endsWith('>>'));
  const target = out.raw === file ? file : 'FILE';
  const tee = `${both ? '2>&1 ' : ''}| tee ${appends ? '-a ' : ''}${target} does both`;
  const what = both ? 'the output' : 'stdout';
  const shown = both ? (isAlone ? 'shows nothing' : 'does not show it') : 'does not show it';
  return { code: 'file', message: `${what} goes to ${file}, not into the log: bgjob tail ${shown}; ${tee}` };
}

function lineWarnings(line: string): Warning[] {
  const { parseShellLine } = require('../shell/shell-parser.ts') as typeof import('../shell/shell-parser.ts');
  const pipelines = parseShellLine(line);
  if (!pipelines || pipelines.length === 0) return [];
  const warnings: Warning[] = [];
  const firstWords = pipelines.map(({ commands }) => programWords(commands[0]!));
  const isDisowned = firstWords.at(-1)![0] === 'disown' && pipelines.at(-2)?.end === '&';
  const judged = isDisowned ? pipelines.slice(0, -1) : pipelines;
  const { commands, end } = judged.at(-1)!;
  if (firstWords.some((words) => launchers(words).has('nohup'))) warnings.push(plain('nohup'));
  // only the leader of a group is hidden by setsid: the one command that the shell becomes at its end
  const becomes =
    commands.length === 1 &&
    judged.slice(0, -1).every((one) => one.end === ';' || one.end === '&&') &&
    !/(^|[\s;&|])(!|time)\s/.test(line);
  if (becomes && launchers(programWords(commands[0]!)).has('setsid')) warnings.push(plain('setsid'));
  const last = commands.at(-1)!;
  const kept = commands.length > 1 ? cut(last) : undefined;
  if (kept) warnings.push(plain(kept));
  const file = redirected(last, judged.slice(0, -1));
  if (file) warnings.push(file);
  if (isDisowned) warnings.push(plain('disown'));
  else if (end === '&') warnings.push(plain('background'));
  return warnings;
}

/**
 * What to warn about before these words are run; `separated`: `--` stood before them. Scripts are left
 * alone.
 */
export function warningsOf(words: string[], separated: boolean): Warning[] {
  const isLine = words.length === 1 && !separated;
  if (isLine) return SUSPICIOUS.test(words[0]!) ? lineWarnings(words[0]!) : [];
  return [...launchers(words)].map(plain);
}

const ENDS: Record<Enclosure['how'], (init: string) => string> = {
  sandbox: (init) => `all processes in this sandbox (${init}) end with the call for which it was made`,
  shell: (init) => `pid 1 of this sandbox is the ${init} of this call, and all processes end with it`,
  alone: () => 'bgjob is pid 1 of this sandbox, and all processes end with it',
};
/** Why all processes end with this call. */
export const enclosureText = ({ how, init }: Enclosure): string => ENDS[how](safe(init));

/** A warning if a job will not outlive this call. */
export function enclosureWarnings(env: NodeJS.ProcessEnv): Warning[] {
  const enclosure = findEnclosure(env);
  if (!enclosure) return [];
  const message =
    `${enclosureText(enclosure)}: the job will be lost then; ` +
    'wait for it in this call (run --wait), or call bgjob outside of the sandbox';
  return [{ code: 'ends-with-call', message }];
}

/**
 * Of a call that stayed with its job. It may be meant for a loop around the call: then there is nothing to
 * do.
 */
export const STDIN_NOT_READ: Warning = {
  code: 'stdin-not-read',
  message: 'this call has input on stdin that the job did not get; to pass it on: bgjob run --stdin -',
};

const UNSEEN = 'a failure before the last | is not noticed';

/** The parts of a job that say which shell runs it. */
type ShellCall = Pick<Spec, 'argv' | 'line' | 'script'> & { scriptBytes?: Uint8Array };

/**
 * Whether a shell without pipefail runs it, and it holds a pipe. What a `#!` line names is its own choice.
 */
export function losesPipefail(call: ShellCall): boolean {
  if (shellOf(call) !== 'sh') return false;
  const { line, scriptBytes } = call;
  const { parseShebang } = require('../shell/script.ts') as typeof import('../shell/script.ts');
  const script = scriptBytes && !parseShebang(scriptBytes) ? Buffer.from(scriptBytes).toString() : '';
  return pipes(line ?? script);
}

function pipes(text: string): boolean {
  const { hasPipe } = require('../shell/pipes.ts') as typeof import('../shell/pipes.ts');
  return hasPipe(text);
}

/**
 * That a pipe of a job hides a failure, because its shell knows no pipefail. A restarted job keeps its
 * shell.
 */
export const noPipefailText = (): string =>
  findTool('bash') === undefined ? `(no bash here: sh -c; ${UNSEEN})` : `(sh -c, as before; ${UNSEEN})`;

/** The same for the line of a job, unless --no-pipefail is given, and for its --on-exit. */
export function pipefailNotes(
  { onExit, ...call }: ShellCall & Pick<Spec, 'onExit'>,
  pipefail = true,
): string[] {
  const own = pipefail && losesPipefail(call) ? [noPipefailText()] : [];
  const isBlind = onExit !== null && findTool('bash') === undefined && pipes(onExit);
  return isBlind ? [...own, `--on-exit: ${noPipefailText()}`] : own;
}

/** Prints the warnings on stderr, each in one line. */
export function printWarnings(output: Output, warnings: Warning[]): void {
  for (const warning of warnings)
    output.note(
      output.json ? safeJson(JSON.stringify({ v: 1, warning })) : `warning: ${safe(warning.message)}`,
    );
}
