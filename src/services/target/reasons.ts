/** Why jobs on targets did not start or were lost, as their records keep it. */
import { renderDuration, renderExactSize } from '../../base/clock.ts';
import type { FarState, SubmitResult, TargetError } from '../../engine/targets/engine.ts';
import type { Spec } from '../../job/spec.ts';
import type { Target } from '../../job/target.ts';

/** As the limits of local jobs are recorded. */
export const limitText = ({ timeoutMs, maxLogBytes }: Spec, limit: 'timeout' | 'max-log'): string =>
  limit === 'timeout'
    ? `--timeout ${renderDuration(timeoutMs ?? 0)}`
    : `--max-log ${renderExactSize(maxLogBytes ?? 0)}`;

/** `said`: as ssh or the far side says it; people get a sentence for the word in brackets, too. */
export const notReached = ({ host }: Target, { trouble, said }: TargetError): string =>
  `cannot reach ${host} [${trouble}]${said === '' ? '' : `: ${said}`}`;

export const notStarted = (
  { host }: Target,
  { why, said }: Extract<SubmitResult, { kind: 'refused' }>,
): string => `${host} did not start it [${why}]${said === '' ? '' : `: ${said}`}`;

export const lostThere = (
  { host }: Target,
  why: Extract<FarState, { kind: 'lost' }>['why'] | 'absent',
): string =>
  ({
    restarted: `${host} was restarted`,
    gone: `its shim on ${host} was killed`,
    forgotten: `${host} does not know it any more, and has no record of its end`,
    absent: `its records on ${host} are gone`,
  })[why];

export const cannotRead = (errno: string): string => `its script or input cannot be read (${errno})`;
