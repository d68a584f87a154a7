import { partTest } from './part.ts';
import { powerCut } from './powercut.ts';

partTest(powerCut);
