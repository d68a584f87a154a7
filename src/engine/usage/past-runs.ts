/**
 * The earlier runs of a named job, and how long it usually takes. It is derived from the records of ended
 * jobs each time. Only the newest of the project are looked at, and only those with the name are parsed.
 */
import { readText } from '../../base/fs/read-record.ts';
import type { Home } from '../../job/home/home.ts';
import { idOfName, isEndedName, newestNames, projectKey, projectOfName } from '../../job/home/job-index.ts';
import { listedNames } from '../../job/home/name-index.ts';
import { foundValue, readState } from '../../job/home/records.ts';
import type { JobId, Spec } from '../../job/spec.ts';
import { exitCodeOf, type Outcome, ranMs, type State } from '../../job/state.ts';
import type { JobView } from '../../job/view.ts';

/** How many ended jobs of a project are looked at, in 10 ms of CPU at most. */
const MOST_RECORDS = 300;
const MOST_RUNS = 20;
/** Fewer successes say nothing. */
const LEAST_SUCCESSES = 3;

export interface PastRun {
  id: JobId;
  outcome: Outcome;
  endedAt: number;
  /** Null: it never started, or its end was not seen. */
  tookMs: number | null;
}

export interface Usual {
  /** The median of the successes. */
  durationMs: number;
  /** How many successes. */
  runs: number;
}

const isSuccess = ({ outcome }: PastRun): boolean =>
  outcome.kind === 'exited' && exitCodeOf(outcome) === 0 && !outcome.afterKill;

export function usualOf(runs: PastRun[]): Usual | null {
  const times = runs.flatMap((run) => (isSuccess(run) && run.tookMs !== null ? [run.tookMs] : []));
  if (times.length < LEAST_SUCCESSES) return null;
  const sorted = times.sort((a, b) => a - b);
  const [low, high] = [Math.floor((sorted.length - 1) / 2), Math.ceil((sorted.length - 1) / 2)];
  return { durationMs: Math.round((sorted[low]! + sorted[high]!) / 2), runs: sorted.length };
}

/** The name in a state, whose last part is a copy of the spec. */
const NAME = /"spec":\{[\s\S]*?"name":("(?:[^"\\]|\\.)*")/;

/** One of these serves all jobs of a list: a record is read once. */
export class PastRuns {
  private readonly names = new Map<string, { id: JobId; name: string | undefined }[]>();
  private readonly known = new Map<string, PastRun[]>();

  constructor(private readonly home: Home) {}

  /** The ended jobs of the same name, project and target, the newest first; none of a job without a name. */
  of({ name, project, target }: Pick<Spec, 'name' | 'project' | 'target'>): PastRun[] {
    if (name === null) return [];
    const key = JSON.stringify([name, project, target?.key]);
    const known = this.known.get(key);
    if (known) return known;
    const runs: PastRun[] = [];
    for (const one of this.namesOf(project)) {
      if (runs.length === MOST_RUNS) break;
      if (one.name !== name) continue;
      const state: State | undefined = foundValue(readState(this.home.job(one.id)));
      const spec = state?.spec;
      const isSame = spec?.name === name && spec.project === project && spec.target?.key === target?.key;
      if (!isSame || state?.status.phase !== 'ended') continue;
      const { status } = state;
      runs.push({ id: one.id, outcome: status.outcome, endedAt: status.endedAt, tookMs: ranMs(status) });
    }
    this.known.set(key, runs);
    return runs;
  }

  /** Null: no name, or too few successes. Of a job that has not started, or has ended, too. */
  usualOf(view: JobView): Usual | null {
    return 'spec' in view ? usualOf(this.of(view.spec)) : null;
  }

  private namesOf(project: string): { id: JobId; name: string | undefined }[] {
    const known = this.names.get(project);
    if (known) return known;
    const key = projectKey(project);
    const isHere = (name: string) => isEndedName(name) && projectOfName(name) === key;
    const ids = newestNames(listedNames(this.home, this.home.ended), MOST_RECORDS, 0, isHere);
    const found = ids.flatMap((marker) => {
      const id = idOfName(marker);
      if (id === undefined) return [];
      const quoted = NAME.exec(readText(this.home.job(id).state))?.[1];
      return [{ id, name: quoted === undefined ? undefined : (JSON.parse(quoted) as string) }];
    });
    this.names.set(project, found);
    return found;
  }
}
