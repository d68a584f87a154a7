/** The crash matrix of schedules in short. */
import { cronMatrix } from './matrix.ts';
import { partTest } from './part.ts';

partTest(cronMatrix);
