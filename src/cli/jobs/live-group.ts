/**
 * Which live jobs `kill --queue`, `--tag` and `--all` mean: those of this project, or of all. Never the job in which the call is made nor
 * those that started it, and never the scheduler or a listener: these are named, or stay.
 */
import { safe } from '../../base/text/sanitize.ts';
import { liveHere } from '../../engine/observe/resolve.ts';
import { callerJobs } from '../../engine/wait/caller-jobs.ts';
import { fail, ok, type Result } from '../../job/failure.ts';
import type { Home } from '../../job/home/home.ts';
import type { JobId } from '../../job/spec.ts';
import type { JobView } from '../../job/view.ts';
import type { Context } from '../command/context.ts';
import { parseTags } from '../command/tags.ts';
import { jobs } from '../messages/job-text.ts';
import { EVERYTHING, isAsked, requireQueues } from './job-filter.ts';

export interface GroupOptions {
  all: boolean;
  queue: string[];
  tag: string[];
  'all-projects': boolean;
}

export const isGroup = ({ all, queue, tag }: GroupOptions): boolean => all || queue.length + tag.length > 0;

/** Fails where the words and options do not go together. */
export function checkGroup(options: GroupOptions, words: string[]): Result<void> {
  const { all, queue, tag } = options;
  const usage = (message: string, hint: string) => fail({ code: 'usage', message, hint });
  const narrow = queue.length > 0 ? '--queue' : '--tag';
  if (words.length > 0 && (isGroup(options) || options['all-projects']))
    return usage(
      `${all ? '--all' : isGroup(options) ? narrow : '-a'} and REF cannot be used together: "${safe(words[0]!)}"`,
      'one call for each of them',
    );
  if (all && queue.length + tag.length > 0)
    return usage(
      `--all and ${narrow} cannot be used together: --all is every job`,
      `bgjob kill ${narrow} ${safe((queue[0] ?? tag[0])!)}`,
    );
  if (words.length === 0 && !isGroup(options))
    return usage(
      options['all-projects']
        ? '-a needs --all, --queue or --tag'
        : 'kill needs REF..., --queue NAME, --tag TAG or --all',
      'bgjob ls',
    );
  return ok(undefined);
}

export interface LiveGroup {
  /** By id. */
  views: JobView[];
  /** That of the call, and those that started it, if they were meant. */
  callers: JobId[];
  /** How many of other projects are not meant. */
  others: number;
}

/** `home` undefined: there is none yet, and no queue. */
export function liveGroup(
  context: Context,
  home: Home | undefined,
  { queue, tag, 'all-projects': everywhere }: GroupOptions,
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
    if (!isAsked({ ...EVERYTHING, queues, tags: tags.value }, view)) continue;
    if (!everywhere && !here.projects.includes(view.spec.project)) group.others++;
    else if (callers.has(view.id)) group.callers.push(view.id);
    else group.views.push(view);
  }
  return ok(group);
}

/** What is said beside: where there is nothing to stop, and who was left out. */
export function groupNotes(options: GroupOptions, { views, callers, others }: LiveGroup): string[] {
  const where = [
    ...options.queue.map((name) => `in queue ${safe(name)}`),
    ...options.tag.map((tag) => `with tag ${safe(tag)}`),
    ...(options['all-projects'] ? [] : ['of this project']),
  ].join(' ');
  const nothing = `nothing to stop: no live job${where === '' ? '' : ` ${where}`}`;
  return [
    ...(callers.length > 0
      ? [
          `(left out: ${callers.join(' ')}, in which this is called; to stop it, too: bgjob kill ${callers.join(' ')})`,
        ]
      : []),
    ...(views.length > 0 ? [] : [`(${nothing}${callers.length > 0 ? ' but these' : ''})`]),
    ...(others > 0 ? [`(${jobs(others)} of other projects: -a)`] : []),
  ];
}
