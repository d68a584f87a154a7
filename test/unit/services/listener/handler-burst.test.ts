/** Many deliveries at once: they are started one after the other, and others are heard in between. */
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { addTemplate } from '../../../../src/job/automation/template-records.ts';
import { openHome } from '../../../../src/job/home/home.ts';
import { makeQueue, setPaused } from '../../../../src/job/queue/queue-files.ts';
import { BodyStore, RequestBody } from '../../../../src/services/listener/body.ts';
import { DeliveryHandler, Sender } from '../../../../src/services/listener/handler.ts';
import { folderTest } from '../../../rig/folder.ts';
import { ADDRESS, triggerCalled } from '../../../rig/triggerrecord.ts';

folderTest('between two starts whoever comes is heard: none waits for the end of a burst', async (dir) => {
  const opened = openHome(join(dir, 'home'), true);
  assert.ok(opened.ok);
  const home = opened.value;
  // no process is started: what a start waits for is the disk alone
  setPaused(makeQueue(home, 'q'), true);
  const trigger = { ...triggerCalled('hook'), queue: 'q' };
  addTemplate(home, home.triggers, home.trigger('hook'), trigger);
  const desk = new DeliveryHandler(home, ADDRESS, () => assert.fail('it is wanted'));
  const headers = { authorization: `Bearer ${trigger.secret}` };
  const bodies = new BodyStore(home.triggers);
  const deliver = () => {
    const sender = desk.judge({ name: 'hook', headers });
    assert.ok(sender instanceof Sender);
    return desk.answer(sender, new RequestBody(bodies, true, () => {}));
  };
  // the first of a home makes FIFOs for those that follow
  assert.equal((await deliver()).status, 202);
  const heard: string[] = [];
  const burst = Array.from({ length: 10 }, async () => {
    assert.equal((await deliver()).status, 202);
    heard.push('started');
  });
  setImmediate(() => heard.push('somebody else'));
  await Promise.all(burst);
  assert.ok(heard.slice(0, 2).includes('somebody else'), heard.join(', '));
  assert.equal(fs.readdirSync(home.jobs).length, 11);
});
