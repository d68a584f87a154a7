/** `--on-exit` of a job, as a row of `show` and in JSON. */
import { systemClock } from '../../base/clock.ts';
import { clip, safe } from '../../base/text/sanitize.ts';
import { hookOf } from '../../engine/hooks/exit-hook.ts';
import type { Home } from '../../job/home/home.ts';
import type { JobView } from '../../job/view.ts';
import { hookText } from '../messages/lists.ts';

const lineOf = (view: JobView): string => ('spec' in view ? (view.spec.onExit ?? '') : '');

/** `notify-send done: exited 0 after 0.2s (…/on-exit.log)`; undefined: the job has none. */
export function onExitText(home: Home, view: JobView): string | undefined {
  const hook = hookOf(home, view);
  if (!hook) return undefined;
  const log = hook.kind === 'runs' || hook.kind === 'done' ? ` (${safe(home.job(view.id).hookLog)})` : '';
  return `${clip(safe(lineOf(view)), 200)}: ${hookText(hook, systemClock.now())}${log}`;
}

/** The same in JSON; null: the job has none. */
export function onExitObject(home: Home, view: JobView): object | null {
  const hook = hookOf(home, view);
  if (!hook) return null;
  const end = hook.kind === 'done' ? hook.end : undefined;
  return {
    command: lineOf(view),
    state: end ? (end.code === null ? 'failed' : 'exited') : hook.kind,
    exitCode: end?.code ?? null,
    reason: end?.why ?? null,
    log: home.job(view.id).hookLog,
  };
}
