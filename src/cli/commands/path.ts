/** `bgjob path`: prints the path of a job's log. */
import { fail, ok } from '../../job/failure.ts';
import { SUCCESS, verb } from '../command/command.ts';
import { select } from '../jobs/select.ts';
import { noStderrLog } from '../messages/usage.ts';

export const path = verb({
  name: 'path',
  operands: 'REF',
  arity: [1, 1],
  brief: '',
  summary: "print the path of a job's log",
  description: ['The log holds the bytes as the job wrote them: stdout and stderr in their order.'],
  examples: [['less $(bgjob path @last)', 'read it with your own tools']],
  options: { err: { kind: 'flag', text: 'the log of stderr (run --split)' } },
  async run(context, { options, words }) {
    const found = select(context, words[0]!, 'bgjob path');
    if (!found.ok) return found;
    const { home, view } = found.value;
    const isSplit = 'spec' in view && view.spec.split;
    if (options.err && !isSplit) return fail(noStderrLog.path(view.id));
    const log = home.job(view.id)[options.err ? 'err' : 'log'];
    if (context.output.json) context.output.object({ v: 1, id: view.id, path: log });
    else context.output.line(log);
    return ok(SUCCESS);
  },
});
