/** What became of --on-exit, in words and in JSON. */
import { renderDuration, systemClock } from '../../base/clock.ts';
import { unreachable } from '../../base/result.ts';
import { clip, safe } from '../../base/text/sanitize.ts';
import { type HookView, hookOf } from '../../engine/hooks/exit-hook.ts';
import type { Home } from '../../job/home/home.ts';
import type { JobView } from '../../job/view.ts';

const lineOf = (view: JobView): string => ('spec' in view ? (view.spec.onExit ?? '') : '');

/** `notify-send done: exited 0 after 0.2s (…/on-exit.log)`; undefined: the job has none. */
export function onExitText(home: Home, view: JobView): string | undefined {
  const hook = hookOf(home, view);
  if (!hook) return undefined;
  const log = hook.kind === 'runs' || hook.kind === 'done' ? ` (${safe(home.job(view.id).hookLog)})` : '';
  return `${clip(safe(lineOf(view)), 200)}: ${stateOf(hook)}${log}`;
}

function stateOf(hook: HookView): string {
  switch (hook.kind) {
    case 'waits':
      return 'when it has ended';
    case 'due':
      return 'is about to run';
    case 'not-run':
      return 'was not run: nobody was left to start it';
    case 'unseen':
      return 'nobody saw its end';
    case 'runs':
      return `runs ${renderDuration(systemClock.now() - hook.since)}, pid ${hook.pid}; one minute at most`;
    case 'done': {
      const { code, why, startedAt, endedAt } = hook.end;
      const how = code === null ? `failed: ${safe(why ?? '')}` : `exited ${code}`;
      return `${how} after ${renderDuration(endedAt - startedAt)}`;
    }
    default:
      return unreachable(hook);
  }
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
