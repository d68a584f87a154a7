/** The `#!` line of a script, split as the kernel splits it: an interpreter and at most one argument. */
import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';
import { attemptQuietly } from '../../base/result.ts';

/** The `#!` line; `argument`: the rest of the line after the interpreter, as one word. */
export interface Shebang {
  interpreter: string;
  argument: string | null;
}

/** The `#!` line of a script; undefined: there is none, or it names no interpreter. */
export function parseShebang(script: Uint8Array): Shebang | undefined {
  if (script[0] !== 0x23 || script[1] !== 0x21) return undefined;
  const end = script.indexOf(10);
  const line = Buffer.from(script.subarray(2, end === -1 ? script.length : end)).toString();
  const [, interpreter, rest] = /^[ \t]*([^ \t]*)[ \t]*(.*?)[ \t]*$/s.exec(line)!;
  return interpreter ? { interpreter, argument: rest || null } : undefined;
}

/** The program that `env` looks for in PATH: if there is none, `env` says so in the log only. */
export function neededByEnv({ interpreter, argument }: Shebang): string | undefined {
  const isEnv = /(^|\/)env$/.test(interpreter);
  // with -S `env` splits the argument; quotes and variables in it are left to `env`
  const split = /^-S\s*([^\s"'$\\=-][^\s"'$\\=]*)(\s|$)/.exec(argument ?? '')?.[1];
  const word = split ?? (argument !== null && !/^-|=/.test(argument) ? argument : undefined);
  return isEnv ? word : undefined;
}

/** The kernel reads so many bytes of a file to find its interpreter. */
const KERNEL_BYTES = 256;

/** The `#!` line of an executable file; undefined: it has none that the kernel reads, or it is unreadable. */
export function readShebang(path: string): Shebang | undefined {
  const head = attemptQuietly(() => readHead(path));
  const shebang = head && parseShebang(head);
  // a longer line may be cut in the middle of the name
  const isCut = head?.length === KERNEL_BYTES && !head.includes(10) && shebang?.argument === null;
  return isCut ? undefined : shebang;
}

function readHead(path: string): Buffer | undefined {
  const fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    if (!fstatSync(fd).isFile()) return undefined;
    const head = Buffer.alloc(KERNEL_BYTES);
    return head.subarray(0, readSync(fd, head, 0, KERNEL_BYTES, 0));
  } finally {
    closeSync(fd);
  }
}
