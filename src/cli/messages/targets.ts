/** What is said of targets: why one cannot be reached, or does not take a job, and the line to type. */
import { safe } from '../../base/text/sanitize.ts';
import type { SubmitResult, TargetError, Trouble } from '../../engine/targets/engine.ts';
import { quoteWord } from '../../job/view.ts';
import type { MessageAndHint } from './usage.ts';

export interface ShownTarget {
  /** As `--on` names it. */
  name: string;
  host: string;
  /** The options of ssh from config.json. */
  ssh: readonly string[];
}

/** The call by which a person tries the same. */
const sshLine = ({ host, ssh }: ShownTarget, ...before: string[]): string =>
  ['ssh', ...before, ...ssh, host].map(quoteWord).join(' ');

/** What happened, and what to do; the program's own words follow the first. */
const TROUBLE: Record<Trouble, (target: ShownTarget, said: string) => MessageAndHint> = {
  'no-ssh': () => ['there is no program ssh in PATH', 'install openssh-client'],
  'ssh-options': (target) => [
    'ssh does not accept its options',
    `correct "ssh" of this target in config.json, then: ${sshLine(target)}`,
  ],
  'unknown-host': (target) => ['the name of the host is not known', `check the name: ${sshLine(target)}`],
  'no-route': (target) => ['no network leads there', `is the network or a VPN down? try: ${sshLine(target)}`],
  'connection-refused': (target) => [
    'the host does not accept ssh on this port',
    `is sshd running there, and is the port right? try: ${sshLine(target)}`,
  ],
  'timed-out': (target) => ['the host does not answer', `is it up? try: ${sshLine(target)}`],
  'host-key-unknown': (target) => [
    'the key of the host is not known here',
    `connect once by hand and compare the key: ${sshLine(target)}`,
  ],
  'host-key-changed': (target) => [
    'the host has another key than before',
    `ask its administrator before you trust it; then: ssh-keygen -R HOST, and ${sshLine(target)}`,
  ],
  permission: (target) => [
    'the login is not accepted without a question',
    `bgjob answers no password. Give the host a key: ${['ssh-copy-id', target.host].map(quoteWord).join(' ')}; or load yours: ssh-add`,
  ],
  silent: (target) => ['ssh gives no answer', `see where it stops: ${sshLine(target, '-v')}`],
  'login-shell-hangs': (target) => [
    'the login works, but does not reach sh: a start file of the login shell runs something else',
    `this must print ok: ${sshLine(target, '-T')} 'exec /bin/sh -c "echo ok"'`,
  ],
  'login-shell-ended': (target) => [
    'the login works, but ends at once: the account is closed, or a start file of the login shell ends it',
    `this must print ok: ${sshLine(target, '-T')} 'exec /bin/sh -c "echo ok"'`,
  ],
  'far-tools': (_target, said) => [`programs are missing there: ${said}`, 'install them there'],
  'far-folder': (target) => [
    'the folder for the records of bgjob cannot be written there',
    `name another one in config.json: "targets": {"${target.name}": {…, "dir": "/a/writable/folder"}}`,
  ],
  'connection-lost': (target) => [
    'the connection broke. Jobs there go on',
    `bgjob connects again by itself; look now: bgjob targets ${quoteWord(target.name)}`,
  ],
  unclear: (target) => ['ssh ended without a login', `try the same by hand: ${sshLine(target)}`],
};

/** Of an attempt to use a target; `error.kind` says whether it was never reached, or does not answer now. */
export function targetTroubleText(target: ShownTarget, { trouble, said }: TargetError): MessageAndHint {
  const [what, hint] = TROUBLE[trouble](target, safe(said));
  const words = said === '' || trouble === 'far-tools' ? '' : ` (${safe(said)})`;
  return [`${safe(target.name)}: ${what}${words}`, hint];
}

type Refusal = Extract<SubmitResult, { kind: 'refused' }>;

/** Of a job that a target did not take. `cwd` is the directory that was asked for there. */
export function targetRefusalText(
  target: ShownTarget,
  cwd: string | null,
  { why, said }: Refusal,
): MessageAndHint {
  const name = safe(target.name);
  switch (why) {
    case 'no-cwd':
      return [
        `${name}: there is no directory ${safe(cwd ?? '')}`,
        'nothing is copied there: make it there, or name another one: -C DIR, or "cwd" of the target in config.json',
      ];
    case 'no-room':
      return [`${name}: the disk there is full (${safe(said)})`, `look: ${sshLine(target)} df -h`];
    case 'cannot-write':
      return [
        `${name}: the folder for the records of bgjob cannot be written there (${safe(said)})`,
        `name another one in config.json: "targets": {"${name}": {…, "dir": "/a/writable/folder"}}`,
      ];
    case 'cannot-trim':
      return [
        `${name}: a log there cannot be trimmed`,
        'stop the job at the limit instead: --on-max-log kill',
      ];
  }
}
