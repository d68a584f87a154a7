/** `bgjob resume`: continues a paused job. */
import { verb } from '../command/command.ts';
import { pauseAll } from '../jobs/pause-resume.ts';

export const resume = verb({
  name: 'resume',
  operands: 'REF...',
  arity: [1, Number.POSITIVE_INFINITY],
  brief: '',
  changes: true,
  summary: 'continue a paused job (CONT)',
  description: ['A job that is not paused is left as it is.'],
  examples: [
    ['bgjob resume train', 'the job continues'],
    ['bgjob ls -q --state paused | xargs bgjob resume', 'all paused jobs'],
  ],
  options: {},
  run: (context, { words }) => pauseAll(context, words, 'resume'),
});
