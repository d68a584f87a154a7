/** Why jobs on targets did not start or were lost, as their records keep it. */
import { renderDuration, renderExactSize } from '../../base/clock.ts';
import type { FarState, SubmitResult, TargetError, Verdict } from '../../engine/targets/engine.ts';
import type { Spec } from '../../job/spec.ts';
import type { Stop } from '../../job/state.ts';
import { placeOf, type Target } from '../../job/target.ts';

/** As the limits of local jobs are recorded. */
export const limitText = (
  { timeoutMs, maxLogBytes }: Pick<Spec, 'timeoutMs' | 'maxLogBytes'>,
  limit: 'timeout' | 'max-log',
): string =>
  limit === 'timeout'
    ? `--timeout ${renderDuration(timeoutMs ?? 0)}`
    : `--max-log ${renderExactSize(maxLogBytes ?? 0)}`;

/** The limit of a job that Slurm stopped. */
export const SLURM_LIMIT = 'the time limit of Slurm';

/** A job that left the queue of Slurm, and bgjob did not ask for it. */
export const scancelled = ({ graceMs }: Pick<Spec, 'graceMs'>, at: number): Stop => ({
  ...{ by: 'scancel', cause: 'kill', signal: 'SIGTERM', graceMs, at },
});

const withWords = (text: string, said: string): string => (said === '' ? text : `${text} (${said})`);

const VERDICT: Record<Verdict['word'], string> = {
  'time-limit': 'Slurm stopped it at its time limit',
  'out-of-memory': 'it was out of memory',
  cancelled: 'it was cancelled in Slurm',
  preempted: 'Slurm took its node for another job',
  'node-failed': 'its node failed; its processes may live on',
  'not-started': 'Slurm could not start it',
  unclear: 'Slurm does not say how it ended',
};

/** Why there is no exit code. */
export const endedThere = (verdict: Verdict | null): string =>
  verdict ? withWords(VERDICT[verdict.word], verdict.said) : 'Slurm does not say how it ended';

/** `said`: as ssh or the far side says it; people get a sentence for the word in brackets, too. */
export const notReached = (target: Target, { trouble, said }: TargetError): string =>
  `cannot reach ${placeOf(target)} [${trouble}]${said === '' ? '' : `: ${said}`}`;

export const notStarted = (
  target: Target,
  { why, said }: Extract<SubmitResult, { kind: 'refused' }>,
): string => `${placeOf(target)} did not start it [${why}]${said === '' ? '' : `: ${said}`}`;

export const notStartedThere = (target: Target, { said }: Verdict): string =>
  notStarted(target, { kind: 'refused', why: 'engine', said });

export function lostThere(
  target: Target,
  why: Extract<FarState, { kind: 'lost' }>['why'] | 'absent',
): string {
  const host = placeOf(target);
  return {
    restarted: `${host} was restarted`,
    gone: `its shim on ${host} was killed`,
    forgotten: `${host} does not know it any more, and has no record of its end`,
    absent: `its records on ${host} are gone`,
  }[why];
}

export const cannotRead = (errno: string): string => `its script or input cannot be read (${errno})`;
