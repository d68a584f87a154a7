/** Waits until a path exists. It polls: a watch needs an existing directory, and does not work on NFS. */
import { existsSync, stat } from 'node:fs';
import { sleep, systemClock } from '../../base/clock.ts';
import { fail, ok, type Result } from '../../job/failure.ts';
import type { ConditionMet, Report } from './condition.ts';

const POLL_MS = 50;
const SLOW_AFTER_MS = 60_000;
const SLOW_POLL_MS = 150;

/** Asynchronous: a dead network disk would block every other condition. */
const check = (path: string): Promise<'there' | string> =>
  new Promise((resolve) => stat(path, (error) => resolve(error ? (error.code ?? 'EIO') : 'there')));

const met = (path: string): ConditionMet => ({ condition: 'file', facts: { file: path } });

/** The answer if the path exists at this moment. */
export const checkFile = (path: string): ConditionMet | undefined =>
  existsSync(path) ? met(path) : undefined;

/** Waits until the (absolute) path exists; links are followed. Fails for a path that no file can have. */
export async function waitFile(
  path: string,
  abort: AbortSignal,
  report: Report,
): Promise<Result<ConditionMet | undefined>> {
  const begun = systemClock.monotonic();
  const aborted = new Promise<'aborted'>((resolve) =>
    abort.addEventListener('abort', () => resolve('aborted'), { once: true }),
  );
  while (!abort.aborted) {
    const found = await Promise.race([check(path), aborted]);
    if (found === 'aborted') break;
    if (found === 'there') return ok(met(path));
    if (found === 'ENAMETOOLONG') return fail({ code: 'io', doing: 'wait for', path, errno: found });
    if (found !== 'ENOENT' && found !== 'ENOTDIR') report({ kind: 'file-unreadable', path, errno: found });
    await sleep(systemClock.monotonic() - begun > SLOW_AFTER_MS ? SLOW_POLL_MS : POLL_MS, abort);
  }
  return ok(undefined);
}
