/**
 * The keys of a spec that a program must know before it may start the job. A waiting job is started by
 * another process than the one that added it, perhaps of another version. A reader drops keys that it does
 * not know: without `needs` an older supervisor would run the job without its stdin, terminal or --on-exit,
 * and no message would say so.
 */
import type { SchemaType } from '../base/schema.ts';
import type { draftSchema, Spec } from './spec.ts';

type DraftFields = SchemaType<typeof draftSchema>;

/**
 * `known` to every program that knows queues, or a test whether the job needs a program that knows the key.
 * The compiler refuses a draft key that is not listed here.
 */
const NEEDED: { [K in keyof DraftFields]: 'known' | ((value: DraftFields[K]) => boolean) } = {
  name: 'known',
  argv: 'known',
  line: 'known',
  words: 'known',
  // the path of the script is in argv
  script: 'known',
  cwd: 'known',
  // the job runs in `cwd`
  cwdLink: 'known',
  project: 'known',
  tags: 'known',
  env: 'known',
  // for readers; the environment has been changed already
  changedVariables: 'known',
  keepEnv: 'known',
  timeoutMs: 'known',
  idleTimeoutMs: 'known',
  graceMs: 'known',
  maxLogBytes: 'known',
  onMaxLog: 'known',
  memory: (bytes) => bytes !== null,
  split: 'known',
  placement: 'known',
  target: (target) => target !== null,
  retry: 'known',
  backoffMs: 'known',
  retryOn: (codes) => codes !== null,
  stdin: (stdin) => stdin !== null,
  pty: (size) => size !== null,
  onExit: (line) => line !== null,
  notify: (notice) => notice !== null,
  tell: (tell) => tell !== null,
  // for readers
  server: 'known',
};

type Needing = Pick<
  DraftFields,
  'stdin' | 'pty' | 'onExit' | 'notify' | 'tell' | 'placement' | 'target' | 'memory' | 'retryOn'
>;

/** Empty for a job that does not wait: the program that adds it also starts it. */
export function needsOf(draft: Needing): string[] {
  if (draft.placement === null) return [];
  return Object.entries(NEEDED).flatMap(([key, isNeeded]) =>
    isNeeded !== 'known' && (isNeeded as (value: unknown) => boolean)(draft[key as keyof Needing])
      ? [key]
      : [],
  );
}

export const missingOf = (needs: string[], knows: string[]): string[] =>
  needs.filter((key) => !knows.includes(key));

export const KNOWN_NEEDS = Object.entries(NEEDED).flatMap(([key, needed]) =>
  needed === 'known' ? [] : [key],
);

/** Keys of schedules and triggers, which are in no spec. */
const TEMPLATE_NEEDS = ['event'];

/** If there are any, this program must not start the job. */
export const unknownNeeds = ({ needs }: Pick<Spec, 'needs'>): string[] => missingOf(needs, KNOWN_NEEDS);

/** Null: it may start the job, or the jobs of the template. */
export function whyUnable({ needs }: Pick<Spec, 'needs'>): string | null {
  const unknown = missingOf(needs, [...KNOWN_NEEDS, ...TEMPLATE_NEEDS]);
  return unknown.length === 0 ? null : `a newer bgjob added it; this one does not know ${needText(unknown)}`;
}

export const needText = (needs: string[]): string =>
  needs
    .map((key) =>
      key === 'target' ? '--on' : `--${key.replace(/[A-Z]/g, (one) => `-${one.toLowerCase()}`)}`,
    )
    .join(', ');
