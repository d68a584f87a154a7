/** Whatever the umask is, what bgjob makes is closed to others; and the job has the umask of its caller. */
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { killOwner, runPuppet, untilIdle } from '../chaos/death.ts';
import { type Rig, rigTest } from '../rig/rig.ts';

/** What is not 0700 (a directory) or 0600 (anything else), and by what it is open. */
function opened(path: string): string[] {
  const stat = fs.lstatSync(path);
  const mode = stat.mode & 0o7777;
  const own = mode === (stat.isDirectory() ? 0o700 : 0o600) ? [] : [`${path} ${mode.toString(8)}`];
  const below = stat.isDirectory() ? fs.readdirSync(path).map((name) => join(path, name)) : [];
  return [...own, ...below.flatMap(opened)];
}

/** One of everything that a home can hold. */
async function exercise(rig: Rig): Promise<void> {
  const each = [
    "run -w -n named -t tag -e A=1 --keep-env 'umask'",
    "run -w --split 'umask >&2; echo out'",
    "run -w --max-log 64k 'for i in $(seq 30000); do echo $i; done'",
    "run -w --timeout 50ms 'sleep 1000'",
    "run -w -n web --replace 'sleep 1000 & exit 0'",
    'run -w -n web --replace true',
  ];
  for (const line of each) await rig.bash(`bgjob ${line}`);
  await rig.bash("echo 'umask' | bgjob run -w -");
  await rig.bash(
    'bgjob tail 1 --new; bgjob tail 2 --err --new --reader me; bgjob tail 1 --grep 0; bgjob show 1',
  );
  const puppet = await rig.puppet();
  const id = await runPuppet(rig, puppet);
  await killOwner(rig, id);
  await rig.bash(`bgjob kill ${id}; bgjob ls -a`);
}

for (const mask of ['000', '077', '777'])
  rigTest(`under umask ${mask} every directory is 0700, every file and FIFO 0600`, async (rig) => {
    const before = process.umask(Number.parseInt(mask, 8));
    try {
      await exercise(rig);
      // an owner writes and removes until it ends
      await untilIdle(rig);
      assert.deepEqual(opened(rig.home), []);
      await rig.bgjob(['gc', '--older-than', '0']);
    } finally {
      process.umask(before);
    }
    assert.deepEqual(opened(rig.home), []);
  });

rigTest("a job's umask is its caller's, under an adopter and in a script too", async (rig) => {
  for (const mask of ['0000', '0022', '0077', '0777']) {
    const { stderr } = await rig.bash(`umask ${mask}; bgjob run -w umask; echo umask | bgjob run -w -`);
    assert.deepEqual(stderr.match(/^\| .*$/gm), [`| ${mask}`, `| ${mask}`]);
  }
});
