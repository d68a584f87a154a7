/**
 * Which keys of a spec the program that starts a job must know. A job that waits is started by another process than the one that
 * added it, perhaps of another version, and a reader drops the keys that it does not know: without `needs` an older supervisor
 * would run the job without its stdin, its terminal or its --on-exit, and nobody would be told.
 */

import type { Shaped } from '../base/schema.ts';
import type { draftSchema, Spec } from './spec.ts';

type DraftFields = Shaped<typeof draftSchema>;

/**
 * Each key of a draft: `known` to every program that knows queues, or when the job needs a program that knows it. A new key is not
 * compiled before it stands here.
 */
const NEEDED: { [K in keyof DraftFields]: 'known' | ((value: DraftFields[K]) => boolean) } = {
  name: 'known',
  argv: 'known',
  line: 'known',
  words: 'known',
  // the path of the script stands in argv
  script: 'known',
  cwd: 'known',
  project: 'known',
  tags: 'known',
  env: 'known',
  keepEnv: 'known',
  timeoutMs: 'known',
  idleTimeoutMs: 'known',
  graceMs: 'known',
  maxLogBytes: 'known',
  onMaxLog: 'known',
  split: 'known',
  placement: 'known',
  retry: 'known',
  backoffMs: 'known',
  stdin: (stdin) => stdin !== null,
  pty: (size) => size !== null,
  onExit: (line) => line !== null,
  notify: (notice) => notice !== null,
};

type Needing = Pick<DraftFields, 'stdin' | 'pty' | 'onExit' | 'notify' | 'placement'>;

/** What the program that starts this job must know; nothing if it does not wait: the program that adds it starts it. */
export function needsOf(draft: Needing): string[] {
  if (draft.placement === null) return [];
  return Object.entries(NEEDED).flatMap(([key, isNeeded]) =>
    isNeeded !== 'known' && (isNeeded as (value: unknown) => boolean)(draft[key as keyof Needing])
      ? [key]
      : [],
  );
}

/** What a program that `knows` so much does not know of what a job needs. */
export const missingOf = (needs: string[], knows: string[]): string[] =>
  needs.filter((key) => !knows.includes(key));

/** What this program knows of what a job may need. */
export const KNOWN_NEEDS = Object.entries(NEEDED).flatMap(([key, needed]) =>
  needed === 'known' ? [] : [key],
);

/** What this program does not know of what a job needs: it must not start the job. */
export const unknownNeeds = ({ needs }: Pick<Spec, 'needs'>): string[] => missingOf(needs, KNOWN_NEEDS);

/** Why this program starts no job for something that needs more than it knows; null: it knows all. */
export function whyUnable(needing: Pick<Spec, 'needs'>): string | null {
  const unknown = unknownNeeds(needing);
  return unknown.length === 0 ? null : `a newer bgjob added it; this one does not know ${needText(unknown)}`;
}

/** What a job needs, as it is typed: `onExit` is `--on-exit`. */
export const needText = (needs: string[]): string =>
  needs.map((key) => `--${key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`).join(', ');
