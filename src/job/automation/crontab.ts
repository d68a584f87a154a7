/**
 * Expressions between crontab and croner: what crontab reads otherwise, what other programs understand in
 * this place, and the errors of croner in plain words.
 */
import { quote } from '../../base/text/shell-quote.ts';

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

/** `CRON_TZ=Europe/Berlin 0 3 * * *`, `@reboot`: what to type instead. */
export function foreignForm(text: string): { message: string; hint: string } | undefined {
  const [, zone, rest] = /^(?:CRON_)?TZ\s*=\s*["']?([^\s"']*)["']?(?:\s+(.*))?$/s.exec(text) ?? [];
  if (zone !== undefined)
    return {
      message: 'the time zone of a schedule is an option',
      hint: `bgjob cron add --tz ${zone || 'ZONE'} ${quote(rest ?? '0 3 * * *')} -- COMMAND`,
    };
  if (/^@reboot\b/i.test(text))
    return {
      message: '@reboot is no time',
      hint:
        'bgjob cron add --boot; a job at each start is a line of crontab -e: ' +
        '@reboot cd DIR && bgjob run -- COMMAND',
    };
  return undefined;
}

const RANGES: Record<string, string> = {
  second: '0-59',
  minute: '0-59',
  hour: '0-23',
  day: '1-31',
  month: '1-12',
  dayOfWeek: '0-7',
};

/** `0 3 * * * ./backup.sh`: a line of crontab. */
export function withCommand(text: string, isExpression: (text: string) => boolean): string | undefined {
  const words = fieldsOf(text);
  const [times, command] = [words.slice(0, 5).join(' '), words.slice(5).join(' ')];
  // names of weekdays are no command
  return /[a-z]{4}|[./~]/i.test(command) && isExpression(times)
    ? `bgjob cron add ${quote(times)} ${quote(command)}`
    : undefined;
}

/** An error of croner in plain words. */
export function explainError(error: string, text: string): { why: string; hint?: string } {
  const message = error.replace(/^CronPattern: (Syntax error, )?/, '');
  const [, field, value] = /^Invalid value for (\w+): (-?\d+)$/.exec(message) ?? [];
  // croner counts days and months from 0
  const number = Number(value) + (field === 'day' || field === 'month' ? 1 : 0);
  const six = fieldsOf(text).length === 6 ? ' (of six fields the first is the second)' : '';
  if (field !== undefined && RANGES[field] !== undefined)
    return { why: `${field === 'dayOfWeek' ? 'weekday' : field} ${number} is not in ${RANGES[field]}${six}` };
  // the number of the field counts seconds even where there are none
  const [, part] = /^configuration entry \d+ \((.*)\) contains illegal characters/s.exec(message) ?? [];
  if (part !== undefined) return { why: `"${part}" is no value of a field` };
  const [, empty] = /^configuration entry (\w+) \(\) is empty/.exec(message) ?? [];
  if (empty !== undefined) return { why: `a value of its ${empty} is empty` };
  const [, name] = /name has to stand alone \('(.*)'\)/s.exec(message) ?? [];
  if (name !== undefined) return { why: `"${name}" is no value of a field; names are JAN, MON and the like` };
  const [, from, to] = /^From value is larger than to value: '(\d+)-(\d+)'$/.exec(message) ?? [];
  if (from !== undefined) return { why: `${from}-${to} runs backwards; write two ranges, with a comma` };
  const [, minutes, hours] = /^(?:\*\/(\d+) \*|\d+ \*\/(\d+)) \* \* \*$/.exec(text) ?? [];
  if (message.startsWith('steps cannot be greater'))
    return {
      why: 'a step is larger than the range of its field',
      ...((minutes ?? hours) && { hint: `'@every ${minutes ? `${minutes}m` : `${hours}h`}'` }),
    };
  return { why: message };
}
