import { disk } from './disk.ts';
import { partTest } from './part.ts';

partTest(disk);
