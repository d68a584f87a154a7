/** `bgjob watch`: the jobs live on a terminal, with keys; or, for programs, as a stream of changes. */
import { HomeWatcher } from '../../engine/wait/home-watcher.ts';
import { sleep } from '../../engine/wait/job-end.ts';
import { EXIT, fail, ok, type Result } from '../../job/failure.ts';
import { type Exit, SUCCESS, verb } from '../command/command.ts';
import type { Context } from '../command/context.ts';
import { acceptInterrupt } from '../command/interrupt.ts';
import { type Choice, EVERYTHING, parseChoice } from '../jobs/job-filter.ts';
import { Deadline } from '../wait/deadline.ts';
import { Changes } from '../watch/json-stream.ts';
import { exitOfLeave, requireScreen } from '../watch/ls-watch.ts';
import { Watching } from '../watch/model.ts';
import { kill } from './kill.ts';
import { pause } from './pause.ts';
import { restart } from './restart.ts';
import { resume } from './resume.ts';

/** Behind what wakes us, milliseconds. */
const POLL_MS = 2000;

/** The stream; ends with 0 when somebody ends it, or nobody reads it any more, and with 75 at the deadline. */
async function stream(context: Context, choice: Choice): Promise<Result<Exit>> {
  const deadline = context.deadline(null);
  if (!deadline.ok) return deadline;
  const patience = new Deadline(deadline.value);
  const exit = () => {
    const { code, by } = patience.exit();
    acceptInterrupt();
    return ok(patience.signal.aborted && code === EXIT.stillRunning ? { code, by } : SUCCESS);
  };
  const { output } = context;
  let opened = context.home();
  if (!opened.ok) return opened;
  const wasThere = opened.value !== undefined;
  if (!wasThere) output.object({ v: 1, event: 'ready', jobs: 0 });
  while (!opened.value && !patience.signal.aborted && !output.readerGone) {
    await sleep(POLL_MS, patience.signal);
    opened = context.home();
    if (!opened.ok) return opened;
  }
  if (!opened.value || patience.signal.aborted) return exit();
  const pulse = new HomeWatcher(opened.value);
  await new Changes(output, opened.value, context.here(), choice, wasThere).run(
    pulse,
    patience.signal,
    POLL_MS,
  );
  pulse.close();
  const done = exit();
  patience.end();
  return done;
}

export const watch = verb({
  name: 'watch',
  operands: '',
  arity: [0, 0],
  brief: 'live view',
  summary: 'the jobs live on a terminal, with keys; --json: a stream of changes',
  description: [
    'The jobs that ls shows, drawn anew as they change: state, age, time since the last output, ports, and the last line of the log.',
    'Keys: up and down or j and k move; Enter or l opens the log and follows it, q goes back; x kills and r restarts (y confirms),',
    'p pauses and resumes; / filters by words, Esc ends that; a shows all projects; q or ^C quits. The screen is left as it was.',
    '--json prints an object per line and flushes each: event present for every job that ls --json shows, ready when that is all, then',
    'added, changed (state, outcome, attempt) and removed (id, name and project alone). The rest of a line is the job as in ls --json.',
    'It ends with 0 at SIGINT and SIGTERM and with the first line that nobody reads any more, with 75 at BGJOB_MAX_WAIT.',
  ],
  examples: [
    ['bgjob watch', 'this project'],
    ['bgjob watch -a', 'all projects'],
    ["bgjob watch --json | jq -c 'select(.exitCode > 0)'", 'for programs'],
  ],
  options: {
    all: { kind: 'flag', short: '-a', text: 'of all projects' },
    queue: { kind: 'list', short: '-Q', value: 'NAME', text: 'only live jobs of this queue' },
    tag: { kind: 'list', value: 'TAG', text: 'only jobs with this label' },
    name: { kind: 'list', value: 'NAME', text: 'only jobs of this name' },
  },
  async run(context, { options }) {
    const parsed = parseChoice({ ...options, number: EVERYTHING.most, state: [] });
    if (!parsed.ok) return parsed;
    if (context.output.json) return stream(context, parsed.value);
    const may = requireScreen(context.output, 'watch');
    if (!may.ok) return fail(may.failure);
    const opened = context.home();
    if (!opened.ok) return opened;
    const { viewJobs } = await import('../watch/views.ts');
    const watching = new Watching(context, parsed.value, [kill, pause, restart, resume]);
    const leave = await viewJobs(watching, {
      write: (text) => context.output.raw(Buffer.from(text)),
      color: context.output.hasColor(1),
    });
    watching.close();
    return ok(exitOfLeave(leave));
  },
});
