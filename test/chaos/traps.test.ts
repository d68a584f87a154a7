/** A short round of the traps. */
import { partTest } from './part.ts';
import { traps } from './traps.ts';

partTest(traps);
