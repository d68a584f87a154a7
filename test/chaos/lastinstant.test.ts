/** What a job writes in its last instant is never missing: 440 rounds here, 200 more of `run --follow` in many.test.ts. */
import { testLastInstants } from './lastinstants.ts';

testLastInstants(120, 80);
