/** `bgjob wait`: waits until jobs have ended, or until a condition is met. */
import { fail, ok } from '../../job/failure.ts';
import { waitForTrigger } from '../automation/trigger-wait.ts';
import { type Input, verb } from '../command/command.ts';
import { parseSessionOption, SESSION_OPTION } from '../command/session-option.ts';
import { referenceTo } from '../jobs/select.ts';
import { selfWaitHint, waitRefusal } from '../messages/wait.ts';
import { refuseThere } from '../targets/on-option.ts';
import { Deadline, deadlineOf } from '../wait/deadline.ts';
import { CONDITION_OPTIONS, parseConditions } from '../wait/parse-conditions.ts';
import { checkAsked, selectJobs } from '../wait/selection.ts';
import { noteSelfWait, refuseSelfWait } from '../wait/self-wait.ts';
import { waitForCondition } from '../wait/wait-for-condition.ts';
import { waitForSelection } from '../wait/wait-for-selection.ts';

export const wait = verb({
  name: 'wait',
  operands: 'REF...',
  arity: [0, Number.POSITIVE_INFINITY],
  summary: 'wait until jobs have ended; exit with their exit code',
  description: [
    'Prints a line for each job as it ends, and 20 lines of output of a job that failed: the last ones, and',
    'the lines around the first one that looks like a failure, if that is above them. The exit code is that',
    'of the first failed job, in the order given. Waiting never changes a job.',
    '',
    '--queue, --all and --session wait for a round: all jobs that were added since the last round was',
    'answered, live or ended, but not jobs that are added during the wait. The failure with the lowest id',
    'gives the exit code. A round is answered when all its ends were printed; with no new jobs, the same',
    'call gives the same answer again. Jobs that were replaced or restarted do not count.',
    '',
    '--all and --session leave out the job that calls, jobs that a schedule or trigger started, and jobs',
    'outside of queues that were stopped on request.',
    '',
    '--trigger also counts a delivery that came before the wait (for the first wait, within a day). Each',
    'job is printed once in this project, the newest first. The exit code is 125 if the job of a delivery',
    'could not be started.',
    '',
    '--until and other conditions are for one job. If the job ends first, the exit code is its own, or 1',
    'if that was 0. Earlier output counts, but not that of a failed attempt; with --since CURSOR only',
    'later output does. A line without its end counts if it matches whatever follows, or if it stays for',
    'a second, like a prompt (`[y/N] `): `ready$` waits for the end of the line.',
  ],
  examples: [
    ['bgjob wait 42 && ./deploy', 'only if it succeeded'],
    ['bgjob wait 41 42 43 --fail-fast', 'until the first failure'],
    ['bgjob wait --queue api', 'until its jobs ended'],
    ['until bgjob wait --ended 42; do [ $? = 75 ] || break; done; bgjob status 42', 'for jobs that exit 75'],
    ['id=$(bgjob wait --trigger deploy)', 'its next job'],
    ['bgjob wait web --until-port 3000 --timeout 60s', 'until it listens'],
    ["bgjob wait build --until 'ready in' --fail-on 'rror:'", 'until one appears'],
  ],
  options: {
    all: {
      kind: 'flag',
      text: 'the jobs of this project, also those that wait in queues: a round, as above',
    },
    queue: {
      kind: 'text',
      short: '-Q',
      value: 'NAME',
      text: 'the jobs of this project in this queue: a round, as above',
    },
    'all-projects': {
      kind: 'flag',
      short: '-a',
      text: 'with --queue, --all, --session: jobs of all projects',
    },
    session: { ...SESSION_OPTION, text: `${SESSION_OPTION.text}; a round of its own` },
    batch: { kind: 'text', value: 'ID', text: 'the jobs that run --batch added together with this one' },
    trigger: {
      kind: 'text',
      value: 'NAME',
      text: 'print the id of the newest job of this trigger that was not printed yet, else of the next one',
    },
    any: { kind: 'flag', text: 'return when the first job ends' },
    'fail-fast': { kind: 'flag', text: 'return when the first job fails' },
    ended: {
      kind: 'flag',
      text: 'exit code 0 when all have ended, with any code; 75 not yet; 125 not known',
    },
    timeout: {
      kind: 'duration',
      value: 'DUR',
      text: 'wait at most DUR; exit code 75 if a job still runs (default: BGJOB_MAX_WAIT)',
    },
    ...CONDITION_OPTIONS,
    since: {
      kind: 'text',
      value: 'CURSOR|DUR',
      text: 'with --until, --fail-on: only output after that position',
    },
  },
  async run(context, { options, words }) {
    const deadline = deadlineOf(context, options.timeout);
    if (!deadline.ok) return deadline;
    if (options.trigger !== null) {
      const { trigger, timeout: _, json: __, help: ___, ...others } = options as Input['options'];
      const given = Object.values(others).some(
        (value) => value && !(Array.isArray(value) && value.length === 0),
      );
      return given || words.length > 0
        ? fail(waitRefusal.trigger(options.trigger))
        : waitForTrigger(context, options.trigger, deadline.value);
    }
    const session = parseSessionOption(context, options.session);
    if (!session.ok) return session;
    const asked = { ...options, session: session.value, everywhere: options['all-projects'] };
    const checked = checkAsked(asked, words);
    if (!checked.ok) return checked;
    const conditions = parseConditions(options, options.since, () => context.cwd());
    if (!conditions.ok) return conditions;
    const { any, ended } = options;
    const failFast = options['fail-fast'];
    if (ended && (failFast || conditions.value)) return fail(waitRefusal.ended());
    const selected = selectJobs(context, asked, words);
    if (!selected.ok) return selected;
    const { home, views } = selected.value;
    const { output } = context;
    if (conditions.value) {
      if (selected.value.named.length !== 1 || views.length > 1 || asked.all || any || failFast)
        return fail(waitRefusal.conditions());
      for (const option of ['until-port', 'until-url'] as const) {
        const fits = options[option].length > 0 ? refuseThere(views[0]!, `--${option}`) : ok(undefined);
        if (!fits.ok) return fits;
      }
      noteSelfWait(output, home, views);
      const typed = referenceTo(views[0]!, words[0]!);
      const until = new Deadline(deadline.value);
      return waitForCondition(output, home, views[0]!, conditions.value, until, typed);
    }
    const possible = refuseSelfWait(home, views, any, selfWaitHint(options.queue !== null));
    if (!possible.ok) return possible;
    noteSelfWait(output, home, views);
    const plan = { any, failFast, ended };
    return ok(await waitForSelection(output, selected.value, plan, new Deadline(deadline.value)));
  },
});
