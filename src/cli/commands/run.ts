/** `bgjob run`: starts a job and prints its id. */
import { parseDuration } from '../../base/clock.ts';
import { removeQuietly } from '../../base/fs/atomic-write.ts';
import { observe } from '../../engine/observe/observe.ts';
import { attendQueue } from '../../engine/queue/admission.ts';
import { type Failure, fail, ok } from '../../job/failure.ts';
import type { JobId } from '../../job/spec.ts';
import { NOTIFY_WHENS } from '../../job/spec.ts';
import { quoteWord, shellOf } from '../../job/view.ts';
import { type Input, SUCCESS, verb } from '../command/command.ts';
import { enclosureWarnings, pipefailNotes, printWarnings, warningsOf } from '../messages/warnings.ts';
import { isNew } from '../output/hints.ts';
import {
  checkWatch,
  isWatched,
  portsAreFree,
  printId,
  WATCH_OPTIONS,
  watchStarted,
} from '../run/after-start.ts';
import { DRAFT_OPTIONS, draftOf } from '../run/draft.ts';
import { parseNaming, startNamed } from '../run/name-policy.ts';
import { notifyWarnings } from '../run/notify-option.ts';
import { applySlots, parseQueueing } from '../run/queue-options.ts';
import { printUnreadStdin, storeInput } from '../run/stdin.ts';
import { isConditional, parseConditions } from '../wait/parse-conditions.ts';
import { printPauses } from '../wait/pause-notes.ts';

const OPTIONS = {
  ...DRAFT_OPTIONS,
  ...WATCH_OPTIONS,
} as const;
type RunInput = Input<typeof OPTIONS>;

/**
 * `--wait 10s -- make`: the value of --wait takes a `=`, so that `--wait npm test` can be said. `PORT=4000 npm start`: a shell would
 * take the first word for a variable.
 */
function withMeant(failure: Failure, { wait, notify }: RunInput['options']): Failure {
  if (failure.code !== 'command-not-found') return failure;
  if (notify?.text === null && NOTIFY_WHENS.some((when) => when === failure.command))
    return { ...failure, meant: `bgjob run --notify=${failure.command} -- command` };
  if (/^[A-Za-z_]\w*=\S*$/.test(failure.command))
    return { ...failure, meant: `bgjob run -e ${quoteWord(failure.command)} -- command` };
  if (wait?.ms === null && parseDuration(failure.command) !== undefined)
    return { ...failure, meant: `bgjob run --wait=${failure.command} -- command` };
  return failure.line === undefined
    ? failure
    : { ...failure, meant: `as a shell line: bgjob run ${quoteWord(failure.line)}` };
}

const OPERANDS = "[--] command [args...] | 'line' | - [args...] | --batch FILE";

export const run = verb({
  name: 'run',
  operands: OPERANDS,
  // at least one, but for --batch: checked below
  arity: [0, Number.POSITIVE_INFINITY],
  passThrough: true,
  changes: true,
  summary: 'start a command as a job; prints its id and returns at once',
  description: [
    'Words are run as they are, without a shell. One single word without -- is a shell line: it runs under',
    'bash -o pipefail -c; where there is no bash under sh -c, which does not see a failure before the last |. Options come before',
    'the command.',
    'A first word - without -- reads a script from stdin to its end, keeps it with the job and runs it, under its #! line',
    'if it has one, else like a shell line.',
    '--batch FILE|- starts a job for each line of FILE, all of them or none; each is a shell line, with a name before it (lint: npm',
    'run lint) or without. They wait in a queue.',
    'The job gets a session of its own, BGJOB_ID and BGJOB_HOME in its environment, and nothing on stdin: a prompt fails at once.',
    'stdout is its id alone, with -f its output alone; whatever else is told comes on stderr.',
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
    // before a wait would only warn of it
    const config = context.config();
    if (!config.ok) return config;
    const waits = isWatched(options);
    const deadline = waits ? context.deadline(options.wait?.ms ?? null) : ok(null);
    if (!deadline.ok) return deadline;
    const endsFirst = (options.wait !== null || options.follow) && deadline.value === null;
    const enclosed = endsFirst && !isConditional(options) ? [] : enclosureWarnings(context.env);
    if (options.batch !== null) {
      const { runBatch } = require('../run/batch-run.ts') as typeof import('../run/batch-run.ts');
      printWarnings(output, enclosed);
      return runBatch(context, given, options.wait === null ? null : { deadlineMs: deadline.value });
    }
    const naming = parseNaming(options);
    if (!naming.ok) return naming;
    const queueing = parseQueueing(context, options);
    if (!queueing.ok) return queueing;
    if (given.words.length === 0)
      return fail({ code: 'usage', message: `run needs ${OPERANDS}`, hint: 'bgjob run -- npm test' });
    const draft = draftOf(context, given, queueing.value);
    if (!draft.ok) return fail(withMeant(draft.failure, options));
    const conditions = parseConditions(options, null, () => ok(draft.value.cwd));
    if (!conditions.ok) return conditions;
    const fits = checkWatch(options, conditions.value);
    if (!fits.ok) return fits;
    const opened = context.makeHome();
    if (!opened.ok) return opened;
    const home = opened.value;
    const slots = applySlots(home, queueing.value);
    if (!slots.ok) return slots;
    const untold = options.notify === null ? [] : notifyWarnings(context.env, draft.value.notify);
    printWarnings(output, [...warningsOf(given.words, given.separated), ...enclosed, ...untold]);
    const mayStart = (leaving?: JobId[]) => portsAreFree(home, conditions.value, leaving);
    const input = storeInput(output, home, options.stdin, draft.value);
    if (!input.ok) return input;
    const { inputCopy } = input.value;
    const started = await startNamed(output, home, input.value, naming.value, mayStart);
    if (inputCopy !== undefined) removeQuietly(inputCopy);
    if (!started.ok) return started;
    const { id, reused, replaced } = started.value;
    const { placement } = draft.value;
    if (placement) await attendQueue(home, placement.queue);
    const logPath = home.job(id).log;
    const { name } = options;
    const there = reused ? observe(home, id) : undefined;
    const shell = shellOf(there && 'spec' in there ? there.spec : draft.value);
    if (output.json) output.object({ v: 1, id, name, reused, replaced, shell, log: { path: logPath } });
    else printId(output, id, options);
    const notes = output.json || reused ? [] : pipefailNotes(draft.value, !options['no-pipefail']);
    for (const note of notes) output.note(note);
    if (placement && !waits) printPauses(output, home, [id]);
    if (!waits) {
      if (!output.json && output.isTerminal(2)) {
        const became = reused ? 'it was there already' : placement ? 'added' : 'started';
        // a lesson, and no ritual
        const next = `next: bgjob tail -f ${id} · bgjob wait ${id} · bgjob ls`;
        if (isNew(home, 'run')) output.note(`${became}; ${next}`);
        else if (reused) output.note(`(${became})`);
      }
      return ok(SUCCESS);
    }
    const watched = await watchStarted(context, home, id, {
      ...options,
      conditions: conditions.value,
      deadlineMs: deadline.value,
    });
    if (options.stdin === null && !options.pty && !reused) printUnreadStdin(output);
    return watched;
  },
});
