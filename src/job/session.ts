/**
 * The session of a job: the conversation of a coding agent in which it was started. The agent's host names
 * it in a variable, and a job hands that on to the jobs that it starts. The session decides which agent is
 * told of an end. It decides no verdict.
 */
import * as is from '../base/schema.ts';

export const sessionSchema = is.object({
  /** The agent's program, `claude` for example; null: BGJOB_SESSION does not name it. */
  host: is.nullable(is.text),
  id: is.text,
});
export type Session = is.SchemaType<typeof sessionSchema>;

const VARIABLE = 'BGJOB_SESSION';
/** The variables of the hosts; the first one that is set counts. */
const HOST_VARIABLES = { claude: 'CLAUDE_CODE_SESSION_ID', codex: 'CODEX_THREAD_ID' } as const;

const FORM = /^[A-Za-z0-9._:-]{1,128}$/;

/** `HOST:ID` or `ID`; undefined: it is neither. */
export function parseSession(text: string): Session | undefined {
  if (!FORM.test(text)) return undefined;
  const colon = text.indexOf(':');
  if (colon < 0) return { host: null, id: text };
  const [host, id] = [text.slice(0, colon), text.slice(colon + 1)];
  return host === '' || id === '' ? undefined : { host, id };
}

/** Whether BGJOB_SESSION is set, and is no session. */
export const hasBadSession = (env: NodeJS.ProcessEnv): boolean =>
  Boolean(env[VARIABLE]) && parseSession(env[VARIABLE]!) === undefined;

/** The session that a host names with this id; null: no job can have it. A colon is a part of the id. */
export const sessionOfHost = (host: string, id: string | null | undefined): Session | null =>
  FORM.test(id ?? '') ? { host, id: id! } : null;

/** The session that an environment names; null: none. */
export function sessionIn(env: NodeJS.ProcessEnv): Session | null {
  const own = parseSession(env[VARIABLE] ?? '');
  if (own) return own;
  for (const [host, name] of Object.entries(HOST_VARIABLES)) {
    const session = sessionOfHost(host, env[name]);
    if (session) return session;
  }
  return null;
}

/** Whether they are one session. The ids decide: several hosts run the same hooks, and each says its own name. */
export const isSameSession = (one: Session | null, other: Session | null): boolean =>
  one !== null && other !== null && one.id === other.id;

/** Whether a session is the one that `--session=[HOST:]ID` names. */
export const isNamedSession = (named: Session, session: Session | null): boolean =>
  isSameSession(named, session) && (named.host === null || named.host === session?.host);

/** `claude:ID`, or `ID` where the host is not known. */
export const sessionText = ({ host, id }: Session): string => (host === null ? id : `${host}:${id}`);

const nameOf = (entry: string): string => entry.slice(0, entry.indexOf('='));

/** With these a process can speak in the session: no job, stored environment or schedule has them. */
const SECRETS = ['CLAUDE_CODE_MESSAGING_SOCKET', 'CLAUDE_CODE_MESSAGING_TOKEN'];
export const withoutSecrets = (environment: string[]): string[] =>
  environment.filter((entry) => !SECRETS.includes(nameOf(entry)));

const VARIABLES = [VARIABLE, ...Object.values(HOST_VARIABLES)];
/** Whether a variable belongs to one session: a schedule, which outlives the session, does not have it. */
export const isOfSession = (name: string): boolean => VARIABLES.includes(name) || SECRETS.includes(name);

/**
 * The environment (`NAME=value`) in which a job of this session runs: a bgjob that the job calls finds the
 * same session there. Variables that the user set with -e (`env`) stay. A host that the job starts sets its
 * own variable, so the variable of the session's host is used, and not BGJOB_SESSION, which comes first.
 */
export function withSession(
  environment: string[],
  { session, env }: { session: Session | null; env: string[] },
): string[] {
  const chosen = new Set(env.map(nameOf));
  const names = VARIABLES.filter((name) => !chosen.has(name));
  const given = environment.filter((entry) => names.includes(nameOf(entry)));
  const named = sessionIn(
    Object.fromEntries(given.map((entry) => [nameOf(entry), entry.slice(nameOf(entry).length + 1)])),
  );
  if ((named && sessionText(named)) === (session && sessionText(session))) return environment;
  const others = environment.filter((entry) => !given.includes(entry));
  if (session === null) return others;
  const variable = Object.entries(HOST_VARIABLES).find(([host]) => host === session.host)?.[1];
  return [...others, variable ? `${variable}=${session.id}` : `${VARIABLE}=${sessionText(session)}`];
}
