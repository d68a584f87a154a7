/** What `ls` and its like say about a list. */

/** `ls --state failed`: the word of before for one state, while people call every failure so. */
export const failedStateNote = (): string =>
  '(--state failed means start-failed: the job could not be started; for all failed jobs: bgjob ls --failed)';
