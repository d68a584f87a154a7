/** The crash matrix of queues in short. */
import { queueMatrix } from './matrix.ts';
import { partTest } from './part.ts';

partTest(queueMatrix);
