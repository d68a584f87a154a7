/**
 * The jobs of a project that gc removed, as far as a round must still report them: each failure, and the
 * highest id of the rest. gc writes this before it removes the jobs, so that a verdict does not depend on the
 * time of gc. Functions that write throw system errors.
 */
import { withChecksum } from '../../base/checksum.ts';
import { writeShared } from '../../base/fs/atomic-write.ts';
import { namesIn } from '../../base/fs/read-record.ts';
import * as is from '../../base/schema.ts';
import type { Home } from '../home/home.ts';
import { readValid } from '../home/records.ts';
import { sessionSchema } from '../session.ts';
import { makeRoundsFolder, roundsFolder, STORED_MS } from './answered.ts';

const failureSchema = is.object({
  id: is.count,
  /** Null: no queue. */
  queue: is.nullable(is.text),
  /** The first job of its batch. */
  batch: is.nullable(is.count),
  session: is.since(is.nullable(sessionSchema), null),
  code: is.upTo(255),
  by: is.literal('job', 'bgjob'),
  endedAt: is.time,
  /** See engine/wait/counted.ts. */
  superseded: is.flag,
  stopped: is.flag,
  automatic: is.flag,
});
export type RemovedFailure = is.SchemaType<typeof failureSchema>;

const removedSchema = is.object({
  v: is.version(1),
  project: is.text,
  failures: is.listOf(failureSchema),
  /**
   * The highest id of the other removed jobs, per queue and by whether a round of the project leaves them
   * out.
   */
  ended: is.listOf(is.object({ queue: is.nullable(is.text), leftOut: is.flag, upTo: is.count })),
});
export type RemovedJobs = Omit<is.SchemaType<typeof removedSchema>, 'v' | 'project'>;

/** So many failures of a project are stored. */
const MOST_FAILURES = 1000;

const NONE: RemovedJobs = { failures: [], ended: [] };

export function readRemoved(home: Home, project: string): RemovedJobs {
  const found = readValid(`${roundsFolder(home, project)}/removed`, removedSchema);
  return found?.project === project ? found : NONE;
}

export const readAllRemoved = (home: Home): RemovedJobs[] =>
  namesIn(home.rounds).flatMap((name) => readValid(`${home.rounds}/${name}/removed`, removedSchema) ?? []);

export function writeRemoved(home: Home, project: string, added: RemovedJobs, now: number): void {
  const before = readRemoved(home, project);
  const failures = new Map([...before.failures, ...added.failures].map((one) => [one.id, one]));
  const ended = new Map<string, RemovedJobs['ended'][number]>();
  for (const one of [...before.ended, ...added.ended]) {
    const key = `${one.queue ?? ''} ${one.leftOut}`;
    ended.set(key, { ...one, upTo: Math.max(one.upTo, ended.get(key)?.upTo ?? 0) });
  }
  const record = {
    v: 1,
    project,
    failures: [...failures.values()]
      .filter(({ endedAt }) => now - endedAt <= STORED_MS)
      .sort((a, b) => a.id - b.id)
      .slice(-MOST_FAILURES),
    ended: [...ended.values()],
  };
  writeShared(`${makeRoundsFolder(home, project)}/removed`, withChecksum(record));
}
