/**
 * Messages of `pause`, `resume` and `restart`: why they failed, and which pause keeps a job from going on.
 */
import { unreachable } from '../../base/result.ts';
import { plural, safe } from '../../base/text/sanitize.ts';
import type { Pause } from '../../engine/queue/pauses.ts';
import type { Failure } from '../../job/failure.ts';

export function pauseMessageOf({ id, verb, trouble }: Extract<Failure, { code: 'not-held' }>): {
  message: string;
  hint?: string;
} {
  const not = verb === 'pause' ? 'was not paused' : 'cannot be resumed';
  switch (trouble.kind) {
    case 'queued':
      return {
        message: `job ${id} ${not}: it waits in its queue, and has not started`,
        hint: `bgjob queue pause NAME pauses a queue; bgjob kill ${id} cancels the job`,
      };
    case 'stopping':
      return { message: `job ${id} ${not}: it is being stopped`, hint: `bgjob wait ${id}` };
    case 'ended':
      return { message: `job ${id} ${not}: it ${safe(trouble.how)}`, hint: `bgjob restart ${id}` };
    case 'no-answer':
      return {
        message: `job ${id} ${not}: its supervisor does not answer`,
        hint: `bgjob show ${id}; if it was started in another container or sandbox, ${verb} it there`,
      };
    case 'no-owner':
      return {
        message: `job ${id} ${not}: its supervisor was killed, and no other one replaced it`,
        hint: `bgjob kill ${id} still stops it`,
      };
    case 'not-stopped': {
      const pids = trouble.pids.join(' ');
      return {
        message: `job ${id} is paused, but these processes did not stop: ${pids}`,
        hint: `ps -o pid,stat,wchan,args -p ${pids.replaceAll(' ', ',')}`,
      };
    }
    default:
      return unreachable(trouble);
  }
}

/** At most so many pauses are named in one line. */
const MOST_NAMED = 5;

/**
 * Which pauses keep jobs from going on, and how to end them: a line for paused jobs, one for all other
 * pauses.
 */
export function pauseNotes(pauses: Pause[]): string[] {
  const own = pauses.flatMap(({ via, what }) => (what.kind === 'job' && via === null ? [what.id] : []));
  const others = pauses.filter(({ via, what }) => what.kind !== 'job' || via !== null).map(pauseText);
  const more = others.length > MOST_NAMED ? `; and ${plural(others.length - MOST_NAMED, 'more pause')}` : '';
  return [
    ...(own.length > 0 ? [`(paused; to go on: bgjob resume ${own.join(' ')})`] : []),
    ...(others.length > 0 ? [`(${others.slice(0, MOST_NAMED).join('; ')}${more})`] : []),
  ];
}

function pauseText({ of, via, what }: Pause): string {
  const waits = via === null ? '' : `${of} waits for ${via}, ${what.kind === 'job' ? 'which' : 'and'} `;
  switch (what.kind) {
    case 'job':
      return `${waits}is paused: bgjob resume ${what.id}`;
    case 'queue':
      return `${waits}queue ${what.queue} is paused: bgjob queue resume ${what.queue}`;
    case 'slots': {
      const [ids, count] = [what.ids.join(' '), what.ids.length];
      const state =
        count === 1 ? 'is paused and holds the only slot' : `are paused and hold all ${count} slots`;
      return `${waits}${ids} ${state} of queue ${what.queue}: bgjob resume ${ids}`;
    }
    default:
      return unreachable(what);
  }
}

export function restartMessageOf({ id, why, errno }: Extract<Failure, { code: 'not-restarted' }>): {
  message: string;
  hint: string;
} {
  switch (why) {
    case 'queued':
      return {
        message: `job ${id} waits in its queue, and has not started: there is nothing to restart`,
        hint: `bgjob move ${id} --first; or bgjob kill ${id}, which cancels it`,
      };
    case 'newer':
      return {
        message:
          `job ${id} was added by a newer bgjob, and this version does not know all its options; ` +
          'nothing was done',
        hint: 'npm install -g bgjob@latest',
      };
    case 'script':
      return {
        message: `the stored script of job ${id} cannot be read (${errno}); nothing was done`,
        hint: `bgjob show ${id}`,
      };
    case 'input':
      return {
        message: `the stored input of job ${id} (--stdin) cannot be read (${errno}); nothing was done`,
        hint: `bgjob show ${id}`,
      };
    case 'environment':
      return {
        message: `the stored environment of job ${id} (--keep-env) is unreadable: ${errno}; nothing was done`,
        hint: `bgjob show ${id}; bgjob run uses the environment of the call`,
      };
    default:
      return unreachable(why);
  }
}
