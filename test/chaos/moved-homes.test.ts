/** A home that is moved, replaced or mounted under its jobs, a short round. */
import { movedHomes } from './moved-homes.ts';
import { partTest } from './part.ts';

partTest(movedHomes);
