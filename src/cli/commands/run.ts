/** `bgjob run`: starts a job and prints its id. */
import { parseDuration } from '../../base/clock.ts';
import { removeQuietly } from '../../base/fs/atomic-write.ts';
import { observe } from '../../engine/observe/observe.ts';
import { attendAdded } from '../../engine/queue/admission.ts';
import { type Failure, fail, ok } from '../../job/failure.ts';
import { jobNameOf } from '../../job/home/name-claims.ts';
import { type JobId, NOTIFY_WHENS } from '../../job/spec.ts';
import { quoteWord, shellOf } from '../../job/view.ts';
import { type Input, SUCCESS, verb } from '../command/command.ts';
import { lineHint } from '../messages/failures.ts';
import { becameText, earlierReleaseText, firstRunText, linkedDirectoryText } from '../messages/run.ts';
import { needsOperands } from '../messages/usage.ts';
import { enclosureWarnings, printWarnings, variableWarnings } from '../messages/warnings.ts';
import { isNew } from '../output/hints.ts';
import {
  acceptanceOf,
  isServer,
  isWatched,
  portsAreFree,
  printId,
  WATCH_OPTIONS,
  watchConditions,
  watchDeadline,
  watchStarted,
} from '../run/after-start.ts';
import { DRAFT_OPTIONS, draftOf } from '../run/draft.ts';
import { earlyEndWarnings } from '../run/early-end.ts';
import { tellWarnings } from '../run/message-option.ts';
import { parseNaming, startNamed } from '../run/name-policy.ts';
import { notifyWarnings } from '../run/notify-option.ts';
import { applySlots, parseQueueing } from '../run/queue-options.ts';
import { printUnreadStdin, storeInput } from '../run/stdin.ts';
import { warningsOf } from '../shell/habits.ts';
import { pipefailNotes } from '../shell/pipes.ts';
import { Deadline } from '../wait/deadline.ts';
import { isConditional } from '../wait/parse-conditions.ts';
import { printPauses } from '../wait/pause-notes.ts';

const OPTIONS = {
  ...DRAFT_OPTIONS,
  ...WATCH_OPTIONS,
} as const;
type RunInput = Input<typeof OPTIONS>;

/**
 * The call that was meant, for a command that is not found. `--wait 10s -- make`: the value of --wait needs
 * a `=`, so that `--wait npm test` is possible. `PORT=4000 npm start`: a shell takes the first word for a
 * variable.
 */
function withMeant(failure: Failure, { wait, notify, tell }: RunInput['options']): Failure {
  if (failure.code !== 'command-not-found') return failure;
  const { command, line } = failure;
  const meant = (words: string): Failure => ({ ...failure, meant: `bgjob run ${words} -- command` });
  if (NOTIFY_WHENS.some((when) => when === command)) {
    if (notify?.text === null) return meant(`--notify=${command}`);
    if (tell?.text === null) return meant(`--tell=${command}`);
  }
  if (/^[A-Za-z_]\w*=\S*$/.test(command)) return meant(`-e ${quoteWord(command)}`);
  if (wait?.ms === null && parseDuration(command) !== undefined) return meant(`--wait=${command}`);
  return line === undefined ? failure : { ...failure, meant: lineHint(line) };
}

const OPERANDS = "[--] command [args...] | 'line' | - [args...] | --batch FILE";

export const run = verb({
  name: 'run',
  operands: OPERANDS,
  // at least one, but for --batch: checked below
  arity: [0, Number.POSITIVE_INFINITY],
  passThrough: true,
  changes: true,
  summary: 'start a command as a job; print its id and return at once',
  description: [
    'Several words, or words after --, are run as they are, without a shell. One single word without --',
    'before it is a shell line. It runs under bash -o pipefail -c. Where there is no bash it runs under',
    'sh -c, which does not notice a failure before the last |. Options stand before the command.',
    '',
    '- as the first word (without -- before it) reads a script from stdin to its end, stores it with the',
    'job and runs it: under its #! line if it has one, else like a shell line.',
    '',
    '--batch FILE|- starts a job for each line of FILE, or none if a line is bad. Each line is a shell',
    'line, with or without a name before it (lint: npm run lint). The jobs wait in a queue.',
    '',
    'The job has a session of its own, BGJOB_ID and BGJOB_HOME in its environment, and an empty stdin: a',
    'prompt fails at once. --stdin FILE gives it a file, --stdin - the stdin of this call, --stdin hold',
    'and --pty what bgjob send writes. Without the last two, PAGER and GIT_PAGER are set to cat and',
    'GIT_TERMINAL_PROMPT to 0, unless they are set already, and editors (EDITOR, GIT_EDITOR) and programs',
    'that ask for a password (GIT_ASKPASS, SSH_ASKPASS) fail at once; -e EDITOR=... keeps one.',
    '',
    'With --on the call returns when the target has the job. If the target refuses it the call fails; the',
    'job stays in the list as start-failed. Without an answer it returns after 35 s.',
    '',
    'stdout carries only the id, or with -f only the output of the job. All messages go to stderr.',
  ],
  examples: [
    ['id=$(bgjob run -- npm test)', 'start, and keep the id'],
    ["bgjob run 'make all 2>&1 | tee build.txt'", 'a shell line'],
    ["bgjob run - <<'EOF'", 'a script, up to EOF'],
    ['bgjob run -Q gcc --slots 2 --batch lines.txt', 'a job for each line'],
    ['bgjob run --wait=10s -- npm run lint', 'its result, else 75'],
    ['bgjob run -f --timeout 10m -- ./long.sh', 'show its output'],
    ['bgjob run -n py --stdin hold -- python3 -i', 'then: bgjob send py TEXT'],
    ['bgjob run -n web --until-port 3000 -- npm run dev', 'return when it listens'],
    ['bgjob run -n web --replace -- npm run dev', 'stop the old job first'],
  ],
  options: OPTIONS,
  async run(context, given) {
    const { output } = context;
    const { options } = given;
    // checked first: a wait would only warn of a broken file
    const config = context.config();
    if (!config.ok) return config;
    const waits = isWatched(options);
    const deadline = watchDeadline(context, options);
    if (!deadline.ok) return deadline;
    const endsFirst = (options.wait !== null || options.follow) && deadline.value === null;
    const isLeft = !endsFirst || isConditional(options);
    const enclosed = isLeft ? enclosureWarnings(context.env) : [];
    if (options.batch !== null) {
      const { runBatch } = require('../run/batch.ts') as typeof import('../run/batch.ts');
      printWarnings(output, enclosed);
      return runBatch(context, given, options.wait === null ? null : { deadlineMs: deadline.value });
    }
    const naming = parseNaming(options);
    if (!naming.ok) return naming;
    const queueing = parseQueueing(context, options);
    if (!queueing.ok) return queueing;
    if (given.words.length === 0) return fail(needsOperands('run', OPERANDS, 'bgjob run -- npm test'));
    const draft = draftOf(context, given, queueing.value);
    if (!draft.ok) return fail(withMeant(draft.failure, options));
    draft.value.server = isServer(options);
    const conditions = watchConditions(options, draft.value.cwd);
    if (!conditions.ok) return conditions;
    const opened = context.makeHome();
    if (!opened.ok) return opened;
    const home = opened.value;
    const slots = applySlots(home, queueing.value);
    if (!slots.ok) return slots;
    const notified = options.notify === null ? [] : notifyWarnings(context.env, draft.value.notify);
    const told = options.tell === null ? [] : tellWarnings(context.env, options.tell, draft.value.tell);
    const variables = variableWarnings(draft.value.changedVariables);
    const habits = warningsOf(given.words, given.separated);
    printWarnings(output, [...habits, ...enclosed, ...notified, ...told, ...variables]);
    if (isLeft) printWarnings(output, earlyEndWarnings(context.env, home, draft.value.env));
    const mayStart = (leaving?: JobId[]) => portsAreFree(home, conditions.value, leaving);
    const input = storeInput(output, home, options.stdin, draft.value);
    if (!input.ok) return input;
    const { inputCopy } = input.value;
    const started = await startNamed(output, home, input.value, naming.value, mayStart);
    if (inputCopy !== undefined) removeQuietly(inputCopy);
    if (!started.ok) return started;
    const { id, reused, replaced } = started.value;
    const { placement, target } = draft.value;
    if (placement) await attendAdded(home, id, placement.queue);
    const there = target && !waits ? await acceptanceOf(context, home, id) : ok(null);
    if (!there.ok) return there;
    const logPath = home.job(id).log;
    const { name } = options;
    const found = reused ? observe(home, id) : undefined;
    const shell = shellOf(found && 'spec' in found ? found.spec : draft.value);
    const accepted = there.value?.accepted ?? null;
    // before the id is printed: Ctrl-C after it says that the job goes on
    const until = waits ? new Deadline(deadline.value) : undefined;
    if (output.json)
      output.object({ v: 1, id, name, reused, replaced, shell, log: { path: logPath }, accepted });
    else printId(output, id, options);
    if (there.value?.next && !output.json) output.next(...there.value.next);
    const { cwd, cwdLink } = draft.value;
    if (cwdLink !== null && !output.json && !reused) {
      output.note(linkedDirectoryText(cwd, cwdLink));
      // a name counts in its project: --replace did not stop the job of the release before
      const title = jobNameOf(draft.value);
      if (title) {
        const { namedThroughLink } =
          require('../../engine/observe/resolve.ts') as typeof import('../../engine/observe/resolve.ts');
        for (const view of namedThroughLink(home, title, cwdLink))
          output.note(earlierReleaseText(view, cwdLink));
      }
    }
    const notes = output.json || reused ? [] : pipefailNotes(draft.value, !options['no-pipefail']);
    for (const note of notes) output.note(note);
    if (placement && !waits) printPauses(output, home, [id]);
    if (!until) {
      if (!output.json && output.isTerminal(2)) {
        const became = becameText(reused, placement !== null && accepted !== true);
        // the hint is shown once per home, and only if nothing else says what comes next
        if (!there.value?.next && isNew(home, 'run')) output.note(firstRunText(became, id));
        else if (reused) output.note(`(${became})`);
      }
      return ok(SUCCESS);
    }
    const watched = await watchStarted(context, home, id, {
      ...options,
      conditions: conditions.value,
      deadline: until,
    });
    if (options.stdin === null && !options.pty && !reused) printUnreadStdin(output);
    return watched;
  },
});
