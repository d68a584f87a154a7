/** What a job writes in its last instant is never missing; more rounds of `run --follow` are in many.test.ts. */
import { rounds } from '../rig/rounds.ts';
import { testLastInstants } from './lastinstants.ts';

testLastInstants(rounds(30, 120), rounds(30, 80));
