/** `bgjob gc`: removes ended jobs that are old, or too many, or too large. */
import { errnoOf } from '../../base/result.ts';
import { collect } from '../../engine/gc/collect.ts';
import { withGcLock } from '../../engine/gc/gc-lock.ts';
import { fail, ok } from '../../job/failure.ts';
import { NO_CONFIG } from '../../job/home/config.ts';
import type { RetentionRules } from '../../job/home/retention.ts';
import { SUCCESS, verb } from '../command/command.ts';
import { removedJobsText } from '../messages/lists.ts';

/** `--ended`: all jobs that have ended. */
const ALL_ENDED: RetentionRules = { olderThanMs: -1, keep: 0, maxTotalBytes: 0, unseenFailureMs: -1 };

export const gc = verb({
  name: 'gc',
  operands: '',
  arity: [0, 0],
  changes: true,
  summary: 'remove ended jobs that are old, or too many, or too large',
  description: [
    'Removes jobs that ended more than 7 days ago, all but the newest 2,000, and the oldest ones if their',
    'logs, inputs and payloads take more than 2 GiB.',
    '',
    'A failure that was not shown yet is kept for 30 days. A job that lives or waits, a job that another',
    'one waits for, and a job that left processes running are never removed.',
    '',
    'gc also runs by itself now and then. The limits can be changed in config.json of the home',
    '(retention).',
  ],
  examples: [
    ['bgjob gc --dry-run', 'show what would be removed'],
    ['bgjob gc --ended', 'remove all jobs that have ended'],
  ],
  options: {
    'older-than': { kind: 'duration', value: 'DUR', text: 'remove jobs that ended longer ago (default 7d)' },
    keep: { kind: 'count', value: 'N', text: 'keep at most the newest N jobs (default 2000)' },
    'max-total': {
      kind: 'size',
      value: 'SIZE',
      text: 'keep at most SIZE of logs, inputs and payloads (default 2G)',
    },
    ended: { kind: 'flag', text: 'remove all jobs that have ended' },
    'dry-run': { kind: 'flag', text: 'only print what would be removed' },
  },
  async run(context, { options }) {
    const { output } = context;
    const opened = context.home();
    if (!opened.ok) return opened;
    const home = opened.value;
    // with a broken config.json the rules are not known, and nothing is removed
    const config = options.ended ? ok(NO_CONFIG) : context.config();
    if (!config.ok) return config;
    const { retention } = config.value;
    const rules: RetentionRules = options.ended
      ? ALL_ENDED
      : {
          ...retention,
          olderThanMs: options['older-than'] ?? retention.olderThanMs,
          keep: options.keep ?? retention.keep,
          maxTotalBytes: options['max-total'] ?? retention.maxTotalBytes,
        };
    const dryRun = options['dry-run'];
    try {
      const nothing = { removed: [], freedBytes: 0, live: 0, kept: 0 };
      const done = home ? await withGcLock(home, () => collect(home, rules, dryRun)) : nothing;
      if (output.json) {
        output.object({ v: 1, dryRun, ...done });
      } else {
        output.line(removedJobsText(dryRun, done));
      }
      return ok(SUCCESS);
    } catch (thrown) {
      return fail({ code: 'io', doing: 'clean up', path: home?.path ?? '', errno: errnoOf(thrown) });
    }
  },
});
