/**
 * Which trouble the words of ssh tell. They choose the hint for the user, and decide nothing: ssh has one exit
 * code, 255, for all of them, and for a program there that died by a signal.
 */
import { TargetError, type Trouble } from './engine.ts';
import { lastWords, type NotReady } from './shell-session.ts';

/** The first that matches. */
const WORDS: [RegExp, Trouble][] = [
  [/REMOTE HOST IDENTIFICATION HAS CHANGED|Host key for .* has changed/, 'host-key-changed'],
  [/Host key verification failed|No .* host key is known/, 'host-key-unknown'],
  [/Permission denied \(|Too many authentication failures|no more authentication methods/i, 'permission'],
  [
    /Bad configuration option|Can't open user config file|bad configuration options?|unknown option|^usage: ssh/im,
    'ssh-options',
  ],
  [/Could not resolve hostname|Name or service not known/, 'unknown-host'],
  [/Connection refused/, 'connection-refused'],
  [/Network is unreachable|No route to host|Network is down/, 'no-route'],
  [/timed out/, 'timed-out'],
];

export function sshTrouble({ how, stdout, stderr }: NotReady): TargetError {
  const said = lastWords(stderr, stdout);
  const refused = (trouble: Trouble) => new TargetError('refused', trouble, said);
  if (how === 'not-started') return refused('no-ssh');
  const isLoggedIn = /^Authenticated to /m.test(stderr);
  const known = isLoggedIn ? undefined : WORDS.find(([words]) => words.test(stderr));
  if (known) return refused(known[1]);
  if (how === 'silent') return refused(isLoggedIn ? 'login-shell-hangs' : 'silent');
  // a master of the user's own does not say that it is logged in
  return refused(isLoggedIn || stdout.trim() !== '' ? 'login-shell-ended' : 'unclear');
}
