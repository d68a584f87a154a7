/**
 * `--tell`: queues the end of a job into the thread of Codex that started it, as a message of the user. Codex
 * may keep it unread for long, so the end does not count as told. A failure is recorded, and changes nothing.
 */
import { spawn } from 'node:child_process';
import { withChecksum } from '../base/checksum.ts';
import { callAfter, renderDuration, systemClock } from '../base/clock.ts';
import { writeAtomic } from '../base/fs/atomic-write.ts';
import { attemptQuietly, errnoOf } from '../base/result.ts';
import { clip, safe } from '../base/text/sanitize.ts';
import { type QueuedMessage, tellDue } from '../engine/hooks/message-status.ts';
import { findCommand } from '../engine/os/programs.ts';
import { howEnded } from '../engine/queue/queued-job.ts';
import type { Home } from '../job/home/home.ts';
import { agentEndText, type EndedView } from '../job/view.ts';

const LIMIT_MS = 20_000;
/** Of what codex says about a failure, bytes. */
const MOST_SAID = 4096;
/** A process that codex left may keep stderr open, milliseconds. */
const SAYS_MS = 1000;

/** Null: codex took the message. */
function queueMessage(thread: string, message: string, env: Record<string, string>): Promise<string | null> {
  // never a program of the directory in which the job ran
  const program = findCommand('codex', env['PATH'], '/');
  if (!program.ok) return Promise.resolve('codex was not found in the PATH of the call');
  const args = ['queue', '--thread', thread, '--message', message];
  const child = spawn(program.value, args, {
    cwd: '/',
    detached: true,
    env,
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let said = '';
  child.stderr.on('data', (bytes: Buffer) => {
    said = (said + bytes.toString()).slice(-MOST_SAID);
  });
  return new Promise((resolve) => {
    const giveUp = () => {
      // it ended meanwhile, and its exit says how
      if (child.exitCode !== null || child.signalCode !== null) return;
      attemptQuietly(() => process.kill(-child.pid!, 'SIGKILL'));
      done(`codex did not end within ${renderDuration(LIMIT_MS)}`);
    };
    // after a machine stood still the limit and the exit are due at once: the exit is read first
    const disarm = callAfter(LIMIT_MS, () => setImmediate(giveUp));
    const done = (why: string | null) => {
      disarm();
      child.stderr.destroy();
      resolve(why);
    };
    child.once('error', (error) => done(`codex could not be started (${errnoOf(error)})`));
    child.once('exit', (code, signal) => {
      if (code === 0) return done(null);
      // its last words may still be in the pipe
      const end = () => {
        const last = clip(safe(said.trim().split('\n').at(-1)!), 200);
        done(`codex queue: ${signal ?? `exit code ${code}`}${last && `: ${last}`}`);
      };
      child.stderr.once('close', end);
      callAfter(SAYS_MS, end);
    });
  });
}

/** Tells the agent, if it is to be told, and records how that went. */
export async function tellEnd(home: Home, view: EndedView): Promise<void> {
  const { tell, session } = view.spec;
  if (tell === null || session === null || !tellDue(view)) return;
  const entries = tell.env.map((entry) => {
    const equals = entry.indexOf('=');
    return [entry.slice(0, equals), entry.slice(equals + 1)];
  });
  const how = howEnded(view.status.outcome).replace(/^was /, '');
  const why = await queueMessage(session.id, agentEndText(view, how), Object.fromEntries(entries));
  const queued: QueuedMessage = { v: 1, at: systemClock.now(), why };
  attemptQuietly(() => writeAtomic(home.job(view.id).queuedMessage, withChecksum(queued)));
}
