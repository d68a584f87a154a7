/** Schedules: which job is started when. See template-records.ts for how they lie on disk. */
import * as is from '../../base/schema.ts';
import type { Home } from '../home/home.ts';
import type { Found } from '../home/records.ts';
import { listTemplates, readTemplate, templateFields } from './template-records.ts';

export const scheduleSchema = is.object({
  ...templateFields,
  /** As it was typed: five or six fields, `@daily`, `@every 90s`. */
  expression: is.text,
  /** The name of a time zone, `Europe/Berlin`. */
  timezone: is.text,
  /** What is done at a time at which an earlier job of it still lives. */
  overlap: is.literal('skip', 'queue', 'allow'),
  /** Times that were missed are made up for by one run. */
  catchUp: is.flag,
});
export type Schedule = is.Shaped<typeof scheduleSchema>;

export const listSchedules = (home: Home): string[] => listTemplates(home.schedules);
export const readSchedule = (home: Home, name: string): Found<Schedule> =>
  readTemplate(home.schedule(name), scheduleSchema);
