/** `--notify`: the option, whether it can work here, and what became of it. */
import { noticeOf } from '../../engine/hooks/notification-status.ts';
import { callerTerminal } from '../../engine/os/caller-terminal.ts';
import { callerDesktop, desktopTrouble } from '../../engine/os/desktop-notification.ts';
import { fail, ok, type Result } from '../../job/failure.ts';
import type { Home } from '../../job/home/home.ts';
import { NOTIFY_WHENS, type Notice, type NotifyWhen } from '../../job/spec.ts';
import type { JobView } from '../../job/view.ts';
import { noNotification, noticeText } from '../messages/run.ts';
import { notOneOf } from '../messages/usage.ts';
import type { Warning } from '../messages/warnings.ts';

export const NOTIFY_OPTIONS = {
  notify: {
    kind: 'optional-text',
    value: 'always|failure|never',
    text: 'a notification of its end: on the desktop, else the bell of this terminal',
  },
} as const;

/** Where a notification of this call is shown: a restart may come from another terminal. */
export const notifyTargets = (env: NodeJS.ProcessEnv): Omit<Notice, 'when'> => ({
  desktop: callerDesktop(env),
  terminal: callerTerminal(env),
});

/** The part of the spec; `preferred`: what config.json says if the option is not given. */
export function parseNotify(
  env: NodeJS.ProcessEnv,
  asked: { text: string | null } | null,
  preferred: NotifyWhen | null,
): Result<Notice | null> {
  const text = asked === null ? (preferred ?? 'never') : (asked.text ?? 'always');
  const when = NOTIFY_WHENS.find((one) => one === text);
  if (when === undefined)
    return fail(notOneOf('--notify', text, NOTIFY_WHENS, 'bgjob run --notify=failure -- command'));
  return ok(when === 'never' ? null : { when, ...notifyTargets(env) });
}

/** That no notification can be shown. Only for a call with the option: config.json asks for it everywhere. */
export function notifyWarnings(env: NodeJS.ProcessEnv, notice: Notice | null): Warning[] {
  const trouble = notice === null || notice.terminal !== null ? undefined : desktopTrouble(env);
  return trouble === undefined ? [] : [noNotification(trouble)];
}

/** `rang /dev/pts/3`; undefined: the job was started without --notify. */
export function notifyText(home: Home, view: JobView): string | undefined {
  const notice = noticeOf(home, view);
  return notice && 'spec' in view && view.spec.notify ? noticeText(notice, view.spec.notify) : undefined;
}

/** The same in JSON; null: the job was started without --notify. */
export function notifyObject(home: Home, view: JobView): object | null {
  const notice = noticeOf(home, view);
  if (!notice || !('spec' in view)) return null;
  const notified = notice.kind === 'told' ? notice.notified : undefined;
  return {
    when: view.spec.notify?.when ?? null,
    state: notified?.by ?? notice.kind,
    reason: notified?.why ?? null,
  };
}
