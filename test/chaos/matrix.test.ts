/** The crash matrix in short: as many cells as a minute allows, other ones each time. */
import { matrix } from './matrix.ts';
import { partTest } from './part.ts';

partTest(matrix);
