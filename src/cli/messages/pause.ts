/** Why a job was not paused, does not go on, or was not restarted, in words. */
import { unreachable } from '../../base/result.ts';
import { plural, safe } from '../../base/text/sanitize.ts';
import type { Pause } from '../../engine/queue/pauses.ts';
import type { Failure } from '../../job/failure.ts';

export function pauseMessageOf({ id, verb, trouble }: Extract<Failure, { code: 'not-held' }>): {
  message: string;
  hint?: string;
} {
  const not = verb === 'pause' ? 'was not paused' : 'cannot go on';
  switch (trouble.kind) {
    case 'queued':
      return {
        message: `job ${id} ${not}: it waits in its queue, and has not started`,
        hint: `bgjob queue pause NAME starts nothing more of a queue; bgjob kill ${id} cancels it`,
      };
    case 'stopping':
      return { message: `job ${id} ${not}: it is being stopped`, hint: `bgjob wait ${id}` };
    case 'ended':
      return { message: `job ${id} ${not}: it ${safe(trouble.how)}`, hint: `bgjob restart ${id}` };
    case 'no-answer':
      return {
        message: `job ${id} ${not}: its supervisor does not answer`,
        hint: `bgjob show ${id}; was it started in another container or sandbox? ${verb} it there`,
      };
    case 'no-owner':
      return {
        message: `job ${id} ${not}: its supervisor was killed, and nobody took its place`,
        hint: `bgjob kill ${id} stops it all the same`,
      };
    case 'not-stopped': {
      const pids = trouble.pids.join(' ');
      return {
        message: `job ${id} is paused, but not all of it stopped: ${pids}`,
        hint: `ps -o pid,stat,wchan,args -p ${pids.replaceAll(' ', ',')}`,
      };
    }
    default:
      return unreachable(trouble);
  }
}

/** So many pauses are told in one line. */
const MOST_TOLD = 5;

/** Why nothing goes on, and what to type: a line for jobs that are paused themselves, one for all else. */
export function pauseNotes(pauses: Pause[]): string[] {
  const own = pauses.flatMap(({ via, what }) => (what.kind === 'job' && via === null ? [what.id] : []));
  const others = pauses.filter(({ via, what }) => what.kind !== 'job' || via !== null).map(pauseText);
  const more = others.length > MOST_TOLD ? `; and ${plural(others.length - MOST_TOLD, 'more pause')}` : '';
  return [
    ...(own.length > 0 ? [`(paused, and goes on with: bgjob resume ${own.join(' ')})`] : []),
    ...(others.length > 0 ? [`(${others.slice(0, MOST_TOLD).join('; ')}${more})`] : []),
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
      const hold =
        count === 1 ? 'is paused and holds the only slot' : `are paused and hold all ${count} slots`;
      return `${waits}${ids} ${hold} of queue ${what.queue}: bgjob resume ${ids}`;
    }
    default:
      return unreachable(what);
  }
}

/** What happened, why, and a command to type next. */
export function restartMessageOf({ id, why, errno }: Extract<Failure, { code: 'not-restarted' }>): {
  message: string;
  hint: string;
} {
  switch (why) {
    case 'queued':
      return {
        message: `job ${id} waits in its queue: there is nothing to restart`,
        hint: `bgjob move ${id} --first; or bgjob kill ${id}, which cancels it`,
      };
    case 'newer':
      return {
        message: `job ${id} was added by a newer bgjob, and this one does not know all of it; nothing was done`,
        hint: 'npm install -g bgjob@latest',
      };
    case 'script':
      return {
        message: `the script that was kept with job ${id} cannot be read (${errno}); nothing was done`,
        hint: `bgjob show ${id}`,
      };
    case 'input':
      return {
        message: `what --stdin gave job ${id} cannot be read (${errno}); nothing was done`,
        hint: `bgjob show ${id}`,
      };
    case 'environment':
      return {
        message: `the environment that --keep-env kept with job ${id} cannot be read (${errno}); nothing was done`,
        hint: `bgjob show ${id}; bgjob run takes the one of the call`,
      };
    default:
      return unreachable(why);
  }
}
