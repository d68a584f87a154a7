/**
 * The hook process of an ended job: --notify, --tell, and at the same time the --on-exit line, in the job's directory
 * and environment, for at most a minute. Then all processes that the line started are killed. The result is
 * recorded and changes nothing else. Where Node or bgjob is gone, the supervisor of the job does this itself.
 */
import { spawn } from 'node:child_process';
import { closeSync } from 'node:fs';
import { constants } from 'node:os';
import { withChecksum } from '../base/checksum.ts';
import { callAfter, systemClock } from '../base/clock.ts';
import { writeAtomic } from '../base/fs/atomic-write.ts';
import { createLog } from '../base/fs/open-file.ts';
import { attemptQuietly, errnoOf } from '../base/result.ts';
import { claimHook, HOOK_LIMIT_MS, type HookEnd } from '../engine/hooks/exit-hook.ts';
import { withEnvMarker } from '../engine/launch/environment.ts';
import { forgetEnvironment, readStoredEnvironment } from '../engine/launch/stored-environment.ts';
import { observe } from '../engine/observe/observe.ts';
import {
  findProcesses,
  hookEnvMarkerOf,
  type OnFound,
  type ProcessRecords,
  sweep,
} from '../engine/observe/process-tree.ts';
import { identify, type ProcessStat } from '../engine/os/process-identity.ts';
import { findTool, requireTool } from '../engine/os/programs.ts';
import type { Home } from '../job/home/home.ts';
import { hasHook, type Spec } from '../job/spec.ts';
import { exitCodeOf } from '../job/state.ts';
import { type EndedView, stateWord } from '../job/view.ts';
import { notifyEnd } from './notify.ts';
import { tellEnd } from './queue-message.ts';

/** The end may take so long to be readable on a full or slow disk, milliseconds. */
const END_MS = 10_000;
const END_POLL_MS = 50;
const LEFTOVERS_POLL_MS = 500;

type End = Pick<HookEnd, 'code' | 'why'>;

export async function runHook(home: Home, spec: Spec): Promise<void> {
  const view = await untilEnded(home, spec.id);
  if (!view || !hasHook(spec) || !claimHook(home.job(spec.id))) return;
  const told = [notifyEnd(home, spec, view), tellEnd(home, view)];
  if (spec.onExit !== null) await runLine(home, spec, view);
  await Promise.all(told);
}

async function runLine(home: Home, spec: Spec, view: EndedView): Promise<void> {
  const startedAt = systemClock.now();
  const begun = systemClock.monotonic();
  const { job, child, trail, ended } = startLine(home, spec, view);
  forgetEnvironment(home, spec);
  let isOver = false;
  const find = (onFound?: OnFound): Promise<ProcessStat[]> => findProcesses(trail(), onFound);
  const limit = new Promise<End>((resolve) => {
    const disarm = callAfter(HOOK_LIMIT_MS, async () => {
      isOver = true;
      // first the shell: it would run its next command when the current one is killed
      child.kill('SIGKILL');
      await sweep(systemClock, find);
      resolve({ code: null, why: 'its minute was over' });
    });
    void ended.then(disarm);
  });
  const first = await Promise.race([limit, ended]);
  // after our own kill, `ended` may win the race
  const { code, why } = isOver ? await limit : first;
  const end: HookEnd = { v: 1, startedAt, endedAt: systemClock.now(), code, why };
  attemptQuietly(() => writeAtomic(job.hooked, withChecksum(end)));
  // what it started in the background gets the same minute
  while (!isOver && (await find()).length > 0) {
    if (systemClock.monotonic() - begun >= HOOK_LIMIT_MS) {
      await sweep(systemClock, find);
      break;
    }
    await systemClock.sleep(LEFTOVERS_POLL_MS);
  }
}

/** Undefined if the end does not come, or the job was removed. */
async function untilEnded(home: Home, id: number): Promise<EndedView | undefined> {
  for (const deadline = systemClock.monotonic() + END_MS; ; ) {
    const view = observe(home, id);
    if (view?.kind === 'ended') return view;
    if (!view || systemClock.monotonic() > deadline) return undefined;
    await systemClock.sleep(END_POLL_MS);
  }
}

function startLine(home: Home, spec: Spec, view: EndedView) {
  const job = home.job(spec.id);
  const self = identify(process.pid)!;
  const bash = findTool('bash');
  const shell = bash ? [bash, '-o', 'pipefail'] : [requireTool('sh')];
  // without disk space its output is lost
  const log = attemptQuietly(() => createLog(job.hookLog)) ?? 'ignore';
  const umask = process.umask();
  if (spec.placement) process.umask(spec.placement.umask);
  const child = spawn(shell[0]!, [...shell.slice(1), '-c', spec.onExit!], {
    cwd: spec.cwd,
    detached: true,
    env: environmentOf(home, spec, view),
    stdio: ['ignore', log, log],
  });
  process.umask(umask);
  if (typeof log === 'number') closeSync(log);
  const main = child.pid === undefined ? undefined : identify(child.pid);
  const ended = new Promise<End>((resolve) => {
    child.once('error', (error) =>
      resolve({ code: null, why: `it could not be started (${errnoOf(error)})` }),
    );
    child.once('exit', (code, signal) =>
      resolve({ code: code ?? 128 + constants.signals[signal!], why: null }),
    );
  });
  const trail = (): ProcessRecords => ({
    home,
    id: spec.id,
    main,
    spared: [],
    owner: undefined,
    sinceTicks: self.startTicks,
    left: [],
    watched: true,
    hook: true,
  });
  return { job, child, ended, trail };
}

/** With variables that describe the end. */
function environmentOf(home: Home, spec: Spec, view: EndedView): Record<string, string> {
  const stored = readStoredEnvironment(home, spec);
  const own = Object.entries(process.env).map(([name, value]) => `${name}=${value}`);
  const { outcome } = view.status;
  return {
    ...Object.fromEntries(
      withEnvMarker(stored.kind === 'read' ? stored.value : own, hookEnvMarkerOf(home, spec.id)).map(
        (entry) => {
          const equals = entry.indexOf('=', 1);
          return [entry.slice(0, equals), entry.slice(equals + 1)];
        },
      ),
    ),
    BGJOB_NAME: spec.name ?? '',
    BGJOB_OUTCOME: stateWord(view),
    BGJOB_EXIT_CODE: String(exitCodeOf(outcome)),
    BGJOB_LOG: home.job(spec.id).log,
  };
}
