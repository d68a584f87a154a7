/** The table of verbs, in the order in which help lists them. */
import type { Verb } from './command/command.ts';
import { boot } from './commands/boot.ts';
import { completion } from './commands/completion.ts';
import { cron } from './commands/cron.ts';
import { doctor } from './commands/doctor.ts';
import { gc } from './commands/gc.ts';
import { hook } from './commands/hook.ts';
import { kill } from './commands/kill.ts';
import { ls } from './commands/ls.ts';
import { move } from './commands/move.ts';
import { path } from './commands/path.ts';
import { pause } from './commands/pause.ts';
import { queue } from './commands/queue.ts';
import { restart } from './commands/restart.ts';
import { resume } from './commands/resume.ts';
import { run } from './commands/run.ts';
import { send } from './commands/send.ts';
import { set } from './commands/set.ts';
import { show } from './commands/show.ts';
import { skill } from './commands/skill.ts';
import { status } from './commands/status.ts';
import { tail } from './commands/tail.ts';
import { targets } from './commands/targets.ts';
import { trigger } from './commands/trigger.ts';
import { wait } from './commands/wait.ts';
import { watch } from './commands/watch.ts';
import { withVerb } from './commands/with.ts';

export const VERBS: readonly Verb[] = [
  run,
  withVerb,
  ls,
  watch,
  status,
  show,
  tail,
  path,
  wait,
  kill,
  send,
  pause,
  resume,
  set,
  restart,
  queue,
  move,
  cron,
  trigger,
  targets,
  boot,
  gc,
  skill,
  hook,
  doctor,
  completion,
];
