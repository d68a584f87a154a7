/** `--notify`: when somebody is told of a job's end, and on which terminal where there is no desktop: the part of a spec. */

export const NOTIFY_WHENS = ['always', 'failure', 'never'] as const;
export type NotifyWhen = (typeof NOTIFY_WHENS)[number];
