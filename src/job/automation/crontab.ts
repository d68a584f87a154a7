/**
 * Expressions between crontab and croner: what crontab reads otherwise, what other programs understand in
 * this place, and the errors of croner as kinds.
 */
import type { ScheduleTrouble } from '../failure.ts';

export const fieldsOf = (text: string): string[] => text.split(/\s+/);

export interface DayFields {
  day: string;
  weekday: string;
  /** The same expression with the meaning that it has in crontab. */
  both: string;
}

/**
 * Day and weekday, if both are given and one is a step over `*`. Here a day that fits one of them is enough.
 * In crontab it must then fit both. Null also for what crontab cannot read.
 */
export function starFields(expression: string): DayFields | null {
  const fields = fieldsOf(expression.trim());
  if (fields.length !== 5 && fields.length !== 6) return null;
  const [day = '', , weekday = ''] = fields.slice(-3);
  const isPlain = /^[\d*,/-]+$/.test(day) && /^(?:[\d*,/-]|[a-z]{3})+$/i.test(weekday);
  if (!isPlain || day === '*' || weekday === '*') return null;
  if (!day.startsWith('*') && !weekday.startsWith('*')) return null;
  return { day, weekday, both: [...fields.slice(0, -1), `+${weekday}`].join(' ') };
}

/** `CRON_TZ=Europe/Berlin 0 3 * * *`, `@reboot`: forms of other programs. */
export function foreignForm(text: string): ScheduleTrouble | undefined {
  const [, zone, rest] = /^(?:CRON_)?TZ\s*=\s*["']?([^\s"']*)["']?(?:\s+(.*))?$/s.exec(text) ?? [];
  if (zone !== undefined) return { kind: 'zone-inside', zone, times: rest ?? null };
  return /^@reboot\b/i.test(text) ? { kind: 'reboot' } : undefined;
}

const RANGES: Record<string, string> = {
  second: '0-59',
  minute: '0-59',
  hour: '0-23',
  day: '1-31',
  month: '1-12',
  dayOfWeek: '0-7',
};

/** `0 3 * * * ./backup.sh`, `@daily ./backup.sh`: a line of crontab. In /etc/cron.d a user precedes the command. */
export function withCommand(
  text: string,
  isExpression: (text: string) => boolean,
): ScheduleTrouble | undefined {
  const [, times = '', rest = ''] = /^(@\w+|\S+(?:\s+\S+){4})\s+(.*)$/s.exec(text) ?? [];
  const command = rest.replace(/^root\s+(?=\S)/, '');
  // names of weekdays are no command
  const isCommand = times.startsWith('@') || /[a-z]{4}|[./~]/i.test(rest);
  const plain = fieldsOf(times).join(' ');
  return isCommand && isExpression(plain) ? { kind: 'command-inside', times: plain, command } : undefined;
}

/** An error of croner as one of our kinds. */
export function troubleOf(error: string, text: string): ScheduleTrouble {
  const message = error.replace(/^CronPattern: (Syntax error, )?/, '');
  const [, name, number] = /^Invalid value for (\w+): (-?\d+)$/.exec(message) ?? [];
  const range = RANGES[name ?? ''];
  if (name !== undefined && range !== undefined) {
    // croner counts days and months from 0
    const value = Number(number) + (name === 'day' || name === 'month' ? 1 : 0);
    const field = name === 'dayOfWeek' ? 'weekday' : name;
    return { kind: 'out-of-range', field, value, range, hasSeconds: fieldsOf(text).length === 6 };
  }
  // the number of the field counts seconds even where there are none
  const [, illegal] = /^configuration entry \d+ \((.*)\) contains illegal characters/s.exec(message) ?? [];
  const [, unread] = /(?:^illegal [\w ]+|is not a number): '(.*)'$/s.exec(message) ?? [];
  // of `1-` and `*/` croner says only that a number is NaN
  const values = /\bNaN\b/.test(message) ? fieldsOf(text).flatMap((one) => one.split(',')) : [];
  const part = illegal ?? unread ?? values.find((one) => /^-|[-/]$/.test(one));
  if (part !== undefined) return { kind: 'no-value', part };
  const [, empty] = /^configuration entry (\w+) \(\) is empty/.exec(message) ?? [];
  if (empty !== undefined) return { kind: 'empty-value', field: empty };
  const [, word] = /name has to stand alone \('(.*)'\)/s.exec(message) ?? [];
  if (word !== undefined) return { kind: 'no-name', part: word };
  const [, from, to] = /^From value is larger than to value: '(\d+)-(\d+)'$/.exec(message) ?? [];
  if (from !== undefined) return { kind: 'backwards', from, to: to! };
  if (!/^steps cannot be greater/.test(message)) return { kind: 'other', why: message };
  const [, minutes, hours] = /^(?:\*\/(\d+) \*|\d+ \*\/(\d+)) \* \* \*$/.exec(text) ?? [];
  return { kind: 'large-step', every: minutes ? `${minutes}m` : hours ? `${hours}h` : null };
}
