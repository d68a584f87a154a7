/** `bgjob pause`: stops every process of a job with SIGSTOP, until `resume`. */
import { verb } from '../command/command.ts';
import { pauseAll } from '../jobs/pause-resume.ts';

export const pause = verb({
  name: 'pause',
  operands: 'REF...',
  arity: [1, Number.POSITIVE_INFINITY],
  brief: '',
  changes: true,
  summary: 'pause every process of a job (STOP), until resume',
  description: [
    'The time limits of the job do not count the pause. The job keeps its memory, its ports, its name and',
    'its slot in a queue. wait says that the job is paused, and goes on waiting. A paused job can be',
    'killed like any other.',
    '',
    'A job that waits in a queue cannot be paused, but its queue can: bgjob queue pause.',
  ],
  examples: [
    ['bgjob pause train', 'free the processor for something else'],
    ['bgjob resume train', 'the job continues'],
    ['bgjob ls -q --state running --tag batch | xargs bgjob pause', 'many jobs'],
  ],
  options: {},
  run: (context, { words }) => pauseAll(context, words, 'pause'),
});
