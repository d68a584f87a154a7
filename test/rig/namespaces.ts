/** Other worlds on the same machine: a mount namespace in which the machine seems restarted, pid namespaces with pids of their own. */
import { succeeds } from './mounts.ts';

const PID_NAMESPACE = ['--pid', '--fork', '--mount-proc', '--kill-child'];

/** Why no namespaces can be made here; false if they can. */
export const cannotUnshare = (): string | false =>
  !succeeds('unshare', '--mount', ...PID_NAMESPACE, 'true') && 'namespaces are not permitted here (unshare)';

/** The words before a command that runs it in a pid namespace of its own; all of it ends with the command. */
export const inPidNamespace = (): string[] => ['unshare', ...PID_NAMESPACE];

/** The words before a command for which a file has another content. */
export const withFile = (path: string, content: string): string[] => [
  'unshare',
  '--mount',
  'sh',
  '-c',
  'mount --bind "$1" "$2" && shift 2 && exec "$@"',
  'sh',
  content,
  path,
];

/** The words before a command for which a directory is read-only. */
export const withReadOnly = (path: string): string[] => [
  'unshare',
  '--mount',
  'sh',
  '-c',
  'mount --bind "$1" "$1" && mount -o remount,bind,ro "$1" && shift && exec "$@"',
  'sh',
  path,
];
