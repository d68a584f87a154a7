/** The event of a webhook, which its sender names in a header, and whether a trigger starts a job for it. */
import type { Trigger } from '../../job/automation/trigger.ts';

/** Of GitHub (Gitea and Forgejo send it, too), Gitea, GitLab, Bitbucket. The first that exists counts. */
const EVENT_HEADERS = ['x-github-event', 'x-gitea-event', 'x-gitlab-event', 'x-event-key'];
const LONGEST_EVENT = 100;

const PING = 'event ping: the trigger works, and a ping starts no job';

export function eventIn(header: (name: string) => string | undefined): string | null {
  const event = EVENT_HEADERS.map(header).find((one) => one !== undefined);
  return event === undefined ? null : event.slice(0, LONGEST_EVENT);
}

/** Bitbucket's is that of its *Test connection*. */
const isPing = (event: string | null): boolean => event === 'ping' || event === 'diagnostics:ping';

/** GitLab's `Merge Request Hook` is `merge_request`, as in the body that it sends. */
const plainName = (event: string): string =>
  event
    .trim()
    .toLowerCase()
    .replace(/ hook$/, '')
    .replaceAll(' ', '_');

/** Why a genuine delivery starts no job; undefined: it starts one. */
export function whyIgnored({ events, needs }: Trigger, event: string | null): string | undefined {
  if (events.length === 0) {
    // an older bgjob drops the list when it writes the record
    if (needs.includes('event')) return 'an older bgjob lost the list of --event: add the trigger again';
    return isPing(event) ? PING : undefined;
  }
  if (event !== null && events.some((one) => plainName(one) === plainName(event))) return undefined;
  if (isPing(event)) return PING;
  const what = event === null ? `no header ${HEADER_NAMES}` : `event ${event}`;
  return `${what}: this trigger starts jobs for --event ${events.join(',')}`;
}

const HEADER_NAMES = 'X-GitHub-Event, X-Gitea-Event, X-Gitlab-Event or X-Event-Key';
