/**
 * Gives the calls of an agent a limit: BGJOB_MAX_WAIT below the time after which Claude Code takes its tool
 * from a command. Claude Code runs the lines of $CLAUDE_ENV_FILE before each command.
 */
import { parseDuration } from '../../base/clock.ts';
import { appendLine } from '../../base/fs/user-files.ts';
import { ignoreSystemError } from '../../base/result.ts';

const DEFAULT_LIMIT_MS = 120_000;

/** Seconds: with the default of two minutes 100. The rest is for the start and the answer of the call. */
export function maxWaitSeconds(env: NodeJS.ProcessEnv): number {
  const limitMs = Number(env['BASH_DEFAULT_TIMEOUT_MS']);
  return Math.max(1, Math.floor(((limitMs > 0 ? limitMs : DEFAULT_LIMIT_MS) * 5) / 6000));
}

/** Adds the line, unless it is there, or the user has a lower limit. `configMs`: the limit of config.json. */
export function giveMaxWait(env: NodeJS.ProcessEnv, configMs: number | null): void {
  const path = env['CLAUDE_ENV_FILE'];
  if (!path) return;
  const seconds = maxWaitSeconds(env);
  const text = env['BGJOB_MAX_WAIT'];
  const own = text ? parseDuration(text) : configMs;
  if (typeof own === 'number' && own <= seconds * 1000) return;
  try {
    appendLine(path, `export BGJOB_MAX_WAIT=${seconds}s`);
  } catch (thrown) {
    ignoreSystemError(thrown);
  }
}
