/** `bgjob ls`: the live jobs and those that ended recently. */
import { fail, ok } from '../../job/failure.ts';
import { STATE_WORDS } from '../../job/view.ts';
import { SUCCESS, verb } from '../command/command.ts';
import { parseSessionOption, SESSION_OPTION } from '../command/session-option.ts';
import { isAsked, isFiltered, parseChoice, pickJobs, requireQueues } from '../jobs/job-filter.ts';
import { objectsOf, readProcessFacts } from '../jobs/job-rows.ts';
import { pageOf } from '../jobs/ls-page.ts';
import { printUnseen } from '../jobs/unseen.ts';
import { FAILED_STATE_NOTE, NO_JOBS_YET, nothingFailedText, WATCH_HINT } from '../messages/lists.ts';
import { cannotCombine } from '../messages/usage.ts';
import { isNew } from '../output/hints.ts';
import { watchTable } from '../watch/ls-watch.ts';

export const ls = verb({
  name: 'ls',
  operands: '',
  arity: [0, 0],
  summary: 'list the live jobs of this project, and those that ended recently',
  description: [
    'Lists all live jobs, and the jobs that ended in the last hour (at most 20). The newest come first.',
    '',
    'This project is the repository (the nearest folder above with .git); outside of a repository it is',
    'this directory and those above it, up to the home directory.',
    '',
    'Of the jobs that wait in a queue the first ten are shown. --queue shows the running jobs of one',
    'queue, then those that wait, in their order, then those that ended in its last round (see --failed).',
    '-q and --json list all that wait; with --queue no job that has ended, unless --state asks for it.',
    '',
    '--unseen lists ends that were not told yet: those of the session of the call (BGJOB_SESSION, or that',
    'of Claude Code or Codex) in any project; in this project those of jobs without a session; and, after',
    'an hour in which no call was told, those of other sessions. Each is told once.',
    '',
    '--failed lists the failures of a round by id. A round is what wait --all, or wait --queue NAME,',
    'waits for. It leaves out jobs that were restarted, replaced or stopped on request, and those that a',
    'schedule or trigger started.',
  ],
  examples: [
    ['bgjob ls -a', 'the jobs of all projects'],
    ['bgjob ls -q --state running', 'ids of the running jobs, for a script'],
    ['bgjob ls --unseen', 'ends that were not shown yet, for a prompt'],
    ['bgjob ls -n 100', 'the last 100 that ended, at any time'],
    ['bgjob ls --queue api', 'a queue: what runs, what comes next, what has ended'],
    ['bgjob ls --failed --queue api', 'the failed jobs of a queue'],
  ],
  options: {
    all: { kind: 'flag', short: '-a', text: 'jobs of all projects' },
    number: {
      kind: 'count',
      short: '-n',
      value: 'N',
      text: 'up to N jobs that ended at any time, and up to N that wait in a queue',
    },
    state: {
      kind: 'list',
      value: 'STATE',
      text: `only jobs in this state: ${STATE_WORDS.join(', ')}; for jobs that failed: --failed`,
    },
    queue: { kind: 'list', short: '-Q', value: 'NAME', text: 'only jobs of this queue, as above' },
    tag: { kind: 'list', value: 'TAG', text: 'only jobs with this label' },
    name: {
      kind: 'list',
      value: 'NAME',
      text: 'only jobs of this name; the newest one also if it is older',
    },
    session: { ...SESSION_OPTION, text: `only ${SESSION_OPTION.text}` },
    failed: {
      kind: 'flag',
      text: 'the jobs that failed in the last round (bgjob wait --help); restart --failed restarts them',
    },
    unseen: { kind: 'flag', text: 'the ends that were not told yet, as above; no output if there are none' },
    ports: {
      kind: 'flag',
      text: 'show the ports on which they listen (on a terminal they are always shown)',
    },
    usage: { kind: 'flag', text: 'show CPU time and memory: of a live job now, of an ended job its peak' },
    watch: { kind: 'flag', text: 'on a terminal: draw the list again when it changes, until Ctrl-C' },
    quiet: { kind: 'flag', short: '-q', text: 'print only ids' },
  },
  async run(context, { options }) {
    const { output } = context;
    const parsed = parseChoice(options);
    if (!parsed.ok) return parsed;
    const session = parseSessionOption(context, options.session);
    if (!session.ok) return session;
    const choice = { ...parsed.value, session: session.value };
    const opened = context.home();
    if (!opened.ok) return opened;
    const home = opened.value;
    const known = requireQueues(home, choice.queues);
    if (!known.ok) return known;
    const rival = (['unseen', 'watch', 'number'] as const).find((one) => options[one]);
    if (options.failed && rival) return fail(cannotCombine('--failed', `--${rival}`, 'bgjob ls --failed'));
    if (options.watch) return watchTable(context, choice, options);
    if (options.state.some((words) => words.split(',').includes('failed')) && !output.json && !options.quiet)
      output.note(FAILED_STATE_NOTE);
    if (!home) {
      if (!output.json && !options.quiet && !options.unseen) output.note(NO_JOBS_YET);
      return ok(SUCCESS);
    }
    const here = context.here();
    if (options.unseen) {
      await printUnseen(output, home, {
        session: choice.session ?? context.session(),
        projects: options.all ? null : here.projects,
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
      output.note(nothingFailedText(failed.removed, choice));
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
      const facts = await readProcessFacts(home, options.ports);
      const looks = { usage: options.usage, usual: true };
      output.objects(objectsOf(home, picked.views(), facts, picked.overview, looks));
      return ok(SUCCESS);
    }
    const page = await pageOf(output, home, picked, choice, options);
    for (const line of page.lines) output.line(line);
    for (const note of page.notes) output.note(note);
    if (page.isLive && output.isTerminal(1) && output.isTerminal(2) && isNew(home, 'watch'))
      output.note(WATCH_HINT);
    return ok(SUCCESS);
  },
});
