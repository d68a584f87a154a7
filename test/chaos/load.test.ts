/** A short round of the crowds. */
import { LOAD } from './load.ts';
import { partTest } from './part.ts';

partTest(LOAD);
