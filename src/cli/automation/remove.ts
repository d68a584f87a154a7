/** Shared by `cron` and `trigger`: options that only `add` takes, and `rm`. */
import { attempt } from '../../base/fs/atomic-write.ts';
import { wakeServices } from '../../engine/automation/service-jobs.ts';
import { liveJobs } from '../../engine/automation/start-once.ts';
import { removeTemplate } from '../../job/automation/template-records.ts';
import { fail, ok, type Result } from '../../job/failure.ts';
import type { Home } from '../../job/home/home.ts';
import type { TemplatePaths } from '../../job/home/paths.ts';
import { type Exit, type Input, SUCCESS } from '../command/command.ts';
import { jobsGoOn, optionOfAdd, templateRemoved } from '../messages/automation.ts';
import type { Output } from '../output/output.ts';

const isGiven = (value: unknown): boolean =>
  value !== null && value !== false && !(Array.isArray(value) && value.length === 0);

export function checkPlain(verb: 'cron' | 'trigger', options: object): Result<void> {
  const given = Object.entries(options as Input['options']).filter(
    ([name, value]) => name !== 'json' && name !== 'color' && isGiven(value),
  );
  const stray = given[0]?.[0];
  return stray === undefined ? ok(undefined) : fail(optionOfAdd(verb, stray));
}

/** The scheduler or listener ends if it was the last one. */
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
    output.line(templateRemoved(name));
    if (live.length > 0) output.note(jobsGoOn(live));
  }
  return ok(SUCCESS);
}
