/** Why a job was not paused, does not go on, or was not restarted, in words. */
import { unreachable } from '../../base/result.ts';
import { safe } from '../../base/text/sanitize.ts';
import type { Failure } from '../../job/failure.ts';

export function holdMessageOf({ id, verb, trouble }: Extract<Failure, { code: 'not-held' }>): {
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
