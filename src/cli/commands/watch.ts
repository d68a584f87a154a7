/** `bgjob watch`: a live view of the jobs on a terminal, with keys; with --json a stream of changes. */
import { sleep } from '../../base/clock.ts';
import { HomeWatcher } from '../../engine/wait/home-watcher.ts';
import { EXIT, fail, ok, type Result } from '../../job/failure.ts';
import { type Exit, SUCCESS, verb } from '../command/command.ts';
import type { Context } from '../command/context.ts';
import { acceptInterrupt } from '../command/interrupt.ts';
import { parseSessionOption, SESSION_OPTION } from '../command/session-option.ts';
import { type Choice, EVERYTHING, parseChoice } from '../jobs/job-filter.ts';
import { Deadline, deadlineOf } from '../wait/deadline.ts';
import { Changes } from '../watch/json-stream.ts';
import { exitOfScreen, requireScreen } from '../watch/ls-watch.ts';
import { WatchModel } from '../watch/model.ts';
import { kill } from './kill.ts';
import { pause } from './pause.ts';
import { restart } from './restart.ts';
import { resume } from './resume.ts';

/** The home is read again so often, if no watcher wakes the call earlier, milliseconds. */
const POLL_MS = 2000;

/** The stream of --json. The exit code is 0 after a signal or when the reader is gone, 75 at the deadline. */
async function stream(context: Context, choice: Choice): Promise<Result<Exit>> {
  const limit = deadlineOf(context, null);
  if (!limit.ok) return limit;
  const deadline = new Deadline(limit.value);
  const exit = () => {
    const { code, by } = deadline.exit();
    acceptInterrupt();
    return ok(deadline.signal.aborted && code === EXIT.stillRunning ? { code, by } : SUCCESS);
  };
  const { output } = context;
  let opened = context.home();
  if (!opened.ok) return opened;
  const wasThere = opened.value !== undefined;
  if (!wasThere) output.object({ v: 1, event: 'ready', jobs: 0 });
  while (!opened.value && !deadline.signal.aborted && !output.readerGone) {
    await sleep(POLL_MS, deadline.signal);
    opened = context.home();
    if (!opened.ok) return opened;
  }
  if (!opened.value || deadline.signal.aborted) return exit();
  const watcher = new HomeWatcher(opened.value);
  await new Changes(output, opened.value, context.here(), choice, wasThere).run(
    watcher,
    deadline.signal,
    POLL_MS,
  );
  watcher.close();
  const done = exit();
  deadline.end();
  return done;
}

export const watch = verb({
  name: 'watch',
  operands: '',
  arity: [0, 0],
  brief: 'live view',
  summary: 'a live view of the jobs, with keys; --json: a stream of changes',
  description: [
    'Shows the jobs that ls shows, and draws them again when they change: state, how long each has run,',
    'time since the last output or since the end, CPU, memory, ports, and the last line of the log. Jobs',
    'that wait stand in the order in which they start. Below them is the end of the log of the chosen job.',
    '',
    'Keys: up and down, or j and k, move; g and G go to the first and the last job; Enter or l opens the',
    'log; x kills and r restarts (y confirms); p pauses and resumes; / filters by words, Esc ends that; F',
    'shows failures only; a shows all projects; ? shows all keys; q or Ctrl-C quits.',
    '',
    'Keys in the log: / searches, n and N go to the next match and the one before; w wraps long lines or',
    'cuts them, < and > move sideways then; t shows the time of each line; e shows stderr of a job with',
    '--split; g goes to the start, G follows the end; x, r and p as above; q goes back.',
    '',
    '--json prints an object per line: first an event present for each job that ls --json shows, then',
    'ready, then added, changed (state, outcome, attempt) and removed (only id, name and project). The',
    'rest of a line is the job as in ls --json. The exit code is 0 at SIGINT, at SIGTERM and when the',
    'reader is gone, and 75 at BGJOB_MAX_WAIT.',
    '',
    '--ends prints a line for each job that ends, and nothing else, until its reader is gone. It is made',
    "for the monitor of an agent's host, so BGJOB_MAX_WAIT does not end it. With --session it prints the",
    'ends of that session in any project, less those that a call has told by then. It marks no end as',
    'told: ls --unseen and the hooks tell it, too. With --json each end is an object as in ls --json.',
  ],
  examples: [
    ['bgjob watch', 'this project'],
    ['bgjob watch -a', 'all projects'],
    ['bgjob watch --ends', 'a line for each end, as it comes'],
    ["bgjob watch --json | jq -c 'select(.exitCode > 0)'", 'for programs'],
  ],
  options: {
    all: { kind: 'flag', short: '-a', text: 'jobs of all projects' },
    queue: { kind: 'list', short: '-Q', value: 'NAME', text: 'only jobs of this queue, as in ls' },
    tag: { kind: 'list', value: 'TAG', text: 'only jobs with this label' },
    name: { kind: 'list', value: 'NAME', text: 'only jobs of this name' },
    session: { ...SESSION_OPTION, text: `only ${SESSION_OPTION.text}` },
    ends: { kind: 'flag', text: 'print a line for each job that ends, as above' },
  },
  async run(context, { options }) {
    const parsed = parseChoice({ ...options, number: EVERYTHING.most, state: [] });
    if (!parsed.ok) return parsed;
    const session = parseSessionOption(context, options.session);
    if (!session.ok) return session;
    const choice = { ...parsed.value, session: session.value };
    if (options.ends) {
      const { printEnds } = require('../watch/ends.ts') as typeof import('../watch/ends.ts');
      return printEnds(context, choice);
    }
    if (context.output.json) return stream(context, choice);
    const may = requireScreen(context.output, 'watch');
    if (!may.ok) return fail(may.failure);
    const opened = context.home();
    if (!opened.ok) return opened;
    const { viewJobs } = await import('../watch/views.ts');
    const watching = new WatchModel(context, choice, [kill, pause, restart, resume]);
    const leave = await viewJobs(watching, {
      write: (text) => context.output.raw(Buffer.from(text)),
      color: context.output.hasColor(1),
    });
    watching.close();
    return ok(exitOfScreen(leave));
  },
});
