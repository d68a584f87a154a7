/** A short round of the traps. */
import { partTest } from './part.ts';
import { TRAPS } from './traps.ts';

partTest(TRAPS);
