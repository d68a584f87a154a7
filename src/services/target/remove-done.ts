/** Removes what ended jobs of a target have left there. Throws a TargetError if it does not answer. */
import type { Engine } from '../../engine/targets/engine.ts';
import { uidOf } from '../../engine/targets/engine-of.ts';
import type { Home } from '../../job/home/home.ts';
import { forgetTargetDone, listTargetDone } from '../../job/targets/target-records.ts';

export async function removeDone(home: Home, key: string, engine: Engine): Promise<void> {
  const uids = new Map(
    listTargetDone(home, key).map((one) => [
      one,
      Array.from({ length: one.attempts }, (_, n) => uidOf(home, one.id, n + 1)),
    ]),
  );
  const left = new Set(await engine.remove([...uids.values()].flat()));
  // a job that still has a process there is tried again
  for (const [one, own] of uids) if (!own.some((uid) => left.has(uid))) forgetTargetDone(home, key, one);
}
