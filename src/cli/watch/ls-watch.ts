/** `ls --watch`: the table of `ls`, drawn anew until ^C; and what a terminal must be for that. */
import { sleep } from '../../base/clock.ts';
import { ViewCache } from '../../engine/observe/view-cache.ts';
import { HomeWatcher } from '../../engine/wait/home-watcher.ts';
import { fail, ok, type Result } from '../../job/failure.ts';
import { listLive } from '../../job/home/job-index.ts';
import { type Exit, SUCCESS } from '../command/command.ts';
import type { Context } from '../command/context.ts';
import { interruptCode, noteInterrupt } from '../command/interrupt.ts';
import { type Choice, pickJobs } from '../jobs/job-filter.ts';
import { pageOf } from '../jobs/ls-page.ts';
import type { Output } from '../output/output.ts';
import type { Leave } from './full-screen.ts';

/** Fails unless stdin and stdout are a terminal that can be drawn on. */
export function requireScreen(output: Output, verb: 'watch' | 'ls --watch'): Result<void> {
  const hint = 'bgjob watch --json (a stream of changes), or: bgjob ls';
  const refuse = (why: string) =>
    fail({ code: 'usage', message: `${verb} draws on a terminal: ${why}`, hint });
  if (!output.isTerminal(1)) return refuse('stdout is none');
  if (!output.isTerminal(0)) return refuse('stdin is none, and its keys come from there');
  if (process.env['TERM'] === 'dumb') return refuse('TERM=dumb has no cursor that can be moved');
  return ok(undefined);
}

/** ^C and q are how a view is ended; a signal from elsewhere is not. */
export const exitOfLeave = (leave: Leave): Exit => {
  if (leave === 'SIGINT') return SUCCESS;
  if (leave !== 'closed') noteInterrupt(leave);
  return { code: interruptCode(leave === 'closed' ? 'SIGHUP' : leave), by: 'bgjob' };
};

/** The options of `ls` that are not of the choice. */
interface Form {
  ports: boolean;
  quiet: boolean;
  unseen: boolean;
}

/** Draws the table until somebody ends that. */
export async function watchTable(context: Context, choice: Choice, form: Form): Promise<Result<Exit>> {
  const { output } = context;
  if (output.json)
    return fail({ code: 'usage', message: 'ls --watch is for people', hint: 'bgjob watch --json' });
  if (form.quiet || form.unseen)
    return fail({
      code: 'usage',
      message: 'ls --watch draws a table: no -q, no --unseen',
      hint: 'bgjob ls --help',
    });
  const may = requireScreen(output, 'ls --watch');
  if (!may.ok) return may;
  const here = context.here();
  let parts: { views: ViewCache; pulse: HomeWatcher } | undefined;
  const page = async (): Promise<{ lines: string[]; notes: string[] }> => {
    const opened = context.home();
    if (!opened.ok || !opened.value) return { lines: [], notes: ['no jobs yet: bgjob run -- command'] };
    const home = opened.value;
    parts ??= { views: new ViewCache(home), pulse: new HomeWatcher(home) };
    const { views, pulse } = parts;
    pulse.watchJobs(listLive(home));
    views.beginRound();
    return pageOf(
      output,
      home,
      pickJobs(home, here, choice, false, (id) => views.view(id)),
      choice,
      form.ports,
    );
  };
  const { viewPage } = await import('./views.ts');
  const leave = await viewPage({
    page,
    wait: async (ms, abort) => {
      if (parts) await parts.pulse.wait(ms, abort);
      else await sleep(ms, abort);
    },
    write: (text) => output.raw(Buffer.from(text)),
  });
  parts?.pulse.close();
  return ok(exitOfLeave(leave));
}
