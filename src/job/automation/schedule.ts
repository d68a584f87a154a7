/** Schedules: jobs that start at given times. See template-records.ts for the files. */
import * as is from '../../base/schema.ts';
import type { Home } from '../home/home.ts';
import type { Found } from '../home/records.ts';
import { listTemplates, readTemplate, templateFields } from './template-records.ts';

const scheduleSchema = is.object({
  ...templateFields,
  /** As typed: five or six fields, `@daily`, `@every 90s`. */
  expression: is.text,
  timezone: is.text,
  overlap: is.literal('skip', 'queue', 'allow'),
  /** Missed times are made up for by one job. */
  catchUp: is.flag,
});
export type Schedule = is.SchemaType<typeof scheduleSchema>;

export const listSchedules = (home: Home): string[] => listTemplates(home.schedules);
export const readSchedule = (home: Home, name: string): Found<Schedule> =>
  readTemplate(home.schedule(name), name, scheduleSchema);
