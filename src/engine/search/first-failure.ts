/**
 * The first line of a log that says what failed, as test runners, compilers and runtimes print it. It is a
 * guess: a line may look like a failure and be none. So callers show it beside the end of the log, never
 * instead of it.
 * Patterns have no other characters than ASCII: esbuild does not escape them (see build.mjs).
 */
import { cleanLine } from '../../base/text/sanitize.ts';
import type { Log } from '../../job/log/log.ts';

/** Of a longer log only the end is searched: reading and decoding this takes about 20 ms. */
const SEARCHED_BYTES = 4 * 2 ** 20;
/** Of a longer line only the beginning is tested. Patterns that try each place of a line are bounded, too. */
const LINE_CHARACTERS = 2000;

/** Every failing line has one of these. UTF-8 as latin1: ✕ ✖ ✗ ✘, ×, ❌, and the › of Jest. */
const CANDIDATE = new RegExp(
  [
    /fail|not ok|error|err!|exception|panic|traceback|fatal|critical|\*\*\* |not found/,
    /segmentation|core dumped|assertion|undefined reference|std(?:out|err) ----|(?:^|\n)(?:\x1b\[[\d;]*m)*E {3}/,
    /\xe2\x9c[\x95-\x98]|\xc3\x97 |\xe2\x9d\x8c|\xe2\x80\xba/,
  ]
    .map(({ source }) => source)
    .join('|'),
  'gi',
);

/** Where test runners say what failed. A log with such a line may have errors that a test expects. */
const FAILED_TEST = [
  // TAP; a test that is to do or skipped does not count
  /^\s*not ok\b(?!.*#\s*(todo|skip))/i,
  // Jest, Vitest, Go, pytest, unittest, automake
  /^\s*(--- )?FAIL(ED)?\b(?!\W*0\b)/,
  /^ERROR: \w+ \(/,
  // node --test, cargo, RSpec, Mocha: the failures after the list of all tests
  /^\u2716 failing tests:$/,
  /^---- \S+ (stdout|stderr) ----$/,
  /^Failures:$|^\s+\d+ failing$/,
  // Jest: ● tree › parses; Playwright: 1) [chromium] › a.spec.ts:3:1
  /^\s*(\u25cf|\d+\)) .*\u203a /,
  /^E {3}/,
  // GoogleTest, ctest
  /^\[ {2}FAILED {2}\]/,
  /\*\*\*(Failed|Exception|Timeout)\b/,
  // Gradle
  /^[^>]* > .*\) FAILED\b/,
];

/** In the list of all tests: what failed may be said after the list only. */
const LISTED_TEST = [
  // ✕ ✖ ✗ ✘ × ❌
  /^\s*[\u2715-\u2718\xd7\u274c]\s*\S/,
  // cargo, pytest -v, unittest -v
  /(\.\.\.|^(?=\S*::)\S+) (FAIL|FAILED|ERROR)\b/,
];

const ERROR = [
  // error: …, Error[E0425]: …, error TS2304: …, TypeError [ERR_X]: …, java.lang.SomeException: …
  /(^|[^\w-])(?<!\b(no|0) )(error|exception)( ?\[\w+\]| [A-Z]+\d+)?: (?!\W*(0\b|(none|no|null|ok)\W*$))/,
  /(^|[^\w-])[\w.$]{0,60}(Error|Exception)( \[\w+\])?(: |$)/,
  /^Traceback \(most recent call last\):/,
  /^(panic|fatal):|^npm error /i,
  /\bpanicked at\b/,
  /(^|[\s[])(ERROR|FATAL|CRITICAL|PANIC|ERR!)([\]\s:]|$)/,
  /^\S*make(\[\d+\])?: \*\*\* /,
  /\bcommand not found$|: not found$/,
  /\bsegmentation fault\b|\bcore dumped\b/i,
  /\bassertion\b.*\bfailed\b|\bundefined reference to\b/i,
  /\bbuild fail(ed|ure)\b|^FAILURE: |^> Task .* FAILED$|^CMake Error /i,
  // ESLint
  /^\s*\d+:\d+\s+error\s/,
];

/** The best first. */
const KINDS = [FAILED_TEST, LISTED_TEST, ERROR];

interface FailingLine {
  start: number;
  /** An index of KINDS. */
  kind: number;
}

function* failingLines(bytes: Buffer): Generator<FailingLine> {
  const raw = bytes.toString('latin1');
  const candidate = new RegExp(CANDIDATE);
  for (let found = candidate.exec(raw); found; found = candidate.exec(raw)) {
    // a candidate may begin with the newline before its line
    const inside = found.index + (raw[found.index] === '\n' ? 1 : 0);
    const start = inside === 0 ? 0 : raw.lastIndexOf('\n', inside - 1) + 1;
    const newline = raw.indexOf('\n', inside);
    const end = newline === -1 ? raw.length : newline;
    const line = cleanLine(bytes.toString('utf8', start, Math.min(end, start + LINE_CHARACTERS)));
    const kind = KINDS.findIndex((patterns) => patterns.some((pattern) => pattern.test(line)));
    if (kind !== -1) yield { start, kind };
    candidate.lastIndex = end;
  }
}

/** The offset at which the line begins; undefined: no line looks like a failure. */
export function findFirstFailure(log: Log): number | undefined {
  const { bytes, from } = log.lastLines(Number.MAX_SAFE_INTEGER, SEARCHED_BYTES);
  let first: FailingLine | undefined;
  for (const line of failingLines(bytes)) {
    if (!first || line.kind < first.kind) first = line;
    if (line.kind === 0) break;
  }
  return first && from + first.start;
}

/** Where the last such line of a text begins. */
export function findLastFailure(bytes: Buffer): number | undefined {
  let last: number | undefined;
  for (const { start } of failingLines(bytes)) last = start;
  return last;
}
