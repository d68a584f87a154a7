/**
 * Nobody learns from how long a refusal takes whether there is a trigger of a name: the same is done, call by
 * call.
 */
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { addTemplate } from '../../../../src/job/automation/template-records.ts';
import { openHome } from '../../../../src/job/home/home.ts';
import { BodyStore, RequestBody } from '../../../../src/services/listener/body.ts';
import { DeliveryHandler, Sender } from '../../../../src/services/listener/handler.ts';
import { ADDRESS, triggerCalled } from '../../../rig/triggerrecord.ts';

/** Notes every call of these modules while `act` runs, with how many bytes it was given. */
async function callsOf(act: () => Promise<unknown>): Promise<string[]> {
  const calls: string[] = [];
  const undo: (() => void)[] = [];
  for (const module of [require('node:fs'), require('node:crypto')]) {
    for (const [name, own] of Object.entries<any>(module)) {
      if (typeof own !== 'function' || !/^[a-z]/.test(name)) continue;
      if (!Object.getOwnPropertyDescriptor(module, name)?.writable) continue;
      module[name] = (...args: any[]) => {
        calls.push(
          `${name} ${args.map((one) => (Buffer.isBuffer(one) ? one.length : typeof one)).join(' ')}`,
        );
        return own.apply(module, args);
      };
      undo.push(() => {
        module[name] = own;
      });
    }
  }
  try {
    await act();
  } finally {
    for (const one of undo) one();
  }
  return calls;
}

test('a wrong secret and an unknown name: the same answer, after the same calls', async () => {
  const dir = fs.realpathSync(fs.mkdtempSync(join(tmpdir(), 'bgjob-test-equalwork-')));
  const opened = openHome(join(dir, 'home'), true);
  assert.ok(opened.ok);
  const home = opened.value;
  for (const name of ['one', 'two'])
    addTemplate(home, home.triggers, home.trigger(name), triggerCalled(name));
  const desk = new DeliveryHandler(home, ADDRESS, () => assert.fail('it is wanted'));
  const bodies = new BodyStore(home.triggers);
  const body = Buffer.alloc(100_000, 'x');
  for (const headers of [
    { authorization: `Bearer ${'b'.repeat(64)}` },
    { 'x-hub-signature-256': `sha256=${'0'.repeat(64)}` },
    {},
  ]) {
    const ask = async (name: string) => {
      const sender = desk.judge({ name, headers });
      if (!(sender instanceof Sender)) return sender;
      assert.ok('x-hub-signature-256' in headers, 'only a signature needs the body');
      const received = new RequestBody(bodies, sender.isProven, () => {});
      sender.update(body);
      received.add(body);
      const reply = await desk.answer(sender, received);
      received.close();
      return reply;
    };
    // a first look at what stays as it is, such as the boot
    await ask('two');
    const known = await callsOf(() => ask('two'));
    assert.ok(
      known.some((call) => call.startsWith('createHmac')) &&
        known.some((call) => call.startsWith('openSync')),
    );
    for (const name of ['three', '', '..', 'x'.repeat(10_000)]) {
      assert.deepEqual(await ask(name), await ask('two'), name);
      assert.deepEqual(await callsOf(() => ask(name)), known, name);
    }
  }
  fs.rmSync(dir, { recursive: true });
});
