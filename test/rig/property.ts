/** fast-check with the seed of the whole run, so that a red run can be run again. */
import fc from 'fast-check';

const seed = process.env['BGJOB_TEST_SEED'];
if (seed !== undefined) fc.configureGlobal({ seed: Number(seed) });

export default fc;
