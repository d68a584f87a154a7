/**
 * What systemd-logind ends when a session does. In the scope of a session it ends all of it, if it is told to (KillUserProcesses): then
 * lingering helps only what was started below the user's own systemd; and that one ends with the user's last session, unless the
 * user lingers (systemd-run(1), logind.conf(5)).
 */
import { existsSync } from 'node:fs';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { namesIn, readSystemText } from '../../base/fs/read-record.ts';
import { ignoreSystemError } from '../../base/result.ts';
import type { Finding } from './findings.ts';

const LINGERING = '/var/lib/systemd/linger';
/** The first of them counts, of the same name in their `logind.conf.d` too. */
const PLACES = ['/etc/systemd', '/run/systemd', '/usr/local/lib/systemd', '/usr/lib/systemd'];

/** The texts of logind's configuration, in the order in which they count: the last says. */
function configuration(): string[] {
  const main = PLACES.map((place) => readSystemText(join(place, 'logind.conf'))).find(Boolean);
  const added = new Map<string, string>();
  for (const place of PLACES)
    for (const name of namesIn(join(place, 'logind.conf.d')))
      if (name.endsWith('.conf') && !added.has(name))
        added.set(name, readSystemText(join(place, 'logind.conf.d', name)));
  return [main ?? '', ...[...added].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, text]) => text)];
}

/** What a key is set to; where it is not, what the comment in the main file says of this build's default. */
function setting(texts: string[], key: string): string {
  const last = (pattern: RegExp) => [...texts.join('\n').matchAll(pattern)].at(-1)?.[1];
  const set = last(new RegExp(`^[ \\t]*${key}[ \\t]*=[ \\t]*(.*?)[ \\t]*$`, 'gm'));
  return set ?? last(new RegExp(`^#[ \\t]*${key}=(.*)$`, 'gm')) ?? '';
}

/** Whether the processes of a user are ended with their session, as manager_shall_kill of logind decides it. */
function endsProcesses(user: string): boolean {
  const texts = configuration();
  const list = (key: string) => setting(texts, key).split(/\s+/).filter(Boolean);
  const [excluded, only] = [list('KillExcludeUsers'), list('KillOnlyUsers')];
  if ((excluded.length > 0 ? excluded : ['root']).includes(user)) return false;
  if (only.length > 0) return only.includes(user);
  return /^(yes|y|true|t|on|1)$/i.test(setting(texts, 'KillUserProcesses'));
}

function userName(): string {
  try {
    return userInfo().username;
  } catch (thrown) {
    ignoreSystemError(thrown);
    return String(process.getuid!());
  }
}

/** Whether logind, or the user's systemd, ends what is started here with the session. */
export function checkLogin(): Finding[] {
  const text = readSystemText('/proc/self/cgroup');
  const group = /^(?:0:|\d+:name=systemd):(\/.+)$/m.exec(text)?.[1] ?? '';
  const user = userName();
  if (/\/user@\d+\.service(\/|$)/.test(group))
    return existsSync(join(LINGERING, user)) ? [] : [{ code: 'not-lingering', user }];
  const unit = /\/(session-[^/]+\.scope)(\/|$)/.exec(group)?.[1];
  return unit !== undefined && endsProcesses(user) ? [{ code: 'session-ends-jobs', unit }] : [];
}
