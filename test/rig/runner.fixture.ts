/**
 * Runs test files side by side and says what the run was worth: the seed, the slowest tests, what was skipped and why, and one
 * closing line of counts. Fails if a test fails, and in CI also if a test is skipped that `test/skips.txt` does not name.
 * A file that does not end within its limit is ended, and fails by its name: a server that a failed test has left open
 * would keep it running for ever.
 *
 *     node runner.fixture.js [--name PATTERN] [--concurrency N] [--limit SECONDS] NAME…
 *
 * NAME: a folder or file below test, as `cli` or `unit/log`. The limit is that of one file.
 */
import * as fs from 'node:fs';
import { availableParallelism } from 'node:os';
import { basename, join } from 'node:path';
import { run } from 'node:test';
import { spec } from 'node:test/reporters';
import { parseArgs } from 'node:util';
import { FILE_MS } from './until.ts';

const SLOWEST = 20;
/** So much is printed of how a test failed. */
const FAILURE_LINES = 12;
const FAILURE_COLUMNS = 200;
const SKIPS = join(__dirname, '..', 'test', 'skips.txt');

interface Result {
  name: string;
  file: string;
  ms: number;
  outcome: 'passed' | 'failed' | 'skipped';
  /** Why it was skipped, or how it failed. */
  why: string;
}

/** The built files of these folders or files below test: `unit/log` is `unit.log.test.js` or whatever begins with `unit.log.`. */
function filesOf(names: string[]): string[] {
  const built = fs.readdirSync(__dirname).filter((file) => file.endsWith('.test.js'));
  return names.flatMap((name) => {
    if (name.endsWith('js') && fs.existsSync(name)) return [fs.realpathSync(name)];
    const prefix = `${name.replace(/^test\/|(\.test)?\.ts$/g, '').replaceAll('/', '.')}.`;
    const found = built.filter((file) => file.startsWith(prefix)).map((file) => join(__dirname, file));
    if (found.length === 0) throw new Error(`there is no test ${name}`);
    return found;
  });
}

/** Runs the files; the results of their tests, those of subtests apart, and the files that were ended at the limit. */
function runAll(
  files: string[],
  concurrency: number,
  timeout: number,
  name: string | undefined,
): Promise<{ results: Result[]; ended: string[] }> {
  const results: Result[] = [];
  const ended: string[] = [];
  const events = run({ files, concurrency, timeout, ...(name !== undefined && { testNamePatterns: name }) });
  const note = (outcome: Result['outcome'], data: any): void => {
    const { skip, nesting, file = '', details } = data;
    // a file that failed as a whole is told under its own path; what --name leaves out is told as skipped
    if (nesting > 0 || (outcome === 'passed' && files.includes(data.name)) || isLeftOut(skip)) return;
    const isSkipped = skip !== undefined && skip !== false;
    results.push({
      ...{ name: data.name, file, ms: details.duration_ms, outcome: isSkipped ? 'skipped' : outcome },
      why: typeof skip === 'string' ? skip : outcome === 'failed' ? messageOf(details.error) : '',
    });
  };
  return new Promise((resolve) => {
    events.on('test:pass', (data) => note('passed', data));
    events.on('test:fail', (data) => {
      note('failed', data);
      const { failureType } = data.details.error as Error & { failureType?: string };
      if (failureType === 'testTimeoutFailure' && files.includes(data.name)) ended.push(data.name);
    });
    events
      .compose(new spec() as any)
      .on('end', () => resolve({ results, ended }))
      .pipe(process.stdout);
  });
}

/** The runner wraps what a test threw. */
const messageOf = ({ cause, message }: Error): string => (cause instanceof Error ? cause.message : message);

const isLeftOut = (skip: unknown): boolean => skip === 'test name does not match pattern';

const count = (results: Result[], outcome: Result['outcome']): number =>
  results.filter((result) => result.outcome === outcome).length;

function printSlowest(results: Result[]): void {
  console.log(`\nthe ${SLOWEST} slowest tests`);
  for (const { name, file, ms } of [...results].sort((a, b) => b.ms - a.ms).slice(0, SLOWEST))
    console.log(`${(ms / 1000).toFixed(1).padStart(7)} s  ${basename(file, '.test.js')}: ${name}`);
}

/** Tells what was skipped, a line for each reason; the names that may not be skipped here. */
function printSkipped(results: Result[]): string[] {
  const skipped = results.filter(({ outcome }) => outcome === 'skipped');
  const reasons = new Set(skipped.map(({ why }) => why));
  for (const why of reasons) {
    const { length } = skipped.filter((result) => result.why === why);
    console.log(`skipped ${length === 1 ? 'a test' : `${length} tests`}: ${why}`);
  }
  if (process.env['CI'] !== 'true') return [];
  const allowed = fs.readFileSync(SKIPS, 'utf8').split('\n');
  return skipped.filter(({ name }) => !allowed.includes(name)).map(({ name }) => name);
}

/** People read the end of a long output first, and CI often keeps no more: .ci/run prints these lines again. */
function printFailed(results: Result[]): void {
  for (const { name, file, why } of results.filter(({ outcome }) => outcome === 'failed')) {
    console.log(`failed: ${basename(file, '.test.js')}: ${name}`);
    const lines = why.split('\n').filter((line) => line.trim() !== '');
    for (const line of lines.slice(0, FAILURE_LINES))
      console.log(`failed| ${line.slice(0, FAILURE_COLUMNS)}`);
  }
}

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { name: { type: 'string' }, concurrency: { type: 'string' }, limit: { type: 'string' } },
  });
  const seed = process.env['BGJOB_TEST_SEED'] ?? String(Math.floor(Math.random() * 2 ** 31));
  process.env['BGJOB_TEST_SEED'] = seed;
  // more than there are processors: a test waits for others most of its time
  const concurrency = Number(values.concurrency ?? availableParallelism() + 2);
  const limitMs = values.limit === undefined ? FILE_MS : Number(values.limit) * 1000;
  const { results, ended } = await runAll(filesOf(positionals), concurrency, limitMs, values.name);
  printSlowest(results);
  const forbidden = printSkipped(results);
  for (const name of forbidden) console.log(`skipped, and not named in test/skips.txt: ${name}`);
  for (const file of ended)
    console.log(`ended after ${limitMs / 1000} s, because it did not end by itself: ${basename(file)}`);
  console.log(`the seed of all that is random: BGJOB_TEST_SEED=${seed}`);
  printFailed(results);
  const [passed, failed] = [count(results, 'passed'), count(results, 'failed')];
  console.log(`${passed} passed, ${failed} failed, ${count(results, 'skipped')} skipped`);
  // a file that does not even end at a signal is the suite's to find
  process.exit(failed > 0 || forbidden.length > 0 || results.length === 0 ? 1 : 0);
}

void main();
