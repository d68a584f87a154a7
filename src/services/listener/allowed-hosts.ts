/**
 * The names in a Host header that mean this listener. A web page can lead a browser to 127.0.0.1 under a name
 * of its own (DNS rebinding); that name shows it.
 */
import { hostname, networkInterfaces } from 'node:os';
import { hostText, isLoopback, isWildcard } from '../../job/automation/trigger.ts';

/** The address itself, loopback, and if others can reach it, the names and addresses of this machine. */
export function ownHosts(host: string): Set<string> {
  const hosts = [host, '127.0.0.1', '::1', 'localhost'];
  if (!isLoopback(host)) {
    const name = hostname();
    const short = name.split('.')[0]!;
    hosts.push(name, short, `${short}.local`);
  }
  if (isWildcard(host))
    for (const addresses of Object.values(networkInterfaces()))
      hosts.push(...(addresses ?? []).map(({ address }) => address));
  return new Set(hosts.map((one) => hostText(one).toLowerCase()));
}

/** Without its port. */
export const hostOf = (header: string | undefined): string | undefined =>
  /^(\[[0-9a-f:.]+\]|[a-z0-9._-]+)(:\d{1,5})?$/i.exec(header ?? '')?.[1]?.toLowerCase();
