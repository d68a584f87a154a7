/**
 * `ls --watch`: the table of `ls`, drawn again and again until ^C. And the check for a terminal that can show
 * live views.
 */
import { sleep } from '../../base/clock.ts';
import { HomeWatcher } from '../../engine/wait/home-watcher.ts';
import { fail, ok, type Result } from '../../job/failure.ts';
import { listLive } from '../../job/home/job-index.ts';
import { type Exit, SUCCESS } from '../command/command.ts';
import type { Context } from '../command/context.ts';
import { interruptCode, noteInterrupt } from '../command/interrupt.ts';
import { type Choice, pickJobs } from '../jobs/job-filter.ts';
import { pageOf } from '../jobs/ls-page.ts';
import { listRefusal, NO_JOBS_YET } from '../messages/lists.ts';
import type { Output } from '../output/output.ts';
import type { ScreenEnd } from './full-screen.ts';

/** Fails unless stdin and stdout are a terminal that can be drawn on. */
export function requireScreen(output: Output, verb: 'watch' | 'ls --watch'): Result<void> {
  const why = !output.isTerminal(1)
    ? 'stdout'
    : !output.isTerminal(0)
      ? 'stdin'
      : process.env['TERM'] === 'dumb'
        ? 'dumb'
        : undefined;
  return why === undefined ? ok(undefined) : fail(listRefusal.screen(verb, why));
}

/** ^C and q end a view with 0; a signal from elsewhere does not. */
export const exitOfScreen = (end: ScreenEnd): Exit => {
  if (end === 'SIGINT') return SUCCESS;
  if (end !== 'closed') noteInterrupt(end);
  return { code: interruptCode(end === 'closed' ? 'SIGHUP' : end), by: 'bgjob' };
};

/** The options of `ls` that choose no jobs. */
interface TableOptions {
  ports: boolean;
  usage: boolean;
  quiet: boolean;
  unseen: boolean;
}

/** Draws the table until a key or a signal ends it. */
export async function watchTable(
  context: Context,
  choice: Choice,
  options: TableOptions,
): Promise<Result<Exit>> {
  const { output } = context;
  if (output.json) return fail(listRefusal.watchJson());
  if (options.quiet || options.unseen) return fail(listRefusal.watchTable());
  const may = requireScreen(output, 'ls --watch');
  if (!may.ok) return may;
  const here = context.here();
  let watcher: HomeWatcher | undefined;
  const page = async (): Promise<{ lines: string[]; notes: string[] }> => {
    const opened = context.home();
    if (!opened.ok || !opened.value) return { lines: [], notes: [NO_JOBS_YET] };
    const home = opened.value;
    watcher ??= new HomeWatcher(home);
    watcher.watchJobs(listLive(home));
    return pageOf(output, home, pickJobs(home, here, choice, false), choice, options);
  };
  const { viewPage } = await import('./views.ts');
  const end = await viewPage({
    page,
    wait: async (ms, abort) => {
      if (watcher) await watcher.wait(ms, abort);
      else await sleep(ms, abort);
    },
    write: (text) => output.raw(Buffer.from(text)),
  });
  watcher?.close();
  return ok(exitOfScreen(end));
}
