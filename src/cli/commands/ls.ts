/** `bgjob ls`: the live jobs and those that ended lately. */
import { fail, ok } from '../../job/failure.ts';
import { STATE_WORDS } from '../../job/view.ts';
import { SUCCESS, verb } from '../command/command.ts';
import { isAsked, isFiltered, parseChoice, pickJobs, requireQueues } from '../jobs/job-filter.ts';
import { objectsOf, readProcessFacts } from '../jobs/job-rows.ts';
import { pageOf } from '../jobs/ls-page.ts';
import { printUnseen } from '../jobs/unseen.ts';
import { failedStateNote } from '../messages/lists.ts';
import { isNew } from '../output/hints.ts';
import { watchTable } from '../watch/ls-watch.ts';

export const ls = verb({
  name: 'ls',
  operands: '',
  arity: [0, 0],
  summary: 'the live jobs of this project, and those that ended lately',
  description: [
    'Every live job, and the jobs that ended in the last hour (20 at most), of this project. The newest come first.',
    'This project: inside a repository (the nearest folder above that holds .git) that repository; elsewhere the directory and',
    'those above it, up to your home directory.',
    'Of those that wait in a queue the first ten are shown; --queue shows those of one queue that run, and then those that',
    'wait, in their order. With -q and --json come all of them.',
    '--failed: of a round, which is what wait --all, or wait --queue NAME, answers for, the failures by id; not what was restarted or',
    'replaced, what was stopped on request, nor what a schedule or trigger started.',
  ],
  examples: [
    ['bgjob ls -a', 'of all projects'],
    ['bgjob ls -q --state running', 'ids of what runs, for a script'],
    ['bgjob ls --unseen', 'what ended since anybody looked, for a prompt'],
    ['bgjob ls -n 100', 'the last hundred that ended, however long ago'],
    ['bgjob ls --queue api', 'what runs in a queue, and who is next'],
    ['bgjob ls --failed --queue api', 'what failed there; bgjob restart --failed --queue api'],
  ],
  options: {
    all: { kind: 'flag', short: '-a', text: 'of all projects' },
    number: {
      kind: 'count',
      short: '-n',
      value: 'N',
      text: 'up to N ended jobs, however long ago they ended, and N that wait in a queue',
    },
    state: {
      kind: 'list',
      value: 'STATE',
      text: `only these: ${STATE_WORDS.join(', ')}; for jobs that failed: --failed`,
    },
    queue: { kind: 'list', short: '-Q', value: 'NAME', text: 'only live jobs of this queue, in their order' },
    tag: { kind: 'list', value: 'TAG', text: 'only jobs with this label' },
    name: {
      kind: 'list',
      value: 'NAME',
      text: 'only jobs of this name, the newest also if it is older',
    },
    failed: {
      kind: 'flag',
      text: 'what failed in the last round (bgjob wait --help): what restart --failed starts once more',
    },
    unseen: { kind: 'flag', text: 'what ended and nobody was told yet; silent if nothing did' },
    ports: {
      kind: 'flag',
      text: 'the ports on which they listen (shown on a terminal anyway)',
    },
    watch: { kind: 'flag', text: 'drawn anew as it changes, on a terminal, until ^C' },
    quiet: { kind: 'flag', short: '-q', text: 'ids alone' },
  },
  async run(context, { options }) {
    const { output } = context;
    const parsed = parseChoice(options);
    if (!parsed.ok) return parsed;
    const choice = parsed.value;
    const opened = context.home();
    if (!opened.ok) return opened;
    const home = opened.value;
    const known = requireQueues(home, choice.queues);
    if (!known.ok) return known;
    const rival = (['unseen', 'watch', 'number'] as const).find((one) => options[one]);
    if (options.failed && rival)
      return fail({
        code: 'usage',
        message: `--failed and --${rival} exclude each other`,
        hint: 'bgjob ls --failed',
      });
    if (options.watch) return watchTable(context, choice, options);
    if (options.state.some((words) => words.split(',').includes('failed')) && !output.json && !options.quiet)
      output.note(failedStateNote());
    if (!home) {
      if (!output.json && !options.quiet && !options.unseen) output.note('no jobs yet: bgjob run -- command');
      return ok(SUCCESS);
    }
    const here = context.here();
    if (options.unseen) {
      await printUnseen(output, home, {
        here: options.all ? null : here,
        most: options.number,
        isWanted: isFiltered(choice) ? (view) => isAsked(choice, view) : null,
        form: options.quiet ? 'ids' : 'sentences',
      });
      return ok(SUCCESS);
    }
    const lists = options.failed
      ? (require('../jobs/failed-jobs.ts') as typeof import('../jobs/failed-jobs.ts'))
      : null;
    const failed = lists?.failedJobs(context, home, choice);
    if (lists && failed?.views.length === 0 && !output.json && !options.quiet) {
      output.note(lists.nothingFailedText(failed, choice));
      return ok(SUCCESS);
    }
    const picked =
      lists && failed
        ? lists.pickFailed(home, failed)
        : pickJobs(home, here, choice, output.json || options.quiet);
    if (options.quiet && !output.json) {
      for (const { id } of picked.views()) output.line(String(id));
      return ok(SUCCESS);
    }
    if (output.json) {
      const sight = await readProcessFacts(home, options.ports);
      output.objects(objectsOf(home, picked.views(), sight, picked.overview));
      return ok(SUCCESS);
    }
    const page = await pageOf(output, home, picked, choice, options.ports);
    for (const line of page.lines) output.line(line);
    for (const note of page.notes) output.note(note);
    if (page.isLive && output.isTerminal(1) && output.isTerminal(2) && isNew(home, 'watch'))
      output.note('(bgjob watch shows this live: the last lines, logs, kill and restart by a key)');
    return ok(SUCCESS);
  },
});
