/** The stamps of a session: what comes after one was taken is never older than it. */
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { Home } from '../../../../src/job/home/home.ts';
import {
  claimSaid,
  markLater,
  readPrompt,
  readSaid,
  recordPrompt,
  takeStamp,
} from '../../../../src/job/home/session-stamps.ts';

const SESSION = { host: 'claude', id: 'a' };

function withHome(body: (home: Home) => void): void {
  const dir = fs.mkdtempSync(join(tmpdir(), 'bgjob-test-stamps-'));
  fs.mkdirSync(join(dir, 'ended'));
  try {
    body(new Home(dir, 'token'));
  } finally {
    fs.rmSync(dir, { recursive: true });
  }
}

test('a stamp has the time at which it was taken, and counts when it is set', () =>
  withHome((home) => {
    const time = (path: string): bigint => fs.statSync(path, { bigint: true }).mtimeNs;
    const path = `${home.session('a')}/stamp`;
    for (let n = 0; n < 200; n++) {
      const before = time(home.ended);
      const stamp = takeStamp(home, SESSION, 'stamp');
      // the process that took it looks at `ended` now, and then an end comes
      fs.writeFileSync(join(home.ended, String(n)), '');
      stamp.set();
      assert.ok(before <= time(path) && time(path) <= time(home.ended));
    }
    const last = time(path);
    takeStamp(home, SESSION, 'stamp').drop();
    assert.equal(time(path), last);
    assert.deepEqual(fs.readdirSync(home.session('a')), ['stamp']);
  }));

test('the other files, and a home that cannot be written', () =>
  withHome((home) => {
    assert.deepEqual([readPrompt(home, SESSION), readSaid(home, SESSION)], [0, { upTo: 0, prompt: '' }]);
    recordPrompt(home, SESSION, 1_700_000_000_123);
    assert.equal(readPrompt(home, SESSION), 1_700_000_000_123);
    assert.deepEqual([claimSaid(home, SESSION, 4, 'p'), claimSaid(home, SESSION, 4, 'p')], [true, false]);
    assert.equal(claimSaid(home, SESSION, 12, 'q'), true);
    assert.deepEqual(readSaid(home, SESSION), { upTo: 12, prompt: 'q' });
    markLater(home, SESSION, true);
    assert.deepEqual(fs.readdirSync(home.session('a')).sort(), ['later', 'prompt', 'said.12']);
    markLater(home, SESSION, false);
    const missing = new Home(`${home.path}/none`, 'token');
    takeStamp(missing, SESSION, 'stop').set();
    recordPrompt(missing, SESSION, 1);
    markLater(missing, SESSION, true);
    assert.equal(claimSaid(missing, SESSION, 1, ''), false);
  }));
