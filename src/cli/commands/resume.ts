/** `bgjob resume`: a paused job goes on. */
import { verb } from '../command/command.ts';
import { pauseAll } from '../jobs/pause-resume.ts';

export const resume = verb({
  name: 'resume',
  operands: 'REF...',
  arity: [1, Number.POSITIVE_INFINITY],
  brief: '',
  changes: true,
  summary: 'let a paused job go on (CONT)',
  description: ['One that is not paused stays as it is.'],
  examples: [
    ['bgjob resume train', 'it goes on where it was'],
    ['bgjob ls -q --state paused | xargs bgjob resume', 'all'],
  ],
  options: {},
  run: (context, { words }) => pauseAll(context, words, 'resume'),
});
