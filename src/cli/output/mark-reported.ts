/** The mark of an end that a command reports: to the user, and to the session of the call. */
import { recordTold } from '../../engine/observe/unseen-ends.ts';
import type { Home } from '../../job/home/home.ts';
import { sessionIn } from '../../job/session.ts';
import type { JobView } from '../../job/view.ts';
import type { Output } from './output.ts';

/** Marks it when the answer has reached its reader. */
export const markReported = (output: Output, home: Home, view: JobView): void =>
  output.whenDelivered(() => recordTold(home, view, sessionIn(process.env)));
