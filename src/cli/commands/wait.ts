/** `bgjob wait`: until jobs ended. */
import { safe } from '../../base/text/sanitize.ts';
import { fail, ok } from '../../job/failure.ts';
import { waitForTrigger } from '../automation/trigger-wait.ts';
import { type Input, verb } from '../command/command.ts';
import { referenceTo } from '../jobs/select.ts';
import { Deadline } from '../wait/deadline.ts';
import { CONDITION_OPTIONS, parseConditions } from '../wait/parse-conditions.ts';
import { checkAsked, selectJobs } from '../wait/selection.ts';
import { noteSelfWait, refuseSelfWait } from '../wait/self-wait.ts';
import { waitForCondition } from '../wait/wait-for-condition.ts';
import { waitForSelection } from '../wait/wait-for-selection.ts';

export const wait = verb({
  name: 'wait',
  operands: 'REF...',
  arity: [0, Number.POSITIVE_INFINITY],
  summary: 'wait until jobs ended; the exit code is theirs',
  description: [
    'Prints one line per job as it ends, and the last 20 lines of one that failed.',
    'The exit code is that of the first failed job, in the order given. Waiting never touches the jobs.',
    '--queue and --all answer for a round: every job that was added since the last answer, whether it lives or has ended, but not',
    'those that are added meanwhile. The first failure by id decides. When all ends were told, that was the answer; asked again',
    'with nothing new, it is the same answer. A job that was replaced or restarted does not count. --all leaves out the job in',
    'which it is called, what a schedule or trigger started, and, outside of queues, what was stopped on request.',
    '--trigger: a delivery that came before the wait counts (at the first wait if it came within a day); each is told once to this',
    'project, the newest first. 125 where the job of a delivery could not be started.',
    'With --until…, for one job: if it ends first, its code, or 1 if that was 0. Output that was there before counts, but not that',
    'of an attempt that failed; --since CURSOR waits for the next. A line that is not finished yet counts if it matches however it',
    'goes on, or if it has stood there for a second like a prompt (`[y/N] `): `ready$` waits for the end of the line.',
  ],
  examples: [
    ['bgjob wait 42 && ./deploy', 'only if it succeeded'],
    ['bgjob wait 41 42 43 --fail-fast', 'to the first failure'],
    ['bgjob wait --queue api', 'until all of its jobs ended'],
    [
      'until bgjob wait --ended 42; do [ $? = 75 ] || break; done; bgjob status 42',
      'also if 42 itself exits 75',
    ],
    ['id=$(bgjob wait --trigger deploy)', 'the next job of a trigger, each once'],
    ['bgjob wait web --until-port 3000 --timeout 60s', 'until it listens'],
    ["bgjob wait build --until 'ready in' --fail-on 'rror:'", 'the first of both'],
  ],
  options: {
    all: {
      kind: 'flag',
      text: 'all jobs of this project, also those that wait in queues: a round, as above',
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
      text: 'with --queue, --all: of every project; wait --queue did so by itself up to 0.6.0',
    },
    batch: { kind: 'text', value: 'ID', text: 'the jobs that were added with this one by run --batch' },
    trigger: {
      kind: 'text',
      value: 'NAME',
      text: 'print the id of the newest job of this trigger that was not told yet, else of the next',
    },
    any: { kind: 'flag', text: 'return with the first job that ends' },
    'fail-fast': { kind: 'flag', text: 'return with the first job that fails' },
    ended: { kind: 'flag', text: '0 when all have ended, whatever their codes; 75 not yet; 125 not known' },
    timeout: {
      kind: 'duration',
      value: 'DUR',
      text: 'no longer; 75 if it still runs (default: BGJOB_MAX_WAIT)',
    },
    ...CONDITION_OPTIONS,
    since: {
      kind: 'text',
      value: 'CURSOR|DUR',
      text: 'with --until, --fail-on: output from there on',
    },
  },
  async run(context, { options, words }) {
    const deadline = context.deadline(options.timeout);
    if (!deadline.ok) return deadline;
    if (options.trigger !== null) {
      const { trigger, timeout: _, json: __, help: ___, ...others } = options as Input['options'];
      const given = Object.values(others).some(
        (value) => value && !(Array.isArray(value) && value.length === 0),
      );
      return given || words.length > 0
        ? fail({
            code: 'usage',
            message: '--trigger goes with --timeout alone',
            hint: `id=$(bgjob wait --trigger ${safe(options.trigger)}) && bgjob wait $id`,
          })
        : waitForTrigger(context, options.trigger, deadline.value);
    }
    const asked = { ...options, everywhere: options['all-projects'] };
    const checked = checkAsked(asked, words);
    if (!checked.ok) return checked;
    const conditions = parseConditions(options, options.since, () => context.cwd());
    if (!conditions.ok) return conditions;
    const { any, ended } = options;
    const failFast = options['fail-fast'];
    if (ended && (failFast || conditions.value))
      return fail({
        code: 'usage',
        message: '--ended is for ends alone: not with --fail-fast, nor with conditions such as --until',
        hint: 'bgjob wait --help',
      });
    const selected = selectJobs(context, asked, words);
    if (!selected.ok) return selected;
    const { home, views } = selected.value;
    const { output } = context;
    if (conditions.value) {
      if (selected.value.named.length !== 1 || views.length > 1 || asked.all || any || failFast)
        return fail({
          code: 'usage',
          message:
            'conditions such as --until are for one job, and without --all, --queue, --batch, --any, --fail-fast',
          hint: 'bgjob wait --help',
        });
      const patience = new Deadline(deadline.value);
      noteSelfWait(output, home, views);
      return waitForCondition(
        output,
        home,
        views[0]!,
        conditions.value,
        patience,
        referenceTo(views[0]!, words[0]!),
      );
    }
    const hint = options.queue === null ? 'bgjob wait REF of another job' : 'bgjob wait --all leaves it out';
    const possible = refuseSelfWait(home, views, any, hint);
    if (!possible.ok) return possible;
    noteSelfWait(output, home, views);
    const patience = new Deadline(deadline.value);
    return ok(await waitForSelection(output, selected.value, { any, failFast, ended }, patience));
  },
});
