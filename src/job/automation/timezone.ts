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

/** The zone of the call. A value that is no name, no path and no known POSIX string counts as UTC. */
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
  return { timezone: named ?? zoneOfFile(name) ?? posixZone(name) ?? 'UTC', unread: tz };
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

/** A POSIX string: names, hours to the west of Greenwich, the rule of summer time. */
interface Posix {
  name: string;
  minutes: number;
  /** The name of summer time; undefined: there is none. */
  summer: string | undefined;
  rule: string | undefined;
}

const NAME = '([A-Za-z]{3,}|<[A-Za-z0-9+-]{3,}>)';
const HOURS = '([+-]?)(\\d{1,2})(?::?([0-5]\\d))?(?::?00)?';
const POSIX = new RegExp(`^${NAME}${HOURS}(?:${NAME}(?:${HOURS})?(?:,(.+))?)?$`);

function readPosix(text: string): Posix | undefined {
  const match = POSIX.exec(text);
  if (!match) return undefined;
  const [, name = '', sign, hours, rest, summer, summerSign, summerHours, summerRest, rule] = match;
  const minutesOf = (of: string | undefined, whole: string, part = '0') =>
    (of === '-' ? -1 : 1) * (Number(whole) * 60 + Number(part));
  const minutes = minutesOf(sign, hours!, rest);
  // all zones below put the clock forward by an hour
  if (summerHours !== undefined && minutes - minutesOf(summerSign, summerHours, summerRest) !== 60)
    return undefined;
  return { name, minutes, summer, rule: rule?.replace(/\/0?2(:00)*(?=,|$)/g, '') };
}

const AMERICA = 'M3.2.0,M11.1.0';
const AUSTRALIA = 'M10.1.0,M4.1.0/3';
/** POSIX strings as they stand in images of routers and containers, and as the files of these zones end. */
const POSIX_ZONES: [text: string, zone: string][] = [
  [`NST3:30NDT,${AMERICA}`, 'America/St_Johns'],
  [`AST4ADT,${AMERICA}`, 'America/Halifax'],
  [`EST5EDT,${AMERICA}`, 'America/New_York'],
  [`CST6CDT,${AMERICA}`, 'America/Chicago'],
  [`MST7MDT,${AMERICA}`, 'America/Denver'],
  [`PST8PDT,${AMERICA}`, 'America/Los_Angeles'],
  [`AKST9AKDT,${AMERICA}`, 'America/Anchorage'],
  ['GMT0BST,M3.5.0/1,M10.5.0', 'Europe/London'],
  ['WET0WEST,M3.5.0/1,M10.5.0', 'Europe/Lisbon'],
  ['CET-1CEST,M3.5.0,M10.5.0/3', 'Europe/Berlin'],
  ['EET-2EEST,M3.5.0/3,M10.5.0/4', 'Europe/Athens'],
  [`ACST-9:30ACDT,${AUSTRALIA}`, 'Australia/Adelaide'],
  [`AEST-10AEDT,${AUSTRALIA}`, 'Australia/Sydney'],
  ['NZST-12NZDT,M9.5.0,M4.1.0/3', 'Pacific/Auckland'],
  ['IST-5:30', 'Asia/Kolkata'],
  ['<+0330>-3:30', 'Asia/Tehran'],
  ['<+0430>-4:30', 'Asia/Kabul'],
  ['<+0545>-5:45', 'Asia/Kathmandu'],
  ['<+0630>-6:30', 'Asia/Yangon'],
  ['ACST-9:30', 'Australia/Darwin'],
];

/**
 * `JST-9`: always the same whole hours; POSIX and `Etc/GMT-9` both count them to the west. Otherwise the zone
 * with the same names, or with the same hours and the same rule. A rule that no zone here has means none.
 */
function posixZone(text: string): string | undefined {
  const given = readPosix(text);
  if (!given) return undefined;
  const { minutes, summer, rule } = given;
  if (summer === undefined && minutes % 60 === 0)
    return zoneNamed(minutes === 0 ? 'UTC' : `Etc/GMT${minutes < 0 ? '-' : '+'}${Math.abs(minutes / 60)}`);
  const likely = POSIX_ZONES.map(([known, zone]) => ({ ...readPosix(known)!, zone })).filter(
    (one) =>
      one.minutes === minutes &&
      (summer === undefined ? one.summer === undefined : rule === undefined || rule === one.rule),
  );
  const named = likely.find((one) => one.name === given.name && one.summer === summer);
  const isMeant = summer === undefined || rule !== undefined;
  return named?.zone ?? (isMeant ? likely[0]?.zone : undefined);
}
