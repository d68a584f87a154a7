/** A short round of the crowds. */
import { load } from './load.ts';
import { partTest } from './part.ts';

partTest(load);
