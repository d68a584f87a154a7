/** A draft whose directory is another one by now: a link that leads to it was moved. */
import { directoryNow } from '../../base/fs/moving-link.ts';
import { projectOf } from '../../job/home/project.ts';
import type { Spec } from '../../job/spec.ts';

type Movable = Pick<Spec, 'cwd' | 'cwdLink' | 'project' | 'argv' | 'words' | 'env' | 'stdin'>;

/** The same variables, with a PWD that names the new directory. */
export const movePwd = (variables: string[], from: string, to: string): string[] =>
  variables.map((entry) => (entry === `PWD=${from}` ? `PWD=${to}` : entry));

/** The same draft in another directory. The program and the input move along if they lie below it. */
export function moveDraft<D extends Movable>(draft: D, to: string): D {
  const { cwd, argv, words, stdin } = draft;
  const inside = (path: string) => (path.startsWith(`${cwd}/`) ? to + path.slice(cwd.length) : path);
  const [program = '', ...rest] = argv;
  return {
    ...draft,
    cwd: to,
    project: projectOf(to),
    // a program with an absolute path is meant as it stands
    argv: words[0]?.startsWith('/') ? argv : [inside(program), ...rest],
    env: movePwd(draft.env, cwd, to),
    stdin: stdin?.kind === 'file' ? { ...stdin, path: inside(stdin.path) } : stdin,
  };
}

/** The draft of a job that ran in a link, where that leads now. */
export function followLink<D extends Movable>(draft: D): D {
  const now = draft.cwdLink === null ? undefined : directoryNow(draft.cwdLink);
  return now === undefined || now === draft.cwd ? draft : moveDraft(draft, now);
}
