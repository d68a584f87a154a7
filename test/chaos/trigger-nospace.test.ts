/** Deliveries on a full disk: they are refused, and come again when there is room. */
import assert from 'node:assert/strict';
import { bearer, send } from '../rig/http.ts';
import { cannotMountImage, drain, fill, onMount } from '../rig/mounts.ts';
import { rigTest } from '../rig/rig.ts';
import { addTrigger, eventsOf, removeTriggers } from '../rig/triggers.ts';
import { until } from '../rig/until.ts';

rigTest(
  'a delivery on a full disk is answered 503, starts nothing, and is accepted later',
  (rig) =>
    onMount(rig, 'mode=700,size=4m', async (mounted) => {
      const { url, secret } = await addTrigger(rig, ['hook', 'true']);
      const deliver = (id: string) =>
        send(url, { headers: { ...bearer(secret), 'Webhook-Id': id }, body: 'x'.repeat(5000) });
      assert.equal((await deliver('before')).status, 202);
      await rig.bgjob(['wait', '2']);
      await rig.untilLeft(2);
      fill(mounted, 0);
      for (let n = 0; n < 3; n++) {
        const { status, headers } = await deliver('one');
        assert.deepEqual([status, headers['retry-after']], [503, '10']);
      }
      // a body that does not fit is told from a start that failed
      const large = await send(url, { headers: bearer(secret), body: Buffer.alloc(5 * 2 ** 20) });
      assert.deepEqual([large.status, large.json.error], [503, 'the body could not be stored']);
      assert.equal((await deliver('before')).status, 409, 'what was started is still known');
      drain(mounted);
      const { status, json } = await deliver('one');
      assert.equal(status, 202);
      assert.equal((await deliver('one')).json.id, json.id);
      await until(
        () => rig.show(json.id),
        ({ state }) => state === 'exited',
        'its job',
      );
      const started = (await eventsOf(rig, 'hook')).filter(({ did }) => did === 'started');
      assert.deepEqual(
        started.map(({ delivery }) => delivery),
        ['before', 'one'],
      );
      await removeTriggers(rig);
    }),
  { skip: cannotMountImage() },
);
