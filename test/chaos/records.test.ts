/** Damaged records, a short round. */
import { partTest } from './part.ts';
import { records } from './records.ts';

partTest(records);
