/**
 * The live jobs that `kill --queue`, `--tag` and `--all` mean: those of this project, or of all. The job in
 * which the call is made and those that started it are left out, and so are scheduler and listener: only a
 * reference stops them.
 */
import { statSync } from 'node:fs';
import { callerJobs } from '../../engine/observe/caller-jobs.ts';
import { observe } from '../../engine/observe/observe.ts';
import { liveHere } from '../../engine/observe/resolve.ts';
import { listUnended } from '../../engine/observe/unended.ts';
import { fail, ok, type Result } from '../../job/failure.ts';
import type { Home } from '../../job/home/home.ts';
import { givenIds } from '../../job/home/ids.ts';
import type { Session } from '../../job/session.ts';
import type { JobId } from '../../job/spec.ts';
import type { JobView } from '../../job/view.ts';
import type { Context } from '../command/context.ts';
import { parseTags } from '../command/tags.ts';
import { groupRefusal } from '../messages/control.ts';
import { EVERYTHING, isAsked, requireQueues } from './job-filter.ts';

export interface GroupOptions {
  all: boolean;
  queue: string[];
  tag: string[];
  session: Session | null;
  'all-projects': boolean;
}

export const isGroup = ({ all, queue, tag, session }: GroupOptions): boolean =>
  all || session !== null || queue.length + tag.length > 0;

/** Fails where words and options do not go together. */
export function checkGroup(options: GroupOptions, words: string[]): Result<void> {
  const { all, queue, tag } = options;
  const narrow = queue.length > 0 ? '--queue' : tag.length > 0 ? '--tag' : '--session';
  const everywhere = options['all-projects'];
  if (words.length > 0 && (isGroup(options) || everywhere))
    return fail(groupRefusal.reference(all ? '--all' : isGroup(options) ? narrow : '-a', words[0]!));
  if (all && queue.length + tag.length > 0) return fail(groupRefusal.all(narrow, (queue[0] ?? tag[0])!));
  if (words.length === 0 && !isGroup(options))
    return fail(everywhere ? groupRefusal.allProjects() : groupRefusal.nothing());
  return ok(undefined);
}

/**
 * The jobs of a group for a call that goes on: at first those that live, then those that were added since,
 * also if they have ended by now. `seen` has the ids that are known, and grows.
 */
export class GrowingGroup {
  private readonly seen = new Set<JobId>();
  private highest = 0;
  private changedMs = Number.NaN;
  private readonly callers: ReadonlySet<JobId>;

  constructor(
    private readonly context: Context,
    private readonly home: Home,
    private readonly queues: string[],
    private readonly everywhere: boolean,
  ) {
    this.callers = callerJobs(home, context.env);
  }

  /** The jobs of the group that were not returned before. */
  take(): JobView[] {
    const { home, seen } = this;
    const isFirst = this.highest === 0;
    const unended = listUnended(home);
    const changedMs = statSync(home.jobs).mtimeMs;
    // no job was added: most calls read no names of jobs
    const given = changedMs === this.changedMs ? [] : givenIds(home).filter((id) => id > this.highest);
    const ids = new Set([...unended, ...(isFirst ? [] : given)]);
    const fresh: JobView[] = [];
    let unknown = false;
    for (const id of [...ids].sort((a, b) => a - b)) {
      if (seen.has(id)) continue;
      const view = observe(home, id);
      // the job is being made, or its records cannot be read now: the next call reads it again
      if (!view || !('spec' in view)) {
        unknown = true;
        continue;
      }
      seen.add(id);
      const isMeant = view.kind === 'live' || (!isFirst && view.kind === 'ended');
      if (isMeant && this.isWanted(view)) fresh.push(view);
    }
    if (isFirst) this.highest = Math.max(1, ...given);
    if (!unknown) this.changedMs = changedMs;
    return fresh;
  }

  private isWanted(view: Exclude<JobView, { kind: 'unreadable' }>): boolean {
    const { queues, callers } = this;
    if (view.spec.origin?.kind === 'own' || callers.has(view.id)) return false;
    if (!this.everywhere && !this.context.here().projects.includes(view.spec.project)) return false;
    return isAsked({ ...EVERYTHING, queues }, view);
  }
}

export interface LiveGroup {
  /** By id. */
  views: JobView[];
  /** The job of the call and those that started it, where the options mean them. */
  callers: JobId[];
  /** So many jobs of other projects are not meant. */
  others: number;
}

/** `home` undefined: there is no home yet, and so no queue. */
export function liveGroup(
  context: Context,
  home: Home | undefined,
  { queue, tag, session, 'all-projects': everywhere }: GroupOptions,
): Result<LiveGroup> {
  const tags = parseTags(tag);
  if (!tags.ok) return tags;
  const queues = queue.flatMap((text) => text.split(','));
  const known = requireQueues(home, queues);
  if (!known.ok) return known;
  const group: LiveGroup = { views: [], callers: [], others: 0 };
  if (!home) return ok(group);
  const callers = callerJobs(home, context.env);
  const here = context.here();
  for (const view of liveHere(home, null)) {
    if (!('spec' in view) || view.spec.origin?.kind === 'own') continue;
    if (!isAsked({ ...EVERYTHING, queues, tags: tags.value, session }, view)) continue;
    if (!everywhere && !here.projects.includes(view.spec.project)) group.others++;
    else if (callers.has(view.id)) group.callers.push(view.id);
    else group.views.push(view);
  }
  return ok(group);
}
