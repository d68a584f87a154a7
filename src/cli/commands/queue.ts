/** `bgjob queue`: lists queues, and sets, pauses, resumes or removes one. */
import { errnoOf } from '../../base/result.ts';
import { attendQueue } from '../../engine/queue/admission.ts';
import { QueueStatus } from '../../engine/queue/queue-status.ts';
import { finishRemovals, removeQueue } from '../../engine/queue/remove-queue.ts';
import { waitUnlocked } from '../../engine/wait/job-end.ts';
import { fail, ok, type Result } from '../../job/failure.ts';
import type { Home } from '../../job/home/home.ts';
import { isPaused, makeQueue, setPaused, writeSlots } from '../../job/queue/queue-files.ts';
import { type Exit, SUCCESS, verb } from '../command/command.ts';
import type { Context } from '../command/context.ts';
import { printQueue, printQueues } from '../jobs/queue-table.ts';
import { requireQueue } from '../jobs/select.ts';
import { queueListWithName, queueNeedsSlots } from '../messages/queue.ts';
import { needsName, needsOption, notOneOf } from '../messages/usage.ts';
import { checkQueueName, checkSlots } from '../run/queue-options.ts';

async function set(context: Context, name: string, slots: number | null): Promise<Result<Exit>> {
  const checked = checkQueueName(name);
  if (!checked.ok) return checked;
  if (slots === null) return fail(queueNeedsSlots(name));
  const valid = checkSlots(slots);
  if (!valid.ok) return valid;
  const opened = context.makeHome();
  if (!opened.ok) return opened;
  return change(context, opened.value, name, () => writeSlots(makeQueue(opened.value, name), slots));
}

/** Changes a queue, starts the jobs that may start now, and prints the queue. */
async function change(context: Context, home: Home, name: string, act: () => void): Promise<Result<Exit>> {
  try {
    finishRemovals(home);
    act();
  } catch (thrown) {
    return fail({ code: 'io', doing: 'change queue', path: home.queue(name).dir, errno: errnoOf(thrown) });
  }
  await attendQueue(home, name);
  return printQueue(context.output, home, name);
}

function pause(home: Home, name: string, paused: boolean): void {
  const queue = home.queue(name);
  setPaused(queue, paused);
  // something that is no file has that name
  if (isPaused(queue) !== paused) throw Object.assign(new Error(queue.paused), { code: 'EISDIR' });
}

/** How long a call waits for supervisors that are about to leave a queue, milliseconds. */
const LEAVE_MS = 10_000;

/** An ended job keeps its slot until its supervisor has moved the queue on: the queue is not in use then. */
async function untilLeft(home: Home, name: string): Promise<void> {
  const { admitted, running } = new QueueStatus(home, name);
  if (running.size > 0) return;
  const abort = AbortSignal.timeout(LEAVE_MS);
  for (const id of admitted) if (!abort.aborted) await waitUnlocked(home.job(id), abort);
}

async function remove(context: Context, home: Home, name: string): Promise<Result<Exit>> {
  const { output } = context;
  try {
    finishRemovals(home);
    await untilLeft(home, name);
    const dropped = removeQueue(home, name);
    if (!dropped.ok) {
      // a job that was added meanwhile may have found no queue for an instant
      await attendQueue(home, name);
      return dropped;
    }
  } catch (thrown) {
    return fail({ code: 'io', doing: 'remove queue', path: home.queue(name).dir, errno: errnoOf(thrown) });
  }
  if (output.json) output.object({ v: 1, name, removed: true });
  else output.line(`${name}: removed`);
  return ok(SUCCESS);
}

const ACTIONS = ['list', 'set', 'pause', 'resume', 'remove'] as const;
const ALIASES: Record<string, (typeof ACTIONS)[number]> = { ls: 'list', rm: 'remove' };

export const queue = verb({
  name: 'queue',
  operands: '[list | set NAME --slots N | pause NAME | resume NAME | remove NAME]',
  arity: [0, 2],
  changes: true,
  summary: 'list queues; set slots, pause, resume, remove',
  description: [
    'A queue is made by its first job, or by set. It runs as many of its jobs at once as it has slots (1',
    'by default).',
    '',
    'A paused queue starts no job; jobs that run go on. After set and resume, jobs that may start do so',
    'at once. With fewer slots no job is stopped.',
    '',
    'A queue can be removed when none of its jobs runs or waits.',
  ],
  examples: [
    ['bgjob queue', 'all queues, and the next job of each'],
    ['bgjob queue set api --slots 4', 'run four jobs at once from now on'],
    ['bgjob queue pause api', 'start nothing more'],
    ['bgjob ls --queue api', 'its jobs, in their order'],
  ],
  options: {
    slots: { kind: 'count', value: 'N', text: 'with set: how many of its jobs may run at once' },
  },
  async run(context, { options, words }) {
    const [word = 'list', name] = words;
    const action = ALIASES[word] ?? ACTIONS.find((one) => one === word);
    if (!action) return fail(notOneOf('queue', word, ACTIONS, 'bgjob queue --help'));
    if (options.slots !== null && action !== 'set')
      return fail(needsOption('--slots', 'queue set', 'bgjob queue set NAME --slots 2'));
    if (action === 'list') return name === undefined ? listAll(context) : fail(queueListWithName(name));
    if (name === undefined) return fail(needsName(`queue ${action}`, 'queue', 'bgjob queue'));
    if (action === 'set') return set(context, name, options.slots);
    const opened = context.home();
    if (!opened.ok) return opened;
    const found = requireQueue(opened.value, name);
    if (!found.ok) return found;
    const home = opened.value!;
    if (action === 'remove') return remove(context, home, name);
    return change(context, home, name, () => pause(home, name, action === 'pause'));
  },
});

async function listAll(context: Context): Promise<Result<Exit>> {
  const opened = context.home();
  return opened.ok ? printQueues(context.output, opened.value) : opened;
}
