/** The options of `wait` and `run` that wait for something else than the end of a job: parsed and checked. */
import { resolve } from 'node:path';
import { renderDuration } from '../../base/clock.ts';
import { type Pattern, parsePattern } from '../../base/text/pattern.ts';
import { safe } from '../../base/text/sanitize.ts';
import { canSeePorts } from '../../engine/os/sockets.ts';
import { parseStatuses, parseUrl, type StatusRange } from '../../engine/wait/url.ts';
import { fail, ok, type Result } from '../../job/failure.ts';
import { quoteWord } from '../../job/view.ts';
import type { Input } from '../command/command.ts';
import { conditionRefusal } from '../messages/wait.ts';

export const CONDITION_OPTIONS = {
  until: {
    kind: 'list',
    value: 'RE',
    text: 'until a line of its output matches; it need not be finished',
    group: 'Wait for a condition; the first one that is met decides',
  },
  'fail-on': { kind: 'list', value: 'RE', text: 'exit with 1 when a line of its output matches' },
  'until-port': { kind: 'list', value: 'N', text: 'until a process of the job listens on TCP port N' },
  'any-owner': { kind: 'flag', text: 'with --until-port: any process may listen (a proxy)' },
  'until-url': { kind: 'list', value: 'URL', text: 'until URL answers with a status below 500' },
  'until-status': {
    kind: 'list',
    value: 'LIST',
    text: 'with --until-url: only these statuses count: 200, or 200,204,300-399',
  },
  insecure: { kind: 'flag', text: 'with --until-url: accept any certificate' },
  'until-cmd': {
    kind: 'list',
    value: 'CMD',
    text: 'until this shell line exits with 0; it runs in the directory of the job, for 30s at most each time',
  },
  'until-file': { kind: 'list', value: 'PATH', text: 'until the file exists' },
  'until-idle': { kind: 'duration', value: 'DUR', text: 'until the job has written nothing for DUR' },
} as const;
type ConditionInput = Input<typeof CONDITION_OPTIONS>['options'];

export interface Conditions {
  until: Pattern[];
  failOn: Pattern[];
  ports: number[];
  anyOwner: boolean;
  urls: URL[];
  /** Empty: any status below 500. */
  statuses: StatusRange[];
  insecure: boolean;
  /** Shell lines. */
  lines: string[];
  files: string[];
  idleMs: number | null;
  /** The output counts from here on; null: from its beginning. */
  since: string | null;
  words: string[];
}

export const isConditional = (options: ConditionInput): boolean =>
  CONDITION_NAMES.some((name) => {
    const value = options[name];
    return Array.isArray(value) ? value.length > 0 : value !== null;
  });

const CONDITION_NAMES = [
  ...(['until', 'until-port', 'until-url', 'until-cmd', 'until-file', 'until-idle'] as const),
  'fail-on',
] as const;

function parseAll<T>(texts: string[], parse: (text: string) => Result<T>): Result<T[]> {
  const values: T[] = [];
  for (const text of texts) {
    const parsed = parse(text);
    if (!parsed.ok) return parsed;
    values.push(parsed.value);
  }
  return ok(values);
}

function parsePort(text: string): Result<number> {
  const port = /^\d{1,5}$/.test(text) ? Number(text) : 0;
  if (port >= 1 && port <= 65535) return ok(port);
  return fail(conditionRefusal.port(text));
}

function parseStatusList(text: string): Result<StatusRange[]> {
  const statuses = parseStatuses(text);
  return statuses ? ok(statuses) : fail(conditionRefusal.statuses(text));
}

/** The lines of --until-cmd. Their syntax is checked now: each attempt would fail. */
function checkLines(lines: string[]): Result<void> {
  if (lines.length === 0) return ok(undefined);
  if (lines.some((line) => line.trim() === '')) return fail(conditionRefusal.emptyLine());
  const { refusedLines } = require('../shell/syntax-check.ts') as typeof import('../shell/syntax-check.ts');
  for (const says of refusedLines(lines).values()) return fail(conditionRefusal.badLine(says));
  return ok(undefined);
}

/** null if no condition was asked for. `cwd`: what a relative path is relative to. */
export function parseConditions(
  options: ConditionInput,
  since: string | null,
  cwd: () => Result<string>,
): Result<Conditions | null> {
  const until = parseAll(options.until, (text) => parsePattern('--until', text));
  if (!until.ok) return until;
  const failOn = parseAll(options['fail-on'], (text) => parsePattern('--fail-on', text));
  if (!failOn.ok) return failOn;
  const ports = parseAll(
    options['until-port'].flatMap((text) => text.split(',')),
    parsePort,
  );
  if (!ports.ok) return ports;
  if (ports.value.length > 0 && !canSeePorts()) return fail(conditionRefusal.noPorts());
  const urls = parseAll(options['until-url'], parseUrl);
  if (!urls.ok) return urls;
  const statuses = parseAll(options['until-status'], parseStatusList);
  if (!statuses.ok) return statuses;
  if (statuses.value.length > 0 && urls.value.length === 0) return fail(conditionRefusal.needsUrl());
  const lines = options['until-cmd'];
  const checked = checkLines(lines);
  if (!checked.ok) return checked;
  const files: string[] = [];
  for (const path of options['until-file']) {
    if (path === '') return fail(conditionRefusal.emptyPath());
    const base = path.startsWith('/') ? ok('/') : cwd();
    if (!base.ok) return base;
    files.push(resolve(base.value, path));
  }
  if (options['any-owner'] && ports.value.length === 0) return fail(conditionRefusal.anyOwner());
  if (options.insecure && urls.value.length === 0) return fail(conditionRefusal.insecure());
  const patterns = until.value.length + failOn.value.length;
  if (since !== null && patterns === 0) return fail(conditionRefusal.since());
  const idleMs = options['until-idle'];
  if (
    patterns + ports.value.length + urls.value.length + lines.length + files.length === 0 &&
    idleMs === null
  )
    return ok(null);
  return ok({
    until: until.value,
    failOn: failOn.value,
    ports: ports.value,
    anyOwner: options['any-owner'],
    urls: urls.value,
    statuses: statuses.value.flat(),
    insecure: options.insecure,
    lines,
    files,
    idleMs,
    since,
    words: wordsOf({ ...options, 'until-file': files }, since),
  });
}

/** The options as they are typed, for a command that waits on from any directory: paths are absolute. */
function wordsOf(options: ConditionInput, since: string | null): string[] {
  const words: string[] = [];
  for (const [name, option] of Object.entries(CONDITION_OPTIONS)) {
    const value = options[name as keyof ConditionInput];
    if (value === true) words.push(`--${name}`);
    else if (typeof value === 'number') words.push(`--${name}`, renderDuration(value));
    else if (option.kind === 'list')
      for (const text of value as string[]) words.push(`--${name}`, quoteWord(text));
  }
  if (since !== null) words.push('--since', since);
  return words.map(safe);
}
