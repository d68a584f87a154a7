/** The live views as one file to load: whatever draws on a terminal. */
export { viewJobs } from './job-list-view.ts';
export { viewPage } from './ls-view.ts';
