/** `bgjob path`: where a job's log is. */
import { ok } from '../../base/failure.ts';
import { SUCCESS, verb } from '../command.ts';
import { select } from '../select.ts';

export const path = verb({
  name: 'path',
  operands: 'REF',
  arity: [1, 1],
  summary: "the path of a job's log",
  description: ['Log bytes are kept as the job wrote them: stdout and stderr in their order.'],
  examples: [['less $(bgjob path @last)', 'read it with your own tools']],
  options: {},
  async run(context, { words }) {
    const found = select(context, words[0]!, { elsewhere: true });
    if (!found.ok) return found;
    const { home, view } = found.value;
    const log = home.job(view.id).log;
    if (context.output.json) context.output.object({ v: 1, id: view.id, path: log });
    else context.output.line(log);
    return ok(SUCCESS);
  },
});
