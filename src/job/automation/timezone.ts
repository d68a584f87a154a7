/**
 * Time zones: the zone that a name or the TZ of the call means. Node knows names alone. It counts other
 * values of TZ as UTC, or as the zone of the machine, and says nothing. Of some it makes a name that it
 * cannot read itself (`Etc/Unknown` of an empty TZ, `GMT+03:00`).
 */
import { realpathSync } from 'node:fs';
import { attemptQuietly } from '../../base/result.ts';

/** The zone of a name, as Node writes it; undefined if there is none. Capitals do not matter. */
export function zoneNamed(name: string): string | undefined {
  try {
    return new Intl.DateTimeFormat('en', { timeZone: name }).resolvedOptions().timeZone;
  } catch {
    // a RangeError, whatever the text is
    return undefined;
  }
}

interface CallerZone {
  timezone: string;
  /** TZ, if it is set and is not the name of a zone. */
  unread: string | null;
}

/** The zone of the call. What is neither a name, a path nor a fixed offset counts as UTC. */
export function callerZone(tz: string | undefined): CallerZone {
  if (tz === undefined) {
    const machine = new Intl.DateTimeFormat().resolvedOptions().timeZone ?? 'UTC';
    return { timezone: zoneNamed(machine) ?? 'UTC', unread: null };
  }
  const name = tz.replace(/^:/, '');
  const named = zoneNamed(name.replace(/^(posix|right)\//, ''));
  // the C library knows no `europe/berlin`: it counts as UTC there
  const isMiswritten = named !== undefined && named !== name && named.toLowerCase() === name.toLowerCase();
  if (named !== undefined && !isMiswritten) return { timezone: named, unread: null };
  return { timezone: named ?? zoneOfFile(name) ?? fixedZone(name) ?? 'UTC', unread: tz };
}

const ZONE_FILE = /\/zoneinfo[^/]*\/(?:posix\/|right\/)?(.+)$/;

/** `/etc/localtime` is a link to a file that has the name of a zone. */
function zoneOfFile(name: string): string | undefined {
  const path = name.startsWith('/') ? name : `/usr/share/zoneinfo/${name}`;
  for (const one of [path, name === '' ? undefined : attemptQuietly(() => realpathSync(path))]) {
    const zone = ZONE_FILE.exec(one ?? '')?.[1];
    if (zone !== undefined && zoneNamed(zone) !== undefined) return zoneNamed(zone);
  }
  return undefined;
}

/** `JST-9`, `<+03>-3`: always the same whole hours. POSIX and `Etc/GMT-9` both count them to the west. */
function fixedZone(name: string): string | undefined {
  const match = /^(?:[A-Za-z]{3,}|<[A-Za-z0-9+-]{3,}>)([+-]?)0?(\d{1,2})(?::?00){0,2}$/.exec(name);
  return match ? zoneNamed(match[2] === '0' ? 'UTC' : `Etc/GMT${match[1] || '+'}${match[2]}`) : undefined;
}
