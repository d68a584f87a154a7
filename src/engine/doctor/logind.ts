/**
 * Checks two ways in which systemd ends jobs. A service ends with all its processes. With KillUserProcesses
 * systemd-logind ends all processes in the scope of a session that ends; lingering then helps only processes
 * below the user's own systemd. That one ends with the user's last session, unless the user lingers
 * (systemd-run(1), logind.conf(5)).
 */
import { existsSync } from 'node:fs';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { namesIn, readSystemText } from '../../base/fs/read-record.ts';
import { attemptQuietly } from '../../base/result.ts';
import { controlGroup, endingService, serviceIn } from '../os/early-ends.ts';
import type { Finding } from './findings.ts';

const LINGERING = '/var/lib/systemd/linger';
/** The first logind.conf counts; of files with the same name in `logind.conf.d` folders the first, too. */
const FOLDERS = ['/etc/systemd', '/run/systemd', '/usr/local/lib/systemd', '/usr/lib/systemd'];

/** The texts of logind's configuration in order: the last setting counts. */
function configuration(): string[] {
  const main = FOLDERS.map((folder) => readSystemText(join(folder, 'logind.conf'))).find(Boolean);
  const added = new Map<string, string>();
  for (const folder of FOLDERS)
    for (const name of namesIn(join(folder, 'logind.conf.d')))
      if (name.endsWith('.conf') && !added.has(name))
        added.set(name, readSystemText(join(folder, 'logind.conf.d', name)));
  return [main ?? '', ...[...added].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, text]) => text)];
}

/** The value of a key; if it is not set, the default that the comment in the main file gives. */
function setting(texts: string[], key: string): string {
  const last = (pattern: RegExp) => [...texts.join('\n').matchAll(pattern)].at(-1)?.[1];
  const set = last(new RegExp(`^[ \\t]*${key}[ \\t]*=[ \\t]*(.*?)[ \\t]*$`, 'gm'));
  return set ?? last(new RegExp(`^#[ \\t]*${key}=(.*)$`, 'gm')) ?? '';
}

/** Whether logind ends the processes of a user with the session, by the rules of its manager_shall_kill. */
function endsProcesses(user: string): boolean {
  const texts = configuration();
  const list = (key: string) => setting(texts, key).split(/\s+/).filter(Boolean);
  const [excluded, only] = [list('KillExcludeUsers'), list('KillOnlyUsers')];
  if ((excluded.length > 0 ? excluded : ['root']).includes(user)) return false;
  if (only.length > 0) return only.includes(user);
  return /^(yes|y|true|t|on|1)$/i.test(setting(texts, 'KillUserProcesses'));
}

/** What systemd ends: the service of this process with all in it, or what its user or session started. */
export function checkSystemd(): Finding[] {
  const group = controlGroup();
  const service = serviceIn(group);
  const ending = service && endingService(service);
  if (ending) return [{ code: 'service-ends-jobs', service: ending }];
  const user = attemptQuietly(() => userInfo().username) ?? String(process.getuid!());
  if (/\/user@\d+\.service(\/|$)/.test(group))
    return existsSync(join(LINGERING, user)) ? [] : [{ code: 'not-lingering', user }];
  const unit = /\/(session-[^/]+\.scope)(\/|$)/.exec(group)?.[1];
  return unit !== undefined && endsProcesses(user) ? [{ code: 'session-ends-jobs', unit }] : [];
}
