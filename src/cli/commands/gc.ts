/** `bgjob gc`: removes ended jobs that nobody needs any more. */
import { renderSize } from '../../base/clock.ts';
import { errnoOf } from '../../base/result.ts';
import { collect } from '../../engine/gc/collect.ts';
import { withGcLock } from '../../engine/gc/gc-lock.ts';
import { fail, ok } from '../../job/failure.ts';
import { NO_CONFIG } from '../../job/home/config.ts';
import type { RetentionRules } from '../../job/home/retention.ts';
import { SUCCESS, verb } from '../command/command.ts';
import { jobs } from '../messages/job-text.ts';

/** `--ended`: whatever has ended. */
const ALL_ENDED: RetentionRules = { olderThanMs: -1, keep: 0, maxTotalBytes: 0, unseenFailureMs: -1 };

export const gc = verb({
  name: 'gc',
  operands: '',
  arity: [0, 0],
  changes: true,
  summary: 'remove ended jobs that are old, or too many, or too large',
  description: [
    'Removes ended jobs older than 7 days, beyond the newest 2,000, or beyond 2 GiB of logs; failures that nobody was',
    'told about are kept 30 days. Never removes a live job, one that waits in a queue or that another waits for, or one that',
    'left something running. Runs by itself now and then. config.json of the home may say otherwise (retention).',
  ],
  examples: [
    ['bgjob gc --dry-run', 'what would go?'],
    ['bgjob gc --ended', 'everything that has ended'],
  ],
  options: {
    'older-than': { kind: 'duration', value: 'DUR', text: 'remove what ended longer ago (default 7d)' },
    keep: { kind: 'count', value: 'N', text: 'keep at most the newest N (default 2000)' },
    'max-total': { kind: 'size', value: 'SIZE', text: 'keep at most SIZE of logs (default 2G)' },
    ended: { kind: 'flag', text: 'all jobs that ended' },
    'dry-run': { kind: 'flag', text: 'only say what would be removed' },
  },
  async run(context, { options }) {
    const { output } = context;
    const opened = context.home();
    if (!opened.ok) return opened;
    const home = opened.value;
    // by rules that nobody knows nothing is removed
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
        const verb = dryRun ? 'would remove' : 'removed';
        output.line(
          `${verb} ${jobs(done.removed.length)}, ${renderSize(done.freedBytes)}; kept ${done.kept} ended, ${done.live} live`,
        );
      }
      return ok(SUCCESS);
    } catch (thrown) {
      return fail({ code: 'io', doing: 'clean up', path: home?.path ?? '', errno: errnoOf(thrown) });
    }
  },
});
