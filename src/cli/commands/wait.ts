/** `bgjob wait`: until jobs ended. */
import { safe } from '../../base/text/sanitize.ts';
import { liveHere, liveInQueue } from '../../engine/observe/resolve.ts';
import { fail, ok } from '../../job/failure.ts';
import type { JobView } from '../../job/view.ts';
import { waitForTrigger } from '../automation/trigger-wait.ts';
import { type Input, verb } from '../command/command.ts';
import { requireQueue, selectAll } from '../jobs/select.ts';
import { Patience } from '../wait/deadline.ts';
import { CONDITION_OPTIONS, parseConditions } from '../wait/parse-conditions.ts';
import { waitForCondition } from '../wait/wait-for-condition.ts';
import { waitForAll } from '../wait/wait-for-ends.ts';

export const wait = verb({
  name: 'wait',
  operands: 'REF...',
  arity: [0, Number.POSITIVE_INFINITY],
  summary: 'wait until jobs ended; the exit code is theirs',
  description: [
    'Prints one line per job as it ends, and the last 20 lines of one that failed.',
    'The exit code is that of the first failed job, in the order given. Waiting never touches the jobs.',
    '--queue: all jobs that wait or run in it now, of every project; not those that are added meanwhile.',
    '--trigger: a delivery that came before the wait counts (at the first wait if it came within a day); each is told once to this',
    'project, the newest first. 125 where the job of a delivery could not be started.',
    'With --until…, for one job: if it ends first, its code, or 1 if that was 0. Output that was there before counts;',
    '--since CURSOR waits for the next.',
  ],
  examples: [
    ['bgjob wait 42 && ./deploy', 'only if it succeeded'],
    ['bgjob wait 41 42 43 --fail-fast', 'to the first failure'],
    ['bgjob wait --queue api', 'until all of its jobs ended'],
    ['id=$(bgjob wait --trigger deploy)', 'the next job of a trigger, each once'],
    ['bgjob wait web --until-port 3000 --timeout 60s', 'until it listens'],
    ["bgjob wait build --until 'ready in' --fail-on 'rror:'", 'the first of both'],
  ],
  options: {
    all: { kind: 'flag', text: 'every live job of this project, also those that wait in queues' },
    queue: {
      kind: 'text',
      short: '-Q',
      value: 'NAME',
      text: 'every job that waits or runs in this queue now',
    },
    trigger: {
      kind: 'text',
      value: 'NAME',
      text: 'print the id of the newest job of this trigger that was not told yet, else of the next',
    },
    any: { kind: 'flag', text: 'return with the first job that ends' },
    'fail-fast': { kind: 'flag', text: 'return with the first job that fails' },
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
    if (options.all && options.queue !== null)
      return fail({
        code: 'usage',
        message: '--all and --queue exclude each other',
        hint: `bgjob wait --queue ${safe(options.queue)}`,
      });
    if (!options.all && options.queue === null && words.length === 0)
      return fail({ code: 'usage', message: 'wait needs REF..., --all or --queue NAME', hint: 'bgjob ls' });
    const conditions = parseConditions(options, options.since, () => context.cwd());
    if (!conditions.ok) return conditions;
    const selected = selectAll(context, words, 'bgjob wait');
    if (!selected.ok) return selected;
    const opened = context.home();
    if (!opened.ok) return opened;
    const home = opened.value;
    const queue = options.queue === null ? ok(null) : requireQueue(home, options.queue);
    if (!queue.ok) return queue;
    const live = options.all && home ? liveHere(home, context.here()) : [];
    if (queue.value !== null) live.push(...liveInQueue(home!, queue.value));
    const views: JobView[] = [
      ...selected.value,
      ...live.filter(({ id }) => !selected.value.some((one) => one.id === id)),
    ];
    if (!home || views.length === 0)
      return fail({
        code: 'nothing-selected',
        what: `no live job in ${queue.value === null ? 'this project' : `queue ${queue.value}`}`,
      });
    if (conditions.value) {
      if (views.length > 1 || options.all || queue.value !== null || options.any || options['fail-fast'])
        return fail({
          code: 'usage',
          message:
            'conditions such as --until are for one job, and without --all, --queue, --any, --fail-fast',
          hint: 'bgjob wait --help',
        });
      const patience = new Patience(deadline.value);
      return waitForCondition(context.output, home, views[0]!, conditions.value, patience);
    }
    const plan = { any: options.any, failFast: options['fail-fast'] };
    return ok(await waitForAll(context.output, home, views, plan, new Patience(deadline.value)));
  },
});
