/** `--tell`: the option, whether it can work here, and what became of it. */
import { tellOf } from '../../engine/hooks/message-status.ts';
import { findCommand } from '../../engine/os/programs.ts';
import { fail, ok, type Result } from '../../job/failure.ts';
import type { Home } from '../../job/home/home.ts';
import type { Session } from '../../job/session.ts';
import { NOTIFY_WHENS, type NotifyWhen, type Tell } from '../../job/spec.ts';
import type { JobView } from '../../job/view.ts';
import { noAgentToTell, noCodexToTell, tellText } from '../messages/run.ts';
import { notOneOf } from '../messages/usage.ts';
import type { Warning } from '../messages/warnings.ts';

export const TELL_OPTIONS = {
  tell: {
    kind: 'optional-text',
    value: 'always|failure|never',
    text: 'queue its end into the thread of Codex that runs this: starts a turn there, which costs tokens',
  },
} as const;

/** What `codex queue` needs of the environment of the call. */
const VARIABLES = ['PATH', 'HOME', 'CODEX_HOME', 'LANG', 'TMPDIR'];

export const tellEnvironment = (env: NodeJS.ProcessEnv): string[] =>
  VARIABLES.flatMap((name) => (env[name] === undefined ? [] : [`${name}=${env[name]}`]));

/** The part of the spec; `preferred`: what config.json says if the option is not given. */
export function parseTell(
  env: NodeJS.ProcessEnv,
  asked: { text: string | null } | null,
  preferred: NotifyWhen | null,
  session: Session | null,
): Result<Tell | null> {
  const text = asked === null ? (preferred ?? 'never') : (asked.text ?? 'always');
  const when = NOTIFY_WHENS.find((one) => one === text);
  if (when === undefined)
    return fail(notOneOf('--tell', text, NOTIFY_WHENS, 'bgjob run --tell=failure -- command'));
  // no other host takes a message from outside
  return ok(when === 'never' || session?.host !== 'codex' ? null : { when, env: tellEnvironment(env) });
}

/** That no agent will be told. Only for a call with the option: config.json asks for it everywhere. */
export function tellWarnings(
  env: NodeJS.ProcessEnv,
  asked: { text: string | null },
  tell: Tell | null,
): Warning[] {
  if (asked.text === 'never') return [];
  if (tell === null) return [noAgentToTell()];
  return findCommand('codex', env['PATH'], '/').ok ? [] : [noCodexToTell()];
}

/** `queued into the thread of Codex`; undefined: the job was started without --tell. */
export function tellRow(home: Home, view: JobView): string | undefined {
  const told = tellOf(home, view);
  return told && 'spec' in view && view.spec.tell ? tellText(told, view.spec.tell) : undefined;
}

/** The same in JSON; null: the job was started without --tell. */
export function tellObject(home: Home, view: JobView): object | null {
  const told = tellOf(home, view);
  if (!told || !('spec' in view) || !view.spec.tell) return null;
  return { when: view.spec.tell.when, state: told.kind, reason: told.kind === 'failed' ? told.why : null };
}
