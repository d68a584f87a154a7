/** Other things in the places of a home, a short round. */
import { kinds } from './kinds.ts';
import { partTest } from './part.ts';

partTest(kinds);
