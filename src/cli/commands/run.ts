/** `bgjob run`: starts a job and prints its id. */
import { parseDuration } from '../../base/clock.ts';
import { type Failure, fail, ok, type Result } from '../../base/failure.ts';
import { removeQuietly } from '../../base/files.ts';
import type { Home } from '../../job/home.ts';
import type { JobId } from '../../job/job.ts';
import { attendQueue } from '../../process/admission.ts';
import { findListener, portTaken } from '../../process/listener.ts';
import { observe } from '../../process/observe.ts';
import { waitForCondition } from '../awaiting.ts';
import { type Exit, type Input, SUCCESS, verb } from '../command.ts';
import { CONDITION_OPTIONS, type Conditions, isConditional, parseConditions } from '../conditions.ts';
import { DRAFT_OPTIONS, draftOf } from '../draft.ts';
import { followTo } from '../following.ts';
import { parseNaming, start } from '../naming.ts';
import type { Output } from '../output.ts';
import { Patience } from '../patience.ts';
import { applySlots, parseQueueing, tellIfPaused } from '../queueing.ts';
import { keepInput } from '../stdin.ts';
import { tellEnd, tellStillRunning } from '../telling.ts';
import { waitForAll } from '../waiting.ts';
import { tellWarnings, warningsOf } from '../warnings.ts';

/** As for every program that writes into a pipe without a reader (SIGPIPE): how the job ends is not known yet. */
const READER_GONE: Exit = { code: 141, by: 'bgjob' };

const OPTIONS = {
  ...DRAFT_OPTIONS,
  wait: {
    kind: 'optional-duration',
    short: '-w',
    value: 'DUR',
    text: 'for its end and output; 75 if that takes longer',
    group: 'Wait',
  },
  follow: { kind: 'flag', short: '-f', text: 'and show its output as it comes' },
  ...CONDITION_OPTIONS,
} as const;
type RunInput = Input<typeof OPTIONS>;

/** `--wait 10s -- make`: the value of --wait takes a `=`, so that `--wait npm test` can be said. */
function withMeant(failure: Failure, wait: RunInput['options']['wait']): Failure {
  if (failure.code !== 'command-not-found' || wait?.ms !== null) return failure;
  if (parseDuration(failure.command) === undefined) return failure;
  return { ...failure, meant: `--wait=${failure.command} -- command` };
}

/** A job that is to listen on a port which somebody has is not even started. */
async function portsAreFree(home: Home, conditions: Conditions | null): Promise<Result<void>> {
  if (!conditions || conditions.anyOwner) return ok(undefined);
  for (const port of conditions.ports) {
    const listener = await findListener(home, port);
    if (listener !== undefined && listener !== 'unknown') return fail(portTaken(port, listener));
  }
  return ok(undefined);
}

/** Streams the output until the job ends, then tells the end as `wait` does, without the lines that were just shown. */
async function followEnd(output: Output, home: Home, id: JobId, patience: Patience): Promise<Exit> {
  await followTo(output, home, id, { stream: 'log', from: 0, raw: false }, patience.signal);
  const view = observe(home, id) ?? { kind: 'unreadable' as const, id, why: 'it was removed' };
  if (view.kind === 'live' && output.readerGone) {
    output.note(`nobody reads the output any more; the job goes on: bgjob wait ${id}`);
    return READER_GONE;
  }
  if (view.kind === 'live') return tellStillRunning(output, home, [view], patience);
  patience.end();
  return tellEnd(output, home, view, 'none');
}

const OPERANDS = "[--] command [args...] | 'line' | - [args...] | --batch FILE";

export const run = verb({
  name: 'run',
  operands: OPERANDS,
  // at least one, but for --batch: checked below
  arity: [0, Number.POSITIVE_INFINITY],
  passThrough: true,
  summary: 'start a command as a job; prints its id and returns at once',
  description: [
    'Words are run as they are, without a shell. One single word without -- is a shell line: it runs under',
    'bash -o pipefail -c (sh -c where there is no bash). Options come before the command.',
    'A first word - without -- reads a script from stdin to its end, keeps it with the job and runs it, under its #! line',
    'if it has one, else like a shell line.',
    '--batch FILE|- starts a job for each line of FILE, all of them or none; each is a shell line. They wait in a queue.',
    'The job gets a session of its own, BGJOB_ID and BGJOB_HOME in its environment, and nothing on stdin: a prompt fails at once.',
    '--stdin FILE gives it a file, --stdin - what comes here, --stdin hold and --pty what bgjob send writes; without these two PAGER,',
    'GIT_PAGER (cat) and GIT_TERMINAL_PROMPT (0) are set where they are not.',
  ],
  examples: [
    ['id=$(bgjob run -- npm test)', 'start, and keep the id'],
    ["bgjob run 'make all 2>&1 | tee build.txt'", 'a shell line'],
    ["bgjob run - <<'EOF'", 'a script, up to EOF'],
    ['bgjob run -Q gcc --slots 2 --batch lines.txt', 'a job per line'],
    ['bgjob run --wait=10s -- npm run lint', 'its result, else 75'],
    ['bgjob run -f --timeout 10m -- ./long.sh', 'watch it; or Ctrl-C'],
    ['bgjob run -n py --stdin hold -- python3 -i', 'then: bgjob send py TEXT'],
    ['bgjob run -n web --until-port 3000 -- npm run dev', 'back when it listens'],
    ['bgjob run -n web --replace -- npm run dev', 'in place of the old'],
  ],
  options: OPTIONS,
  async run(context, given) {
    const { output } = context;
    const { options } = given;
    const waits = options.wait !== null || options.follow || isConditional(options);
    const deadline = waits ? context.deadline(options.wait?.ms ?? null) : ok(null);
    if (!deadline.ok) return deadline;
    if (options.batch !== null) {
      const { runBatch } = require('../batchrun.ts') as typeof import('../batchrun.ts');
      return runBatch(context, given, options.wait === null ? null : { deadlineMs: deadline.value });
    }
    const naming = parseNaming(options);
    if (!naming.ok) return naming;
    const queueing = parseQueueing(context, options);
    if (!queueing.ok) return queueing;
    if (given.words.length === 0)
      return fail({ code: 'usage', message: `run needs ${OPERANDS}`, hint: 'bgjob run -- npm test' });
    const draft = draftOf(context, given, queueing.value);
    if (!draft.ok) return fail(withMeant(draft.failure, options.wait));
    const conditions = parseConditions(options, null, () => ok(draft.value.cwd));
    if (!conditions.ok) return conditions;
    if (conditions.value && options.follow)
      return fail({ code: 'usage', message: '--follow and conditions such as --until exclude each other' });
    const opened = context.makeHome();
    if (!opened.ok) return opened;
    const home = opened.value;
    const slots = applySlots(home, queueing.value);
    if (!slots.ok) return slots;
    tellWarnings(output, warningsOf(given.words, given.separated));
    const mayStart = () => portsAreFree(home, conditions.value);
    const input = keepInput(output, home, options.stdin, draft.value);
    if (!input.ok) return input;
    const { inputCopy } = input.value;
    const started = await start(output, home, input.value, naming.value, mayStart);
    if (inputCopy !== undefined) removeQuietly(inputCopy);
    if (!started.ok) return started;
    const { id, reused, replaced } = started.value;
    const { placement } = draft.value;
    if (placement) await attendQueue(home, placement.queue);
    const logPath = home.job(id).log;
    const { name } = options;
    if (output.json) output.object({ v: 1, id, name, reused, replaced, log: { path: logPath } });
    else output.line(String(id));
    if (placement && !output.json) tellIfPaused(output, home, placement.queue);
    if (!waits) {
      if (!output.json && output.isTerminal(2)) {
        const became = reused ? 'it was there already' : placement ? 'added' : 'started';
        output.note(`${became}; next: bgjob tail -f ${id} · bgjob wait ${id} · bgjob ls`);
      }
      return ok(SUCCESS);
    }
    const patience = new Patience(deadline.value);
    if (options.follow) return ok(await followEnd(output, home, id, patience));
    const view = observe(home, id);
    if (!view) return fail({ code: 'no-such-job', reference: String(id), known: [] });
    if (conditions.value) {
      const exit = await waitForCondition(output, home, view, conditions.value, patience);
      const goesOn = !exit.ok && observe(home, id)?.kind === 'live';
      if (goesOn && !output.json) output.note(`(the job goes on: bgjob tail ${id} · bgjob kill ${id})`);
      return exit;
    }
    return ok(await waitForAll(output, home, [view], { any: false, failFast: false }, patience, 'always'));
  },
});
