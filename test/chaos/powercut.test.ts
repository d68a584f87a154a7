import { partTest } from './part.ts';
import { POWER_CUT } from './powercut.ts';

partTest(POWER_CUT);
