/** What `cron` and `trigger` do alike: options that only `add` takes, and removing one. */
import { attempt } from '../../base/fs/atomic-write.ts';
import { plural } from '../../base/text/sanitize.ts';
import { wakeServices } from '../../engine/automation/service-jobs.ts';
import { liveJobs } from '../../engine/automation/start-once.ts';
import { removeTemplate } from '../../job/automation/template-records.ts';
import { type Failure, fail, ok, type Result } from '../../job/failure.ts';
import type { Home } from '../../job/home/home.ts';
import type { TemplatePaths } from '../../job/home/paths.ts';
import { type Exit, type Input, SUCCESS } from '../command/command.ts';
import type { Output } from '../output/output.ts';

export const usage = (message: string, hint: string): { ok: false; failure: Failure } =>
  fail({ code: 'usage', message, hint });

const isGiven = (value: unknown): boolean =>
  value !== null && value !== false && !(Array.isArray(value) && value.length === 0);

/** Fails for an option that only `add` takes. */
export function checkPlain(verb: 'cron' | 'trigger', options: object): Result<void> {
  const given = Object.entries(options as Input['options']).filter(
    ([name, value]) => name !== 'json' && isGiven(value),
  );
  const stray = given[0]?.[0];
  return stray === undefined ? ok(undefined) : usage(`--${stray} is for ${verb} add`, `bgjob ${verb} --help`);
}

/** Removes one, and tells what of it goes on. What serves them ends, if that was the last. */
export function removeOne(
  output: Output,
  home: Home,
  paths: TemplatePaths,
  { kind, name, known }: { kind: 'schedule' | 'trigger'; name: string; known: string[] },
): Result<Exit> {
  const live = liveJobs(home, paths);
  const removed = attempt(`remove ${kind}`, paths.dir, () => removeTemplate(home, paths));
  if (!removed.ok) return removed;
  if (!removed.value) return fail({ code: 'no-such-starter', kind, name, known });
  wakeServices(kind === 'schedule' ? home.schedules : home.triggers);
  if (output.json) output.object({ v: 1, name, removed: true, running: live });
  else {
    output.line(`${name}: removed`);
    if (live.length > 0)
      output.note(
        `(${plural(live.length, 'job')} of it ${live.length === 1 ? 'goes' : 'go'} on: bgjob kill ${live.join(' ')})`,
      );
  }
  return ok(SUCCESS);
}
