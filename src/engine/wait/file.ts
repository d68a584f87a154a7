/** Waiting until a path exists. By looking, not by a watch: a watch needs a directory that is there, and is blind on NFS. */
import { existsSync, stat } from 'node:fs';
import { systemClock } from '../../base/clock.ts';
import { clip, safe } from '../../base/text/sanitize.ts';
import { fail, ok, type Result } from '../../job/failure.ts';
import type { ConditionMet, Report } from './condition.ts';
import { sleep } from './job-end.ts';

const POLL_MS = 50;
const PATIENT_AFTER_MS = 60_000;
const SLOW_POLL_MS = 150;
const TEXT_LIMIT = 200;

/** Not in the thread of JavaScript: a dead network disk would hold up every other condition. */
const look = (path: string): Promise<'there' | string> =>
  new Promise((resolve) => stat(path, (error) => resolve(error ? (error.code ?? 'EIO') : 'there')));

const met = (path: string): ConditionMet => ({ condition: 'file', facts: { file: path } });

/** What there is to say if the path exists at this moment. */
export const metIfThere = (path: string): ConditionMet | undefined =>
  existsSync(path) ? met(path) : undefined;

/** Until the (absolute) path exists, links followed; fails for a path that no file can have. */
export async function waitFile(
  path: string,
  abort: AbortSignal,
  report: Report,
): Promise<Result<ConditionMet | undefined>> {
  const begun = systemClock.monotonic();
  let told = '';
  const aborted = new Promise<'aborted'>((resolve) =>
    abort.addEventListener('abort', () => resolve('aborted'), { once: true }),
  );
  while (!abort.aborted) {
    const found = await Promise.race([look(path), aborted]);
    if (found === 'aborted') break;
    const shown = clip(safe(path), TEXT_LIMIT);
    if (found === 'there') return ok(met(path));
    if (found === 'ENAMETOOLONG') return fail({ code: 'io', doing: 'wait for', path, errno: found });
    if (found !== 'ENOENT' && found !== 'ENOTDIR' && found !== told) {
      told = found;
      report(`cannot look at ${shown} (${found}); still waiting`);
    }
    await sleep(systemClock.monotonic() - begun > PATIENT_AFTER_MS ? SLOW_POLL_MS : POLL_MS, abort);
  }
  return ok(undefined);
}
