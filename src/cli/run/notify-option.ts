/** `--notify`: the option, and what became of it, in words and in JSON. */
import { unreachable } from '../../base/result.ts';
import { safe } from '../../base/text/sanitize.ts';
import { type NoticeView, noticeOf } from '../../engine/hooks/notification-status.ts';
import { callerTerminal } from '../../engine/os/caller-terminal.ts';
import { callerDesktop, desktopTrouble } from '../../engine/os/desktop-notification.ts';
import { fail, ok, type Result } from '../../job/failure.ts';
import type { Home } from '../../job/home/home.ts';
import { NOTIFY_WHENS, type Notice, type NotifyWhen } from '../../job/spec.ts';
import type { JobView } from '../../job/view.ts';
import type { Warning } from '../messages/warnings.ts';

export const NOTIFY_OPTIONS = {
  notify: {
    kind: 'optional-text',
    value: 'always|failure|never',
    text: 'tell you of its end: on the desktop, else by the bell of this terminal',
  },
} as const;

/** Where this call can be reached: that of a restart is another. */
export const notifyTargets = (env: NodeJS.ProcessEnv): Omit<Notice, 'when'> => ({
  desktop: callerDesktop(env),
  terminal: callerTerminal(env),
});

/** What goes into the spec; `preferred`: what config.json says, where the option does not. */
export function parseNotify(
  env: NodeJS.ProcessEnv,
  asked: { text: string | null } | null,
  preferred: NotifyWhen | null,
): Result<Notice | null> {
  const text = asked === null ? (preferred ?? 'never') : (asked.text ?? 'always');
  const when = NOTIFY_WHENS.find((one) => one === text);
  if (when === undefined)
    return fail({
      code: 'usage',
      message: `--notify: "${safe(text)}" is none of ${NOTIFY_WHENS.join(', ')}`,
      hint: 'bgjob run --notify=failure -- command',
    });
  return ok(when === 'never' ? null : { when, ...notifyTargets(env) });
}

/** That nobody could be told, where somebody asked for it in so many words. */
export function notifyWarnings(env: NodeJS.ProcessEnv, notice: Notice | null): Warning[] {
  const trouble = notice === null || notice.terminal !== null ? undefined : desktopTrouble(env);
  if (trouble === undefined) return [];
  const message = `--notify: ${trouble}, and this call has no terminal: nobody would be told; --on-exit CMD runs a command of yours`;
  return [{ code: 'nobody-to-notify', message }];
}

const WHENS = { always: '', failure: ' if it fails' };

/** Where somebody will be told. */
function placeText({ desktop, terminal }: Notice): string {
  const places = [
    ...(desktop.length > 0 ? ['on the desktop'] : []),
    ...(terminal ? [safe(terminal.path)] : []),
  ];
  return places.length > 0 ? places.join(', or ') : 'but nobody is there to be told';
}

function stateOf(view: NoticeView, notice: Notice): string {
  const { when, terminal } = notice;
  switch (view.kind) {
    case 'waits':
    case 'due':
    case 'runs':
      return `when it has ended${WHENS[when]}, ${placeText(notice)}`;
    case 'not-needed':
      return 'only if it fails';
    case 'not-run':
      return 'nobody was told: nobody was left to do it';
    case 'unseen':
      return 'nobody saw whether somebody was told';
    case 'told': {
      const { by, why } = view.notified;
      if (by === 'desktop') return 'told on the desktop';
      return by === 'terminal' ? `rang ${safe(terminal?.path ?? '')}` : `nobody was told: ${safe(why ?? '')}`;
    }
    default:
      return unreachable(view);
  }
}

/** `rang /dev/pts/3`; undefined: nobody asked for it. */
export function notifyText(home: Home, view: JobView): string | undefined {
  const notice = noticeOf(home, view);
  return notice && 'spec' in view && view.spec.notify ? stateOf(notice, view.spec.notify) : undefined;
}

/** The same in JSON; null: nobody asked for it. */
export function notifyObject(home: Home, view: JobView): object | null {
  const notice = noticeOf(home, view);
  if (!notice || !('spec' in view)) return null;
  const told = notice.kind === 'told' ? notice.notified : undefined;
  return { when: view.spec.notify?.when ?? null, state: told?.by ?? notice.kind, reason: told?.why ?? null };
}
