/** The crash matrix of batches in short. */
import { batchMatrix } from './matrix.ts';
import { partTest } from './part.ts';

partTest(batchMatrix);
