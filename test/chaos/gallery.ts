/**
 * Looking at every job of a home through the program's own readers, and comparing with what was seen before.
 */
import assert from 'node:assert/strict';
import { isDeepStrictEqual } from 'node:util';
import { cellsOf, listJobs, objectsOf } from '../../src/cli/jobs/job-rows.ts';
import { sentence } from '../../src/cli/messages/job-text.ts';
import { processesOf } from '../../src/engine/observe/leftovers.ts';
import { observe } from '../../src/engine/observe/observe.ts';
import { type Here, hereOf, resolveReference } from '../../src/engine/observe/resolve.ts';
import { type Home, openHome } from '../../src/job/home/home.ts';
import { readCursor } from '../../src/job/log/cursors.ts';
import { Log } from '../../src/job/log/log.ts';
import { readOffsetAt } from '../../src/job/log/time-index.ts';
import type { JobView } from '../../src/job/view.ts';
import type { Rig } from '../rig/rig.ts';

export class Gallery {
  readonly home: Home;
  readonly ids: number[];
  private readonly here: Here;
  private readonly before: Map<number, JobView>;

  constructor(rig: Rig, ids: number[]) {
    const opened = openHome(rig.home, false);
    assert.ok(opened.ok && opened.value);
    [this.home, this.ids, this.here] = [opened.value, ids, hereOf(rig.project)];
    this.before = new Map(ids.map((id) => [id, this.look(id, true)]));
  }

  /** The job as it is seen, and through everything that shows it; `withLog`: its output too. */
  look(id: number, withLog: boolean): JobView {
    const view = observe(this.home, id);
    assert.ok(view, `job ${id} was dropped`);
    const none = { countLeftovers: () => 0, portsOf: () => undefined };
    cellsOf(this.home, view, none);
    JSON.stringify([...objectsOf(this.home, [view], none)]);
    assert.ok(sentence(view, Date.now()).length < 500_000);
    if (withLog) this.readLogs(id);
    return view;
  }

  private readLogs(id: number): void {
    const job = this.home.job(id);
    for (const stream of ['log', 'err'] as const) {
      const log = Log.open(job, stream);
      if (!log) continue;
      const cursor = readCursor(job, stream, 'default')?.at ?? 0;
      for (const from of [0, 20_000, 100_000, cursor, readOffsetAt(job, Date.now())]) {
        const { bytes, to } = log.read(from, from + 10_000);
        assert.ok(bytes.length <= 10_000 && to - bytes.length >= 0);
      }
      log.lastLines(40, 8192);
      log.close();
    }
  }

  isAsBefore = (view: JobView): boolean => isDeepStrictEqual(view, this.before.get(view.id));
  assertAsBefore(view: JobView): void {
    assert.deepEqual(view, this.before.get(view.id));
  }

  /** What `kill` would signal is not one of these. */
  async assertHarmless(view: JobView, pids: number[]): Promise<void> {
    const found = (await processesOf(this.home, view)).map(({ pid }) => pid);
    assert.deepEqual(
      found.filter((pid) => pids.includes(pid)),
      [],
      'a foreign process would be signalled',
    );
  }

  /**
   * Every other job is what it was and is listed; references find their way, and what they find is harmless.
   * `isForged`: a name may
   * be another project's now.
   */
  async checkOthers(damaged: number | undefined, isForged: boolean, pids: number[]): Promise<void> {
    // a home that is refused as a whole tells nothing
    const opened = openHome(this.home.path, false);
    if (!opened.ok) return;
    const { ids } = listJobs(this.home, this.here, { everywhere: true, most: 100, named: ['web'] });
    assert.deepEqual(
      ids.sort((a, b) => a - b),
      this.ids.toSorted((a, b) => a - b),
    );
    for (const id of this.ids) if (id !== damaged) this.assertAsBefore(this.look(id, false));
    for (const reference of ['web', 'named', '@last', 'none']) {
      const found = resolveReference(this.home, this.here, reference, 'bgjob show');
      if (found.ok) await this.assertHarmless(found.value.view, pids);
      else
        assert.ok(
          reference === 'none' || isForged || damaged !== undefined,
          `${reference} is not found any more`,
        );
    }
  }
}
