/** What a job writes in its last instant is never missing. Many more rounds in test/chaos. */
import { testLastInstants } from '../../chaos/lastinstants.ts';

testLastInstants(8, 8);
