/** All views that draw on a terminal, as one file to load lazily. */
export { viewJobs } from './job-list-view.ts';
export { viewPage } from './ls-view.ts';
