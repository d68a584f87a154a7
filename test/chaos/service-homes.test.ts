/** Damaged files of schedules, triggers and compiled code, a short round. */
import { partTest } from './part.ts';
import { serviceHomes } from './service-homes.ts';

partTest(serviceHomes);
