/** The draft of a job that `restart` starts once more. What can be refused is refused here. */
import { closeSync, constants, existsSync, fstatSync, openSync, readFileSync } from 'node:fs';
import { errnoOf } from '../../base/result.ts';
import { openInput } from '../../engine/launch/job-stdin.ts';
import type { Draft } from '../../engine/launch/launch.ts';
import { followLink, movePwd } from '../../engine/launch/moved-draft.ts';
import { parseEnvironment } from '../../engine/launch/stored-environment.ts';
import { findCommand } from '../../engine/os/programs.ts';
import { placementFor } from '../../engine/queue/enqueue.ts';
import { fail, ok, type Result } from '../../job/failure.ts';
import type { Home } from '../../job/home/home.ts';
import type { JobPaths } from '../../job/home/paths.ts';
import { unknownNeeds } from '../../job/needs.ts';
import { NO_QUEUE } from '../../job/queue/queue-order.ts';
import type { JobId, Placement, Spec } from '../../job/spec.ts';
import { type EndedView, isWaiting, type LiveView } from '../../job/view.ts';
import type { Context } from '../command/context.ts';
import { enterable, environmentFor, parentOf } from './draft.ts';
import { tellEnvironment } from './message-option.ts';
import { notifyTargets } from './notify-option.ts';

export interface Redraft {
  draft: Draft;
  environment: 'caller' | 'kept';
}

/** The draft without what the job waited for. */
export function redraftOf(context: Context, home: Home, view: LiveView | EndedView): Result<Redraft> {
  const { v, id, needs, restartOf, createdAt, createdMonotonicMs, bootId, machine, ...before } = view.spec;
  if (isWaiting(view)) return fail({ code: 'not-restarted', id, why: 'queued' });
  if (unknownNeeds(view.spec).length > 0) return fail({ code: 'not-restarted', id, why: 'newer' });
  const rest = followLink(before);
  const { cwd, argv, keepEnv } = rest;
  const directory = enterable(cwd);
  if (!directory.ok) return directory;
  // the script of the job is written again, so it need not exist
  const isOwnScript = rest.script?.at === 0;
  const path = rest.env.findLast((entry) => entry.startsWith('PATH='))?.slice(5) ?? context.env['PATH'];
  const program = isOwnScript ? ok(argv[0]!) : findCommand(argv[0]!, keepEnv ? undefined : path, cwd);
  if (!program.ok) return program;
  const job = home.job(id);
  let scriptBytes: Uint8Array | undefined;
  let payload: Uint8Array | undefined;
  let environment: string[] | undefined;
  for (const why of ['script', 'input', 'environment'] as const)
    try {
      if (why === 'input' && rest.stdin?.kind === 'kept') closeSync(openInput(job, rest)!);
      if (why === 'input' && existsSync(job.payload)) payload = readOwn(job.payload);
      if (why === 'script' && rest.script) scriptBytes = readOwn(job.script);
      if (why === 'environment' && keepEnv) environment = movePwd(readEnvironment(job), before.cwd, cwd);
    } catch (thrown) {
      return fail({ code: 'not-restarted', id, why, errno: errnoOf(thrown) });
    }
  // programs believe PWD: it must not name the directory of the call
  const hasPwd = environment !== undefined || rest.env.some((entry) => entry.startsWith('PWD='));
  const env = hasPwd ? rest.env : [...rest.env, `PWD=${cwd}`];
  const session = context.session();
  const draft: Draft = {
    ...rest,
    env,
    ...(environment ? { environment } : environmentFor(context, { ...rest, env })),
    notify: rest.notify && { ...rest.notify, ...notifyTargets(context.env) },
    tell: session?.host === 'codex' ? rest.tell && { ...rest.tell, env: tellEnvironment(context.env) } : null,
    placement: placementAgain(rest, new Map()),
    parent: parentOf(context),
    session,
    restartOf: id,
    origin: null,
    ...(scriptBytes && { scriptBytes }),
    // a hard link to the input of the old job: it stays when gc removes that job
    ...(rest.stdin?.kind === 'kept' && { inputCopy: job.input }),
    ...(payload && { payload }),
  };
  return ok({ draft, environment: environment ? 'kept' : 'caller' });
}

/**
 * The same queue, priority and batch, in the sandbox of the call. The job waits again only for jobs that are
 * restarted with it: `renewed` has their new ids by the old ones.
 */
export function placementAgain(
  { placement, retry, target }: Pick<Spec, 'placement' | 'retry' | 'target'>,
  renewed: ReadonlyMap<JobId, JobId>,
): Placement | null {
  if (placement === null) return null;
  const after = placement.after.flatMap(({ id, any }) => {
    const now = renewed.get(id);
    return now === undefined ? [] : [{ id: now, any }];
  });
  const { queue, priority, batch } = placement;
  const waits = queue !== NO_QUEUE || retry > 0 || after.length > 0;
  const again = placementFor(target, waits ? { queue, priority, notBefore: null, after } : null);
  return again && { ...again, batch };
}

/** A file of a job's directory. Never follows a link, never hangs on a FIFO. Throws system errors. */
function readOwn(path: string): Buffer {
  const { O_RDONLY, O_NOFOLLOW, O_NONBLOCK } = constants;
  const fd = openSync(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  try {
    if (!fstatSync(fd).isFile()) throw Object.assign(new Error(path), { code: 'EINVAL' });
    return readFileSync(fd);
  } finally {
    closeSync(fd);
  }
}

function readEnvironment(job: JobPaths): string[] {
  const parsed = parseEnvironment(readOwn(job.env).toString('utf8'));
  if (!parsed.ok) throw Object.assign(new Error(job.env), { code: 'EINVAL' });
  return parsed.value;
}
