/**
 * What `run` does with a name: refuse, use the live job (--reuse), or stop it first (--replace). Others may do the same at
 * the same instant: the claim of the name decides in `launch`, and whoever lost looks again.
 */
import { systemClock } from '../base/clock.ts';
import { type Failure, fail, ok, type Result } from '../base/failure.ts';
import { plural, safe } from '../base/text.ts';
import type { Home } from '../job/home.ts';
import { commandText, type JobId, type JobView, type Spec, type Stop } from '../job/job.ts';
import { readClaims, type Title, titleOf } from '../job/names.ts';
import { isName } from '../job/project.ts';
import { markSeen } from '../job/store.ts';
import { holderOf, nameTaken, waitSettled } from '../process/holder.ts';
import { type Draft, launch } from '../process/launch.ts';
import { processesOf } from '../process/leftovers.ts';
import { observe } from '../process/observe.ts';
import { isListening, portsOf } from '../process/ports.ts';
import { type Stopped, stopJob } from '../process/stopped.ts';
import type { Output } from './output.ts';
import { judgeable } from './select.ts';
import { jobLabel } from './wording.ts';

/** The options of `run` that decide what becomes of a live job of the name. */
export const NAMING_OPTIONS = {
  name: {
    kind: 'text',
    short: '-n',
    value: 'NAME',
    text: 'a name for it; one live job of a name per project',
  },
  reuse: {
    kind: 'flag',
    text: 'with --name: use the live job of that name, start one only if there is none',
  },
  replace: {
    kind: 'flag',
    text: 'with --name: stop the live job of that name first, with all its processes',
  },
} as const;

export type Naming = 'alone' | 'reuse' | 'replace';

/** What is to become of a live job of the same name; fails where the options contradict each other. */
export function parseNaming(options: {
  name: string | null;
  reuse: boolean;
  replace: boolean;
}): Result<Naming> {
  const { name, reuse, replace } = options;
  const usage = (message: string, hint?: string) =>
    fail({ code: 'usage', message, ...(hint !== undefined && { hint }) });
  if (name !== null && !isName(name))
    return usage(
      `--name: "${safe(name)}" is not a name: letters, digits and . _ - (64 at most), a letter or digit first, not digits alone`,
    );
  if (reuse && replace) return usage('--reuse and --replace exclude each other');
  if (name === null && (reuse || replace))
    return usage(
      `--${reuse ? 'reuse' : 'replace'} needs --name`,
      `bgjob run -n web --${reuse ? 'reuse' : 'replace'} -- command`,
    );
  return ok(reuse ? 'reuse' : replace ? 'replace' : 'alone');
}

/** What was started, or found. */
export interface Started {
  id: JobId;
  /** It ran already. */
  reused: boolean;
  /** The jobs that were stopped for it. */
  replaced: JobId[];
}

/** So often another one is first, with as many callers at once as anybody will have. */
const MOST_TRIES = 100;
/** How long a port may stay taken after its job is gone, and how often that is looked at, milliseconds. */
const PORT_LIMIT_MS = 10_000;
const PORT_LOOK_MS = 20;

/** Starts the job, or finds or replaces the one that has its name. `mayStart` is asked before anything is started. */
export async function start(
  output: Output,
  home: Home,
  draft: Draft,
  naming: Naming,
  mayStart: () => Promise<Result<void>>,
): Promise<Result<Started>> {
  const title = titleOf(draft);
  const replaced: JobId[] = [];
  for (let tries = 1; ; tries++) {
    if (title && naming === 'replace') {
      const cleared = await clearName(output, home, title, replaced);
      if (!cleared.ok) return cleared;
    }
    // a live job of the name is told, or used, before its port is found taken
    const holder = title && naming !== 'replace' ? holderOf(home, title) : undefined;
    const may = holder ? ok(undefined) : await mayStart();
    if (!may.ok) return may;
    const launched = title && holder ? fail(nameTaken(title, holder)) : await launch(home, draft);
    if (launched.ok) return ok({ id: launched.value, reused: false, replaced });
    const { failure } = launched;
    if (failure.code !== 'name-taken') return launched;
    if (naming === 'alone' || tries === MOST_TRIES) return fail(await withPorts(home, failure));
    if (naming === 'replace') continue;
    // an id is printed only of a job that runs: one that gives way is no job
    const view = await waitSettled(home, failure.id);
    if (!view) continue;
    if (!('spec' in view)) return judgeable(view) as Result<never>;
    noteDifference(output, view, draft);
    return ok({ id: view.id, reused: true, replaced });
  }
}

async function withPorts(home: Home, failure: Extract<Failure, { code: 'name-taken' }>): Promise<Failure> {
  const view = observe(home, failure.id);
  const processes = view ? await processesOf(home, view) : [];
  return { ...failure, ports: portsOf(processes.map(({ pid }) => pid)) };
}

function noteDifference(output: Output, view: JobView & { spec: Spec }, draft: Draft): void {
  const { spec } = view;
  const differs = [
    ...(spec.argv.join('\0') === draft.argv.join('\0') ? [] : [`runs ${safe(commandText(spec))}`]),
    ...(spec.cwd === draft.cwd ? [] : [`runs in ${safe(spec.cwd)}`]),
  ];
  if (differs.length > 0)
    output.note(
      `(${jobLabel(view)} is not what was asked for: it ${differs.join(' and ')}; --replace stops it)`,
    );
}

/** Stops the job that has the name, or what ended ones left, and waits until their ports are free. */
async function clearName(output: Output, home: Home, title: Title, replaced: JobId[]): Promise<Result<void>> {
  const holder = holderOf(home, title);
  if (holder) {
    const view = await waitSettled(home, holder.id);
    return view ? stopOne(output, home, title, view, replaced) : ok(undefined);
  }
  for (const { id } of readClaims(home, title)) {
    const view = observe(home, id);
    const left = view?.kind === 'ended' ? await processesOf(home, view) : [];
    if (!view || left.length === 0) continue;
    const stopped = await stopOne(output, home, title, view, replaced);
    if (!stopped.ok) return stopped;
  }
  return ok(undefined);
}

async function stopOne(
  output: Output,
  home: Home,
  title: Title,
  view: JobView,
  replaced: JobId[],
): Promise<Result<void>> {
  const judged = judgeable(view);
  if (!judged.ok) return judged;
  const { id, spec } = judged.value;
  if (process.env['BGJOB_ID'] === String(id) && process.env['BGJOB_TOKEN'] === home.token)
    return fail({
      code: 'usage',
      message: `${jobLabel(view)} cannot replace itself: it would be stopped first`,
    });
  const stop: Stop = {
    by: 'run --replace',
    cause: 'kill',
    signal: 'SIGTERM',
    graceMs: spec.graceMs,
    at: systemClock.now(),
  };
  const done = await stopJob(home, judged.value, stop);
  // another one may have stopped it, and gc taken it away, meanwhile
  if (!done.ok) return observe(home, id) ? done : ok(undefined);
  if (done.value.after.kind === 'live') return fail({ code: 'not-verified', id, pids: [], why: 'no-answer' });
  const free = await waitPortsFree(home, title, id, done.value.ports);
  if (!free.ok) return free;
  replaced.push(id);
  markSeen(home.job(id));
  if (!output.json) output.note(replacedText(done.value));
  return ok(undefined);
}

/** Resolves when nobody listens there any more, or when the next job of the name does: that has to be stopped first. */
async function waitPortsFree(home: Home, title: Title, id: JobId, ports: number[]): Promise<Result<void>> {
  const deadline = systemClock.monotonic() + PORT_LIMIT_MS;
  for (;;) {
    const port = ports.find(isListening);
    if (port === undefined || holderOf(home, title)) return ok(undefined);
    if (systemClock.monotonic() > deadline)
      return fail({ code: 'port-not-free', name: title.name, id, port });
    await systemClock.sleep(PORT_LOOK_MS);
  }
}

function replacedText({ before, processes, ports }: Stopped): string {
  const count = plural(processes, 'process', 'processes');
  const left = before.kind === 'ended' ? ' that it left' : '';
  return `replaced ${jobLabel(before)}: killed ${count}${left}${portText(ports)}`;
}

/** `, port 3000 free`: what became of the ports of processes that are gone. */
export function portText(ports: number[]): string {
  const free = ports.filter((port) => !isListening(port));
  const taken = ports.filter((port) => isListening(port));
  const word = (list: number[], state: string) =>
    list.length === 0 ? '' : `, ${list.length === 1 ? 'port' : 'ports'} ${list.join(' ')} ${state}`;
  return word(free, 'free') + word(taken, 'taken by somebody else');
}
