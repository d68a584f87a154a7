/**
 * What `run` does if a live job has the name: it refuses, uses that job (--reuse), or stops it first
 * (--replace). Other calls may do the same at the same instant: the claim of the name in `launch` decides,
 * and a call that loses tries again.
 */
import { type Draft, launch, type MayStart } from '../../engine/launch/launch.ts';
import { processesOf } from '../../engine/observe/leftovers.ts';
import { nameOwner, nameTaken, waitSettled } from '../../engine/observe/name-owner.ts';
import { observe } from '../../engine/observe/observe.ts';
import { jobNamedHere } from '../../engine/observe/resolve.ts';
import { portsOf } from '../../engine/os/sockets.ts';
import { enqueue } from '../../engine/queue/enqueue.ts';
import { type Failure, fail, ok, type Result } from '../../job/failure.ts';
import type { Home } from '../../job/home/home.ts';
import { type JobName, jobNameOf, readClaims } from '../../job/home/name-claims.ts';
import { isName, projectsHere } from '../../job/home/project.ts';
import { markSuperseded } from '../../job/home/records.ts';
import type { JobId } from '../../job/spec.ts';
import { commandText, type EndedView, type LiveView } from '../../job/view.ts';
import { judgeable } from '../jobs/select.ts';
import { reusedDiffersText } from '../messages/run.ts';
import { cannotCombine, needsOption, notAName } from '../messages/usage.ts';
import type { Output } from '../output/output.ts';
import { clearName, type StopFor } from './replace.ts';

/** The options of `run` that name the job, and say what becomes of a live job of that name. */
export const NAMING_OPTIONS = {
  name: {
    kind: 'text',
    short: '-n',
    value: 'NAME',
    text: 'the name of the job; only one live job of a project can have it',
    group: 'Name',
  },
  reuse: { kind: 'flag', text: 'use the live job of that name; start one only if there is none' },
  replace: { kind: 'flag', text: 'stop the live job of that name first, with all its processes' },
} as const;

export type Naming = 'alone' | 'reuse' | 'replace';

/** What becomes of a live job of the same name. Fails if the options contradict each other. */
export function parseNaming(options: {
  name: string | null;
  reuse: boolean;
  replace: boolean;
}): Result<Naming> {
  const { name, reuse, replace } = options;
  if (name !== null && !isName(name)) return fail(notAName('--name', name));
  if (reuse && replace) return fail(cannotCombine('--reuse', '--replace'));
  const option = reuse ? '--reuse' : '--replace';
  if (name === null && (reuse || replace))
    return fail(needsOption(option, '--name', `bgjob run -n web ${option} -- command`));
  return ok(reuse ? 'reuse' : replace ? 'replace' : 'alone');
}

export interface Started {
  id: JobId;
  /** It ran already. */
  reused: boolean;
  replaced: JobId[];
}

/** Starts the job at once, or puts it into its queue. */
const startOrQueue = (home: Home, draft: Draft, mayStart?: MayStart): Promise<Result<JobId>> =>
  draft.placement === null
    ? launch(home, draft, mayStart)
    : enqueue(home, { ...draft, placement: draft.placement }, mayStart);

/** A call gives up after losing the name so often: more calls at once than any user makes. */
const MOST_TRIES = 100;

/** Whether a job may be started, once those of `leaving` have ended. */
export type StartCheck = (leaving?: JobId[]) => Promise<Result<void>>;

/**
 * `mayStart` is called before anything is started. `onId` gets the id before the job can run. If it is called
 * again with another id, the job of the first id was not started.
 */
export async function startNamed(
  output: Output,
  home: Home,
  draft: Draft,
  naming: Naming,
  mayStart: StartCheck,
  by: StopFor = 'run --replace',
  onId: (id: JobId) => void = () => {},
): Promise<Result<Started>> {
  const title = jobNameOf(draft);
  const replaced: JobId[] = [];
  const told = (id: JobId): Result<void> => {
    onId(id);
    return ok(undefined);
  };
  for (let tries = 1; ; tries++) {
    // here the name of a job in a folder above means that job
    const meant = title && (by === 'restart' ? title : titleMeant(home, draft, title, naming));
    if (title && naming === 'replace') {
      const given = meant === title ? [title] : [meant!, title];
      // a job that cannot be started again is not stopped
      const leaving = given.flatMap((one) => readClaims(home, one)).map(({ id }) => id);
      const may = await mayStart(leaving);
      if (!may.ok) return may;
      for (const one of given) {
        const cleared = await clearName(output, home, one, replaced, by);
        if (!cleared.ok) return cleared;
      }
    }
    // a live job of the name is named, or used, before its port is found taken
    const owner = meant && nameOwner(home, meant);
    const may = owner ? ok(undefined) : await mayStart();
    if (!may.ok) return may;
    const titles = title && naming === 'replace' && by === 'run --replace' ? new Set([title, meant!]) : [];
    const earlier = [...titles].flatMap((one) => readClaims(home, one));
    const launched = meant && owner ? fail(nameTaken(meant, owner)) : await startOrQueue(home, draft, told);
    if (launched.ok) {
      for (const { id } of earlier) markSuperseded(home.job(id), launched.value);
      return ok({ id: launched.value, reused: false, replaced });
    }
    const { failure } = launched;
    if (failure.code !== 'name-taken') return launched;
    if (naming === 'alone' || tries === MOST_TRIES) return fail(await withPorts(home, failure));
    if (naming === 'replace') continue;
    // an id is printed only of a job that runs: a job that loses its name to another is removed
    const { claimState, view } = await waitSettled(home, failure.id);
    if (claimState === 'none') continue;
    if (claimState === 'pending') return launched;
    const judged = judgeable(view);
    if (!judged.ok) return judged;
    noteDifference(output, judged.value, draft);
    return ok({ id: view.id, reused: true, replaced });
  }
}

/** The name as --reuse and --replace mean it: in the project where every other verb finds its job. */
function titleMeant(home: Home, { cwd }: Draft, title: JobName, naming: Naming): JobName {
  const places = naming === 'alone' ? [] : projectsHere(cwd);
  if (places.length < 2) return title;
  const view = jobNamedHere(home, places, title.name);
  const project = view && 'spec' in view ? view.spec.project : title.project;
  return project === title.project ? title : { ...title, project };
}

async function withPorts(home: Home, failure: Extract<Failure, { code: 'name-taken' }>): Promise<Failure> {
  const view = observe(home, failure.id);
  const processes = view ? await processesOf(home, view) : [];
  return { ...failure, ports: portsOf(processes.map(({ pid }) => pid)) };
}

function noteDifference(output: Output, view: LiveView | EndedView, draft: Draft): void {
  const { spec } = view;
  const command = spec.argv.join('\0') === draft.argv.join('\0') ? null : commandText(spec);
  const cwd = spec.cwd === draft.cwd ? null : spec.cwd;
  if (command !== null || cwd !== null) output.note(reusedDiffersText(view, command, cwd));
}
