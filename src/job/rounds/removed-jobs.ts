/**
 * What gc has removed of a project, as far as a round may still have to answer for it: each failure, and of the rest the highest id.
 * Written by gc before the jobs go, so that a verdict does not depend on when gc ran. Functions that write throw system errors.
 */
import { sealed } from '../../base/checksum.ts';
import { writeShared } from '../../base/fs/atomic-write.ts';
import { namesIn } from '../../base/fs/read-record.ts';
import * as is from '../../base/schema.ts';
import type { Home } from '../home/home.ts';
import { readShaped } from '../home/records.ts';
import { makeRoundsFolder, roundsFolder } from './answered.ts';

const failureSchema = is.object({
  id: is.count,
  /** Null: it was in none. */
  queue: is.nullable(is.text),
  /** The first job of its batch. */
  batch: is.nullable(is.count),
  code: is.upTo(255),
  by: is.literal('job', 'bgjob'),
  endedAt: is.time,
  /** See engine/wait/counted.ts. */
  superseded: is.flag,
  stopped: is.flag,
  automatic: is.flag,
});
/** A failed job that gc removed. */
export type RemovedFailure = is.Shaped<typeof failureSchema>;

const removedSchema = is.object({
  v: is.version(1),
  project: is.text,
  failures: is.listOf(failureSchema),
  /** The highest id of the others that were removed, by queue (null: outside of all), and whether a round of the project leaves them out. */
  ended: is.listOf(is.object({ queue: is.nullable(is.text), leftOut: is.flag, upTo: is.count })),
});
export type RemovedJobs = Omit<is.Shaped<typeof removedSchema>, 'v' | 'project'>;

/** So many failures of a project are remembered, for so long, milliseconds. */
const MOST_FAILURES = 1000;
const REMEMBERED_MS = 30 * 86_400_000;

const NONE: RemovedJobs = { failures: [], ended: [] };

export function readRemoved(home: Home, project: string): RemovedJobs {
  const found = readShaped(`${roundsFolder(home, project)}/removed`, 'removed', removedSchema);
  return found.kind === 'read' && found.value.project === project ? found.value : NONE;
}

/** The same of all projects. */
export function readAllRemoved(home: Home): RemovedJobs[] {
  return namesIn(home.rounds).flatMap((name) => {
    const found = readShaped(`${home.rounds}/${name}/removed`, 'removed', removedSchema);
    return found.kind === 'read' ? found.value : [];
  });
}

/** Adds jobs that are about to be removed to those of before; what is older than 30 days is forgotten. */
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
      .filter(({ endedAt }) => now - endedAt <= REMEMBERED_MS)
      .sort((a, b) => a.id - b.id)
      .slice(-MOST_FAILURES),
    ended: [...ended.values()],
  };
  writeShared(`${makeRoundsFolder(home, project)}/removed`, sealed(record));
}
