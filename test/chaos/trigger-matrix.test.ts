/** The crash matrix of triggers in short. */
import { triggerMatrix } from './matrix.ts';
import { partTest } from './part.ts';

partTest(triggerMatrix);
