/**
 * Finds the jobs that references mean, and the projects that "this project" means in a directory: the same
 * for every verb.
 */
import { fail, type JobElsewhere, type KnownJob, ok, type Result } from '../../job/failure.ts';
import type { Home } from '../../job/home/home.ts';
import { endedNames, idOfName, listEnded, projectKey, projectOfName } from '../../job/home/job-index.ts';
import {
  isClaimDamaged,
  type JobName,
  readClaims,
  readClaimsEverywhere,
} from '../../job/home/name-claims.ts';
import { parseReference, projectOf, projectsHere, type Reference } from '../../job/home/project.ts';
import { foundValue, readSpec } from '../../job/home/records.ts';
import type { JobId } from '../../job/spec.ts';
import { type JobView, type LiveView, stateWord } from '../../job/view.ts';
import { nameOwner } from './name-owner.ts';
import { observe } from './observe.ts';
import { listUnended } from './unended.ts';

export interface Here {
  project: string;
  /** "This project": every verb means the jobs of these, the nearest first. `project` is the first one. */
  projects: string[];
}

export const hereOf = (cwd: string): Here => ({ project: projectOf(cwd), projects: projectsHere(cwd) });

/** The ids of a project's jobs, the newest first. Two projects may share a key: the spec decides. */
function idsByKey(home: Home, project: string): JobId[] {
  const key = projectKey(project);
  const unended = listUnended(home, (other) => other === key);
  const ended = endedNames(home).filter((name) => projectOfName(name) === key);
  return [...unended, ...ended.flatMap((name) => idOfName(name) ?? [])].sort((a, b) => b - a);
}

function lastJob(home: Home, here: Here): JobId | undefined {
  for (const project of here.projects) {
    const newest = idsByKey(home, project).find(
      (id) => foundValue(readSpec(home.job(id), id))?.project === project,
    );
    if (newest !== undefined) return newest;
  }
  return undefined;
}

const lastEnded = (home: Home): JobId[] =>
  listEnded(home)
    .slice(0, 20)
    .map(({ id }) => id);

/** The newest jobs of this project, for the message that there is no such job. */
function listKnown(home: Home, here: Here): KnownJob[] {
  const keys = new Set(here.projects.map(projectKey));
  const unended = listUnended(home, (key) => keys.has(key));
  const ids = [...new Set([...unended, ...lastEnded(home)])].sort((a, b) => b - a).slice(0, 40);
  return ids
    .flatMap((id) => observe(home, id) ?? [])
    .filter((view) => 'spec' in view && here.projects.includes(view.spec.project))
    .slice(0, 5)
    .map((view) => {
      const outcome = view.kind === 'ended' ? view.status.outcome : null;
      const state = outcome?.kind === 'exited' ? `exited ${outcome.code}` : stateWord(view);
      return { id: view.id, name: 'spec' in view ? view.spec.name : null, state };
    });
}

/** The newest job of a name in one project. A live one comes first: a job that never started may be newer. */
function jobNamed(home: Home, title: JobName): JobView | undefined {
  const claims = readClaims(home, title);
  const owner = nameOwner(home, title);
  if (owner || (claims.length === 0 && !isClaimDamaged(home, title))) return owner;
  const { name, project } = title;
  for (const { id } of claims.sort((a, b) => b.id - a.id)) {
    const view = observe(home, id);
    if (view) return view;
  }
  // gc took all claimed jobs; an older one may still be there
  for (const id of idsByKey(home, project)) {
    const view = observe(home, id);
    if (view && 'spec' in view && view.spec.name === name && view.spec.project === project) return view;
  }
  return undefined;
}

export function jobNamedHere(home: Home, projects: string[], name: string): JobView | undefined {
  for (const project of projects) {
    const view = jobNamed(home, { name, project });
    if (view) return view;
  }
  return undefined;
}

/** The ids of the newest jobs of these names, one per name and project; `everywhere`: in all projects. */
export const newestNamed = (home: Home, here: Here, names: string[], everywhere: boolean): JobId[] =>
  names.flatMap((name) =>
    everywhere
      ? namedEverywhere(home, name).map(({ id }) => id)
      : here.projects.flatMap((project) => jobNamed(home, { name, project })?.id ?? []),
  );

function namedEverywhere(home: Home, name: string): JobView[] {
  const projects = new Set(readClaimsEverywhere(home, name).map(({ project }) => project));
  return [...projects].flatMap((project) => jobNamed(home, { name, project }) ?? []);
}

/** The live jobs of this name in other projects to which the same link led when they were started. */
export const namedThroughLink = (home: Home, { name, project }: JobName, link: string): LiveView[] =>
  namedEverywhere(home, name).flatMap((view) =>
    view.kind === 'live' && view.spec.cwdLink === link && view.spec.project !== project ? [view] : [],
  );

/** The job that a reference means. `typed`: the command line up to the reference. */
export function resolveReference(
  home: Home | undefined,
  here: Here,
  reference: string,
  typed: string,
): Result<{ home: Home; view: JobView }> {
  const parsed = parseReference(reference);
  const unknown = (known: KnownJob[], elsewhere: JobElsewhere[]) =>
    fail({ code: 'no-such-job', reference, known, elsewhere, typed });
  if (!home || !parsed) return unknown(home ? listKnown(home, here) : [], []);
  const view = viewOf(home, here, parsed);
  if (view) return ok({ home, view });
  const elsewhere = findElsewhere(home, here, parsed);
  return unknown(elsewhere.length > 0 ? [] : listKnown(home, here), elsewhere);
}

function viewOf(home: Home, here: Here, reference: Reference): JobView | undefined {
  if (reference.kind === 'name') return jobNamedHere(home, here.projects, reference.name);
  const id = reference.kind === 'id' ? reference.id : lastJob(home, here);
  return id === undefined ? undefined : observe(home, id);
}

export function liveHere(home: Home, here: Here | null): JobView[] {
  const keys = here && new Set(here.projects.map(projectKey));
  return listUnended(home, (project) => keys?.has(project) ?? true)
    .sort((a, b) => a - b)
    .flatMap((id) => observe(home, id) ?? [])
    .filter((view) => view.kind === 'live' && (here?.projects.includes(view.spec.project) ?? true));
}

const MAX_ELSEWHERE = 3;

/** Jobs of other projects that a reference may mean: live ones, then newest; of a name one per project. */
function findElsewhere(home: Home, here: Here, reference: Reference): JobElsewhere[] {
  if (reference.kind === 'id') return [];
  const views = reference.kind === 'name' ? namedEverywhere(home, reference.name) : newestAnywhere(home);
  return views
    .flatMap((view) => ('spec' in view && !here.projects.includes(view.spec.project) ? [view] : []))
    .sort((a, b) => Number(b.kind === 'live') - Number(a.kind === 'live') || b.id - a.id)
    .slice(0, MAX_ELSEWHERE)
    .map(({ id, spec }) => ({ id, name: spec.name, project: spec.project }));
}

/** The newest live job, else the newest ended one, without our own services. */
function newestAnywhere(home: Home): JobView[] {
  const live = listUnended(home).sort((a, b) => b - a);
  for (const id of [...live, ...lastEnded(home)]) {
    const view = observe(home, id);
    if (view && 'spec' in view && view.spec.origin?.kind !== 'own') return [view];
  }
  return [];
}
