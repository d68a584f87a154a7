/**
 * What `run` does with a name: refuse, use the live job (--reuse), or stop it first (--replace). Others may do the same at
 * the same instant: the claim of the name decides in `launch`, and whoever lost looks again.
 */
import { safe } from '../../base/text/sanitize.ts';
import { type Draft, launch } from '../../engine/launch/launch.ts';
import { processesOf } from '../../engine/observe/leftovers.ts';
import { nameOwner, nameTaken, waitSettled } from '../../engine/observe/name-owner.ts';
import { observe } from '../../engine/observe/observe.ts';
import { jobNamedHere } from '../../engine/observe/resolve.ts';
import { portsOf } from '../../engine/os/sockets.ts';
import { enqueue } from '../../engine/queue/enqueue.ts';
import { type Failure, fail, ok, type Result } from '../../job/failure.ts';
import type { Home } from '../../job/home/home.ts';
import { readClaims, type Title, titleOf } from '../../job/home/name-claims.ts';
import { isName, projectsHere } from '../../job/home/project.ts';
import { markSuperseded } from '../../job/home/records.ts';
import type { JobId } from '../../job/spec.ts';
import { commandText, type EndedView, type LiveView } from '../../job/view.ts';
import { judgeable } from '../jobs/select.ts';
import { jobLabel } from '../messages/job-text.ts';
import type { Output } from '../output/output.ts';
import { clearName, type StopFor } from './replace.ts';

/** The options of `run` that decide what becomes of a live job of the name. */
export const NAMING_OPTIONS = {
  name: {
    kind: 'text',
    short: '-n',
    value: 'NAME',
    text: 'a name for it; one live job of a name per project',
    group: 'Name',
  },
  reuse: {
    kind: 'flag',
    text: 'the live job of that name; if there is none, a new one',
  },
  replace: {
    kind: 'flag',
    text: 'stop the live job of that name first, all of it',
  },
} as const;

export type Naming = 'alone' | 'reuse' | 'replace';

/** What is to become of a live job of the same name; fails where the options contradict each other. */
export function parseNaming(options: {
  name: string | null;
  reuse: boolean;
  replace: boolean;
}): Result<Naming> {
  const { name, reuse, replace } = options;
  const usage = (message: string, hint?: string) =>
    fail({ code: 'usage', message, ...(hint !== undefined && { hint }) });
  if (name !== null && !isName(name))
    return usage(
      `--name: "${safe(name)}" is not a name: letters, digits and . _ - (64 at most), a letter or digit first, not digits alone`,
    );
  if (reuse && replace) return usage('--reuse and --replace exclude each other');
  if (name === null && (reuse || replace))
    return usage(
      `--${reuse ? 'reuse' : 'replace'} needs --name`,
      `bgjob run -n web --${reuse ? 'reuse' : 'replace'} -- command`,
    );
  return ok(reuse ? 'reuse' : replace ? 'replace' : 'alone');
}

/** What was started, or found. */
export interface Started {
  id: JobId;
  /** It ran already. */
  reused: boolean;
  /** The jobs that were stopped for it. */
  replaced: JobId[];
}

/** Starts the job at once, or puts it into its queue. */
const begin = (home: Home, draft: Draft): Promise<Result<JobId>> =>
  draft.placement === null ? launch(home, draft) : enqueue(home, { ...draft, placement: draft.placement });

/** So often another one is first, with as many callers at once as anybody will have. */
const MOST_TRIES = 100;

/** Whether a job may be started, once those of `leaving` have ended. */
export type StartCheck = (leaving?: JobId[]) => Promise<Result<void>>;

/** Starts the job, or finds or replaces the one that has its name. `mayStart` is asked before anything is started. */
export async function startNamed(
  output: Output,
  home: Home,
  draft: Draft,
  naming: Naming,
  mayStart: StartCheck,
  by: StopFor = 'run --replace',
): Promise<Result<Started>> {
  const title = titleOf(draft);
  const replaced: JobId[] = [];
  for (let tries = 1; ; tries++) {
    // the name of a job in a folder above means that job here, too
    const meant = title && (by === 'restart' ? title : titleMeant(home, draft, title, naming));
    if (title && naming === 'replace') {
      const given = meant === title ? [title] : [meant!, title];
      // what cannot be started again is not stopped
      const leaving = given.flatMap((one) => readClaims(home, one)).map(({ id }) => id);
      const may = await mayStart(leaving);
      if (!may.ok) return may;
      for (const one of given) {
        const cleared = await clearName(output, home, one, replaced, by);
        if (!cleared.ok) return cleared;
      }
    }
    // a live job of the name is told, or used, before its port is found taken
    const holder = meant && nameOwner(home, meant);
    const may = holder ? ok(undefined) : await mayStart();
    if (!may.ok) return may;
    const titles = title && naming === 'replace' && by === 'run --replace' ? new Set([title, meant!]) : [];
    const earlier = [...titles].flatMap((one) => readClaims(home, one));
    const launched = meant && holder ? fail(nameTaken(meant, holder)) : await begin(home, draft);
    if (launched.ok) {
      for (const { id } of earlier) markSuperseded(home.job(id), launched.value);
      return ok({ id: launched.value, reused: false, replaced });
    }
    const { failure } = launched;
    if (failure.code !== 'name-taken') return launched;
    if (naming === 'alone' || tries === MOST_TRIES) return fail(await withPorts(home, failure));
    if (naming === 'replace') continue;
    // an id is printed only of a job that runs: one that gives way is no job
    const { claimState, view } = await waitSettled(home, failure.id);
    if (claimState === 'none') continue;
    if (claimState === 'pending') return launched;
    const judged = judgeable(view);
    if (!judged.ok) return judged;
    noteDifference(output, judged.value, draft);
    return ok({ id: view.id, reused: true, replaced });
  }
}

/** The name in the project that --reuse and --replace mean: that in which every other verb finds a job of the name. */
function titleMeant(home: Home, { cwd }: Draft, title: Title, naming: Naming): Title {
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
  const differs = [
    ...(spec.argv.join('\0') === draft.argv.join('\0') ? [] : [`runs ${safe(commandText(spec))}`]),
    ...(spec.cwd === draft.cwd ? [] : [`runs in ${safe(spec.cwd)}`]),
  ];
  if (differs.length > 0)
    output.note(
      `(${jobLabel(view)} is not what was asked for: it ${differs.join(' and ')}; --replace stops it)`,
    );
}
