/** The pages whose commands need other programs: their commands do what stands there. */
import { needsPrograms, PAGES, pageTest } from '../rig/docs.ts';

for (const page of PAGES) if (needsPrograms(page)) pageTest(page);
