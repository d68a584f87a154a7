/** `--session[=ID]`: jobs of one agent session. Only this option narrows a call to a session. */
import { fail, ok, type Result } from '../../job/failure.ts';
import { parseSession, type Session } from '../../job/session.ts';
import { noSession, notASession } from '../messages/usage.ts';
import type { Context } from './context.ts';

export const SESSION_OPTION = {
  kind: 'optional-text',
  value: 'ID',
  text: 'jobs of this agent session (ID or HOST:ID); without =ID: of the session of the call',
} as const;

/** The session that is asked for; null: the option was not given. */
export function parseSessionOption(
  context: Context,
  asked: { text: string | null } | null,
): Result<Session | null> {
  if (asked === null) return ok(null);
  if (asked.text === null) {
    const own = context.session();
    // any host: the host of a hook and that of a job may call one session by two names
    return own ? ok({ host: null, id: own.id }) : fail(noSession());
  }
  const named = parseSession(asked.text);
  return named ? ok(named) : fail(notASession(asked.text));
}
