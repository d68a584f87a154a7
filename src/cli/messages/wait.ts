/** What `wait`, `run --wait` and `run --until…` say: a condition that came true, a job that goes on, what to do after an end. */
import { renderDuration } from '../../base/clock.ts';
import { unreachable } from '../../base/result.ts';
import { clip, safe } from '../../base/text/sanitize.ts';
import type { ConditionMet } from '../../engine/wait/condition.ts';
import type { JobId } from '../../job/spec.ts';
import { type JobView, stateWord } from '../../job/view.ts';
import { usageError } from './usage.ts';

const MOST_PATH = 200;

/** What came true, after `ready:` or `failed:`. `anyOwner`: the port may be that of another program. */
export function metText({ condition, facts }: ConditionMet, anyOwner: boolean): string {
  switch (condition) {
    case 'match':
    case 'fail':
      return `it printed "${facts.line}"${facts.stream === 'err' ? ' on stderr' : ''}`;
    case 'port': {
      const pid = facts.pid === null ? '' : ` (pid ${facts.pid})`;
      return `${anyOwner ? 'a process' : 'it'} listens on port ${facts.port}${pid}`;
    }
    case 'url':
      return `${facts.url} answers ${facts.status}`;
    case 'file':
      return `the file ${clip(safe(facts.file), MOST_PATH)} is there`;
    case 'idle':
      return `it printed nothing for ${renderDuration(facts.idleMs)}`;
    default:
      return unreachable(condition);
  }
}

/** `--fail-on` came true: nothing was done to the job. `reference`: the job as it was typed. */
export const failedOnText = (reference: string): string =>
  `the job still runs; to stop it: bgjob kill ${reference}`;

/** That this call ends before the jobs do. `views`: some of them. `amount`: how many they are. */
export function stillRunningText(views: JobView[], amount: number): string {
  const words = new Set(views.map(stateWord));
  const it = amount === 1 ? 'it' : 'they';
  if (words.size === 1 && words.has('paused')) return 'still paused.';
  if (words.size === 1 && words.has('queued')) return `still queued; ${it} will start in turn.`;
  return `still running; ${it} ${amount === 1 ? 'goes' : 'go'} on.`;
}

/** What to type to wait on for jobs that are too many to name. */
export const SAME_COMMAND = 'the same command again';

/** The job ended with 0, and no condition had come true by then. */
export const MISSED_TEXT = 'the job ended before the condition was met';

/** So many lost jobs are named. */
const MOST_LOST = 10;

/** A lost job is not started again by itself. */
export function lostHintText(ids: JobId[]): string {
  const named = ids.length > MOST_LOST ? 'ID' : ids.join(' ');
  return `to start ${ids.length === 1 ? 'it' : 'them'} again: bgjob restart ${named}`;
}

/** `wait`: options that mean nothing together. */
export const waitRefusal = {
  trigger: (name: string) =>
    usageError(
      '--trigger can be used only with --timeout',
      `id=$(bgjob wait --trigger ${safe(name)}) && bgjob wait $id`,
    ),
  ended: () =>
    usageError(
      '--ended waits for ends only: it cannot be used with --fail-fast or conditions such as --until',
      'bgjob wait --help',
    ),
  conditions: () =>
    usageError(
      'conditions such as --until need exactly one REF, ' +
        'without --all, --queue, --batch, --any and --fail-fast',
      'bgjob wait --help',
    ),
} as const;

/** For a job that would wait for itself. */
export const selfWaitHint = (isQueue: boolean): string =>
  isQueue ? 'bgjob wait --all leaves it out' : 'bgjob wait REF, for another job';
