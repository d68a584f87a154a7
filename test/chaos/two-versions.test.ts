/** Two versions of the program in one home, a short round. */
import { partTest } from './part.ts';
import { twoVersions } from './two-versions.ts';

partTest(twoVersions);
