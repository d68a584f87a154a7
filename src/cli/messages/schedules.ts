/** Messages about the times and the zone of a schedule, and their hints. */
import { LONGEST_DURATION } from '../../base/clock.ts';
import { clip, safe } from '../../base/text/sanitize.ts';
import { quote } from '../../base/text/shell-quote.ts';
import type { Failure, ScheduleTrouble } from '../../job/failure.ts';
import type { Target } from '../../job/target.ts';
import { quoteWord } from '../../job/view.ts';
import {
  type FailureTexts,
  type MessageAndHint,
  type TextsOf,
  textFor,
  type UsageFailure,
  usageError,
} from './usage.ts';

const shown = (word: string) => clip(safe(word), 80);
const quoted = (text: string) => safe(quote(text));

const GENERAL_SCHEDULE = "'0 3 * * *' (at 3:00), '*/5 * * * *', '@daily', '@every 90s'; mind the quotes";
const GENERAL_EVERY = "'@every 90s', '@every 2h'";

/** The message about an expression, and its hint. */
const SCHEDULE_TROUBLES: TextsOf<ScheduleTrouble, 'kind', ScheduleTrouble['kind'], MessageAndHint> = {
  'no-duration': ({ duration }) => [`"${shown(duration)}" is no duration`, GENERAL_EVERY],
  'too-long': [`the longest duration is ${LONGEST_DURATION}`, GENERAL_EVERY],
  'too-short': ['the shortest duration is a second', GENERAL_EVERY],
  'zone-inside': ({ zone, times }) => [
    'its time zone is an option',
    `bgjob cron add --tz ${zone === '' ? 'ZONE' : safe(quoteWord(zone))} ${quoted(times ?? '0 3 * * *')} -- COMMAND`,
  ],
  reboot: [
    'it names no time',
    'for a job at each start a line of crontab -e: @reboot cd DIR && bgjob run -- COMMAND; ' +
      'for schedules that go on after a restart: bgjob cron add --boot',
  ],
  'command-inside': ({ times, command }) => [
    'it holds a command, too',
    `bgjob cron add ${quoted(times)} ${quoted(clip(command, 1000))}`,
  ],
  'unknown-word': ({ known }) => [`the words are ${known.join(' ')}`],
  'field-count': ['it takes five fields (minute hour day month weekday), or six with seconds first'],
  'out-of-range': ({ field, value, range, hasSeconds }) => [
    `${field} ${value} is not in ${range}${hasSeconds ? ' (of six fields the first is the second)' : ''}`,
  ],
  'no-value': ({ part }) => [`"${shown(part)}" is no value of a field`],
  'no-name': ({ part }) => [`"${shown(part)}" is no value of a field; names are JAN, MON and the like`],
  'empty-value': ({ field }) => [`a value of its ${field} is empty`],
  backwards: ({ from, to }) => [`${from}-${to} runs backwards; write two ranges, with a comma`],
  'large-step': ({ every }) => [
    'a step is larger than the range of its field',
    every === null ? undefined : `'@every ${every}'`,
  ],
  'never-due': ['it is never due'],
  other: ({ why }) => [clip(safe(why), 200)],
};

export const scheduleFailures: FailureTexts<'bad-schedule' | 'bad-zone'> = {
  'bad-schedule': ({ expression, trouble }) => {
    const [why, hint = GENERAL_SCHEDULE] = textFor('kind', trouble, SCHEDULE_TROUBLES);
    return [`"${shown(expression)}" is no schedule: ${why}`, hint];
  },
  'bad-zone': ({ zone, option }) => [
    `${option ? '--tz: ' : ''}there is no time zone "${shown(zone)}"`,
    '--tz Europe/Berlin, America/New_York, UTC',
  ],
};

/** Why a schedule has no next time, though its record can be read. */
export function neverDue(failure: Failure): string {
  if (failure.code !== 'bad-zone' && failure.code !== 'bad-schedule') return 'it starts nothing';
  return `it starts nothing: ${textFor('code', failure, scheduleFailures)[0]}`;
}

/** `@every 3`. */
export function everyWithoutUnit(expression: string): UsageFailure {
  const text = safe(expression.trim());
  return usageError(
    `"${text}" has no unit`,
    `'${text}s' (seconds), '${text}m' (minutes), '${text}h' (hours)`,
  );
}

/** Of a schedule or trigger whose jobs run on a target. */
export const keyWithoutPassphrase = ({ name, host }: Target, kind: 'schedule' | 'trigger') =>
  `(on ${safe(name)}: ${kind === 'schedule' ? 'at its times' : 'when it is called'} you may not be logged in, ` +
  `and your agent is not there then; ` +
  `ssh ${safe(host)} needs a key without a passphrase)`;
