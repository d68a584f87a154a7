/** The job template of `cron add` and `trigger add`: its jobs start later, in an environment chosen now. */
import { basename } from 'node:path';
import { systemClock } from '../../base/clock.ts';
import { thisAdded } from '../../engine/launch/confinement.ts';
import { jobEnvironment } from '../../engine/launch/environment.ts';
import { moveDraft } from '../../engine/launch/moved-draft.ts';
import { requireTools } from '../../engine/launch/required-tools.ts';
import type { JobTemplate } from '../../job/automation/template-records.ts';
import { fail, ok, type Result } from '../../job/failure.ts';
import { isName } from '../../job/home/project.ts';
import { isOfSession } from '../../job/session.ts';
import type { Input } from '../command/command.ts';
import type { Context } from '../command/context.ts';
import { badVariableName, scriptOnStdin } from '../messages/automation.ts';
import { notAName } from '../messages/usage.ts';
import { DRAFT_OPTIONS, draftOf, NOT_GIVEN } from '../run/draft.ts';
import { checkQueueName } from '../run/queue-options.ts';

const { cwd, env, tag, split, timeout, grace } = DRAFT_OPTIONS;

export const TEMPLATE_OPTIONS = {
  name: { kind: 'text', short: '-n', value: 'NAME', text: 'the name, also of its jobs', group: 'With add' },
  'pass-env': {
    kind: 'list',
    value: 'NAMES',
    text: 'variables of this call to pass to its jobs, in addition to PATH, HOME, LANG, SHELL',
  },
  queue: { ...DRAFT_OPTIONS.queue, group: 'Its jobs' },
  on: DRAFT_OPTIONS.on,
  cwd: { kind: cwd.kind, short: cwd.short, value: cwd.value, text: 'run its jobs in DIR' },
  env,
  'env-file': DRAFT_OPTIONS['env-file'],
  tag,
  timeout,
  'idle-timeout': DRAFT_OPTIONS['idle-timeout'],
  grace,
  'max-log': DRAFT_OPTIONS['max-log'],
  'on-max-log': DRAFT_OPTIONS['on-max-log'],
  memory: DRAFT_OPTIONS.memory,
  'on-exit': DRAFT_OPTIONS['on-exit'],
  split,
  'no-pipefail': DRAFT_OPTIONS['no-pipefail'],
} as const;
type TemplateInput = Input<typeof TEMPLATE_OPTIONS>;

/** The names in lists with commas, each once. */
export const namesOf = (list: string[]): string[] => [
  ...new Set(list.flatMap((text) => text.split(',')).filter((name) => name !== '')),
];

const ALWAYS = ['PATH', 'HOME', 'LANG', 'SHELL'];

/** Options of `run` that a template does not have. */
const NOT_ASKED: Pick<
  Input<typeof DRAFT_OPTIONS>['options'],
  Exclude<keyof typeof DRAFT_OPTIONS, keyof typeof TEMPLATE_OPTIONS>
> = {
  // of --notify and --tell: the user of this call may not be there then
  ...NOT_GIVEN,
  ...{ reuse: false, replace: false },
};

function passedNames(names: string[]): Result<string[]> {
  const wrong = names.find((name) => !/^[A-Za-z_][A-Za-z0-9_]*$/.test(name));
  if (wrong !== undefined) return fail(badVariableName(wrong));
  return ok([...new Set([...ALWAYS, ...names])].filter((name) => !isOfSession(name)));
}

/** A free name, made from the command: `backup.sh`, `backup.sh-2`. */
function nameFrom(words: string[], isTaken: (name: string) => boolean): string {
  const first = basename((words[0] ?? '').trim().split(/\s+/)[0] ?? '');
  const clean = first
    .replace(/[^A-Za-z0-9._-]/g, '')
    .replace(/^[^A-Za-z0-9]+/, '')
    .slice(0, 50);
  const name = isName(clean) ? clean : `job-${clean}`.replace(/-$/, '');
  for (let n = 1; ; n++) {
    const one = n === 1 ? name : `${name}-${n}`;
    if (!isTaken(one)) return one;
  }
}

/**
 * Checks everything that can be refused, and writes nothing. `words`: the command. `timezone`: --tz, as it was
 * given.
 */
export function parseTemplate(
  context: Context,
  { options, separated }: Pick<TemplateInput, 'options' | 'separated'>,
  words: string[],
  isTaken: (name: string) => boolean,
  timezone: string | null = null,
): Result<{ template: JobTemplate; passed: string[] }> {
  if (options.name !== null && !isName(options.name)) return fail(notAName('--name', options.name));
  if (options.queue !== null) {
    const queue = checkQueueName(options.queue);
    if (!queue.ok) return queue;
  }
  if (words[0] === '-' && !separated) return fail(scriptOnStdin());
  const asked = namesOf(options['pass-env']);
  const names = passedNames(asked);
  if (!names.ok) return names;
  const chosen = Object.fromEntries(
    names.value.flatMap((name) => (context.env[name] === undefined ? [] : [[name, context.env[name]]])),
  );
  const drafted = draftOf(
    context,
    { options: { ...NOT_ASKED, ...options, name: null, queue: null }, words, separated },
    { wish: null, slots: null, retry: 0, backoffMs: 0, retryOn: null },
  );
  if (!drafted.ok) return drafted;
  const equipped = requireTools(drafted.value);
  if (!equipped.ok) return equipped;
  const {
    scriptBytes: _,
    inputCopy: __,
    environment: ___,
    payload: ____,
    parent: _____,
    session: ______,
    ...resolved
  } = drafted.value;
  // its jobs run where the link leads when they start
  const { cwdLink } = resolved;
  const draft = cwdLink === null ? resolved : { ...moveDraft(resolved, cwdLink), cwdLink: null };
  const { target } = draft;
  // the environment of the call stays here; a variable that is named is meant for the job there
  const there = target ? Object.keys(chosen).filter((name) => asked.includes(name)) : [];
  const env = [
    ...there.map((name) => `${name}=${chosen[name]}`),
    // here, because a restart uses these, too; TZ of --pass-env is meant for the job alone
    ...(timezone === null || 'TZ' in chosen ? [] : [`TZ=${timezone}`]),
    ...draft.env,
    ...(target || draft.env.some((one) => one.startsWith('PWD=')) ? [] : [`PWD=${draft.cwd}`]),
  ];
  const { environment, changedVariables } = jobEnvironment(chosen, { ...draft, env }, undefined, true);
  const template: JobTemplate = {
    v: 1,
    name: options.name ?? nameFrom(words, isTaken),
    draft: { ...draft, env, changedVariables, placement: null },
    // an older scheduler would start its jobs on this machine, and without the limit
    needs: [...(target ? ['target'] : []), ...(draft.memory !== null ? ['memory'] : [])],
    queue: options.queue,
    environment,
    ...thisAdded(),
    umask: process.umask(),
    createdAt: systemClock.now(),
  };
  return ok({ template, passed: target ? there : Object.keys(chosen) });
}
