/** A short round of the requests of every kind. */
import { deliveries } from './deliveries.ts';
import { partTest } from './part.ts';

partTest(deliveries);
