/** The table of verbs, in the order of the help. */
import type { Verb } from './command.ts';
import { gc } from './commands/gc.ts';
import { kill } from './commands/kill.ts';
import { ls } from './commands/ls.ts';
import { move } from './commands/move.ts';
import { path } from './commands/path.ts';
import { queue } from './commands/queue.ts';
import { run } from './commands/run.ts';
import { send } from './commands/send.ts';
import { show } from './commands/show.ts';
import { status } from './commands/status.ts';
import { tail } from './commands/tail.ts';
import { wait } from './commands/wait.ts';

export const VERBS: readonly Verb[] = [run, ls, status, show, tail, path, wait, kill, send, queue, move, gc];
