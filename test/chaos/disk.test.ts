import { DISK } from './disk.ts';
import { partTest } from './part.ts';

partTest(DISK);
