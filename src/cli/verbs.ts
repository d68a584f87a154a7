/**
 * The verbs, in the order of the help. Each is loaded when it is called: what only another verb needs is neither run nor compiled.
 */
import type { Verb } from './command.ts';

const LOADERS: Readonly<Record<string, () => Verb>> = {
  run: () => (require('./commands/run.ts') as typeof import('./commands/run.ts')).run,
  ls: () => (require('./commands/ls.ts') as typeof import('./commands/ls.ts')).ls,
  status: () => (require('./commands/status.ts') as typeof import('./commands/status.ts')).status,
  show: () => (require('./commands/show.ts') as typeof import('./commands/show.ts')).show,
  tail: () => (require('./commands/tail.ts') as typeof import('./commands/tail.ts')).tail,
  path: () => (require('./commands/path.ts') as typeof import('./commands/path.ts')).path,
  wait: () => (require('./commands/wait.ts') as typeof import('./commands/wait.ts')).wait,
  kill: () => (require('./commands/kill.ts') as typeof import('./commands/kill.ts')).kill,
  gc: () => (require('./commands/gc.ts') as typeof import('./commands/gc.ts')).gc,
};

/** Their names. */
export const VERB_NAMES: readonly string[] = Object.keys(LOADERS);

/** The verb of this name; undefined if there is none. */
export const loadVerb = (name: string | undefined): Verb | undefined =>
  name !== undefined && Object.hasOwn(LOADERS, name) ? LOADERS[name]!() : undefined;

/** All of them, for help and suggestions. */
export const loadVerbs = (): Verb[] => Object.values(LOADERS).map((load) => load());
