/** Damaged files of a home, a short round. */
import { homes } from './homes.ts';
import { partTest } from './part.ts';

partTest(homes);
