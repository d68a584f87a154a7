/** `bgjob pause`: every process of a job stands still. */
import { verb } from '../command/command.ts';
import { pauseAll } from '../jobs/pause-resume.ts';

export const pause = verb({
  name: 'pause',
  operands: 'REF...',
  arity: [1, Number.POSITIVE_INFINITY],
  brief: '',
  changes: true,
  summary: 'let every process of a job stand still (STOP), until resume',
  description: [
    'Its time limits do not count the pause. It keeps its memory, ports, name and its slot in a queue; wait says so, and waits on.',
    'A paused job can be killed like any other. One that waits in a queue is not paused, but its queue may be: bgjob queue pause.',
  ],
  examples: [
    ['bgjob pause train', 'the machine is needed for something else'],
    ['bgjob resume train', 'it goes on where it was'],
    ['bgjob ls -q --state running --tag batch | xargs bgjob pause', 'many'],
  ],
  options: {},
  run: (context, { words }) => pauseAll(context, words, 'pause'),
});
