/** A job that harms its own files, a short round. */
import { ownFiles } from './own-files.ts';
import { partTest } from './part.ts';

partTest(ownFiles);
