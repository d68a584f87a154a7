/** From references to jobs, and from a directory to the jobs that are "here": of its project or of one around it. */
import { fail, ok, type Result } from '../base/failure.ts';
import type { Home } from '../job/home.ts';
import { type JobId, type JobView, stateWord } from '../job/job.ts';
import { listEnded, listLive, projectKey } from '../job/markers.ts';
import { parseReference, placesOf, projectOf } from '../job/project.ts';
import { readSpec } from '../job/store.ts';
import { observe } from './observe.ts';

/** Where a command was called: its project and the directories around it, the nearest first. */
export interface Here {
  project: string;
  places: string[];
}

export function hereOf(cwd: string): Here {
  const project = projectOf(cwd);
  return { project, places: placesOf(cwd) };
}

function projectOfJob(home: Home, id: JobId): string | undefined {
  const spec = readSpec(home.job(id), id);
  return spec.kind === 'read' ? spec.value.project : undefined;
}

/** The newest job of the nearest project that has one. */
function lastJob(home: Home, here: Here): JobId | undefined {
  const live = listLive(home).map((id) => ({ id, project: projectOfJob(home, id) }));
  const ended = listEnded(home);
  for (const place of here.places) {
    const key = projectKey(place);
    const ids = [
      ...live.filter(({ project }) => project === place),
      ...ended.filter(({ project }) => project === key),
    ].map(({ id }) => id);
    // two projects may share a key: the spec decides
    const newest = ids.sort((a, b) => b - a).find((id) => projectOfJob(home, id) === place);
    if (newest !== undefined) return newest;
  }
  return undefined;
}

/** A few words on the jobs here, the newest first, for whoever asked for one that is not there. */
function describeKnown(home: Home, here: Here): string[] {
  const ended = listEnded(home)
    .slice(0, 20)
    .map(({ id }) => id);
  const ids = [...listLive(home), ...ended].sort((a, b) => b - a).slice(0, 40);
  const views = ids.flatMap((id) => observe(home, id) ?? []);
  return views
    .filter((view) => 'spec' in view && here.places.includes(view.spec.project))
    .slice(0, 5)
    .map((view) => `${view.id} ${stateWord(view)}`);
}

/** The job that a reference means. */
export function resolveReference(
  home: Home | undefined,
  here: Here,
  reference: string,
): Result<{ home: Home; view: JobView }> {
  const parsed = parseReference(reference);
  const unknown = () =>
    fail({ code: 'no-such-job', reference, known: home ? describeKnown(home, here) : [] });
  if (!home || !parsed || parsed.kind === 'name') return unknown();
  const id = parsed.kind === 'id' ? parsed.id : lastJob(home, here);
  const view = id === undefined ? undefined : observe(home, id);
  return view ? ok({ home, view }) : unknown();
}

/** The live jobs of this project, the oldest first; not of those around it: a server of the home directory goes on. */
export function liveHere(home: Home, here: Here): JobView[] {
  return listLive(home)
    .sort((a, b) => a - b)
    .flatMap((id) => observe(home, id) ?? [])
    .filter((view) => view.kind === 'live' && view.spec.project === here.project);
}

/** The only live job of this home, wherever it belongs; undefined if there is none, or more than one. */
export function soleLiveElsewhere(home: Home): JobView | undefined {
  const live = listLive(home)
    .flatMap((id) => observe(home, id) ?? [])
    .filter(({ kind }) => kind === 'live');
  return live.length === 1 ? live[0] : undefined;
}
