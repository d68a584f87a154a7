/** The live views as one file to load: whatever draws on a terminal. */
export { viewJobs } from './joblist.ts';
export { viewPage } from './pageview.ts';
