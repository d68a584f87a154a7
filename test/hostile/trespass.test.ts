/**
 * Nothing outside of the home is written, emptied or deleted, whatever stands in its places; and what is not
 * ours alone is refused.
 */
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { runPuppet, untilIdle } from '../chaos/death.ts';
import { manyCalls } from '../rig/manycalls.ts';
import { letterOf } from '../rig/processes.ts';
import { type Rig, rigTest } from '../rig/rig.ts';
import { until } from '../rig/until.ts';

/** A directory of somebody's that holds what bgjob would look for; and the proof that it is as it was. */
function makeVictim(rig: Rig): { path: string; assertUntouched(): void } {
  const path = `${rig.dir}/victim`;
  for (const name of ['out', 'sub']) fs.mkdirSync(`${path}/${name}`, { recursive: true });
  for (const name of ['spec.json', 'claim.1', 'old.tmp', 'seq', 'out/log', 'sub/file', '1.1'])
    fs.writeFileSync(`${path}/${name}`, `precious ${name}\n`.repeat(10_000));
  for (const name of fs.readdirSync(path)) fs.utimesSync(`${path}/${name}`, 1000, 1000);
  const look = () =>
    (fs.readdirSync(path, { recursive: true }) as string[]).sort().map((name) => {
      const { mtimeMs, size, blocks, mode } = fs.lstatSync(`${path}/${name}`);
      const text = fs.statSync(`${path}/${name}`).isFile() ? fs.readFileSync(`${path}/${name}`, 'utf8') : '';
      return [name, mtimeMs, size, blocks, mode, text];
    });
  const before = look();
  return { path, assertUntouched: () => assert.deepEqual(look(), before) };
}

/** Changes what a process would make anew between two steps. */
async function whileItStands(pid: number, change: () => void): Promise<void> {
  process.kill(pid, 'SIGSTOP');
  await until(
    () => letterOf(pid),
    (letter) => letter === 'T',
    'it stands still',
  );
  change();
  process.kill(pid, 'SIGCONT');
}

const WRITING = [
  ['run', '-w', '--', 'true'],
  ['run', '-n', 'new', '--replace', '-w', '--max-log', '64k', '--', 'seq', '30000'],
  ['tail', '1', '--new'],
  ['wait', '1'],
  ['show', '1'],
  ['ls', '--unseen', '-a'],
  ['kill', '1'],
  ['gc', '--older-than', '0'],
  ['gc', '--ended'],
];

rigTest(
  "a room that is a link to somebody's directory: refused by each verb, and nothing in it is touched",
  async (rig) => {
    rig.damaged = true;
    const victim = makeVictim(rig);
    await rig.runOut(['-n', 'web', '--', 'true']);
    await rig.runOut(['--', 'true']);
    for (const room of ['jobs', 'live', 'ended', 'names', 'trash', 'cache']) {
      const path = `${rig.home}/${room}`;
      fs.renameSync(path, `${path}.aside`);
      fs.symlinkSync(victim.path, path);
      for (const [n, { code, stderr }] of (await manyCalls(rig, WRITING)).entries()) {
        assert.equal(code, 125, WRITING[n]!.join(' '));
        assert.match(
          stderr,
          new RegExp(`/home/${room} is a symbolic link; .*\n {2}hint: ls -ld .*/${room}\n`),
        );
      }
      // and by a call of its own, which would keep what is compiled
      assert.equal((await rig.bgjob(['ls'])).code, 125);
      victim.assertUntouched();
      fs.unlinkSync(path);
      fs.mkdirSync(path);
      fs.chmodSync(path, 0o770);
      const [open] = await manyCalls(rig, [['ls']]);
      assert.equal(open!.code, 125);
      assert.match(
        open!.stderr,
        new RegExp(`other users can write .*/${room}\n {2}hint: chmod go-w .*/${room}\n`),
      );
      if (process.geteuid!() === 0) {
        fs.chmodSync(path, 0o700);
        fs.chownSync(path, 65_534, 65_534);
        const [foreign] = await manyCalls(rig, [['run', '--', 'true']]);
        assert.match(foreign!.stderr, /belongs to another user/);
      }
      fs.rmdirSync(path);
      fs.renameSync(`${path}.aside`, path);
      assert.equal((await rig.bgjob(['wait', 'web'])).code, 0);
    }
  },
);

rigTest('a room that became a link while a job ran: its supervisor collects nothing there', async (rig) => {
  rig.damaged = true;
  const victim = makeVictim(rig);
  await rig.runOut(['--', 'true']);
  for (const room of ['cache', 'trash']) {
    const puppet = await rig.puppet();
    const id = await runPuppet(rig, puppet);
    const path = `${rig.home}/${room}`;
    await whileItStands(rig.ownerPid(id), () => {
      // its gc is due
      fs.utimesSync(`${rig.home}/cache/gc`, 1, 1);
      fs.renameSync(path, `${path}.aside`);
      fs.symlinkSync(victim.path, path);
    });
    await puppet.exit(0);
    await rig.untilLeft(id);
    victim.assertUntouched();
    fs.unlinkSync(path);
    fs.renameSync(`${path}.aside`, path);
    assert.equal((await rig.bgjob(['wait', String(id)])).code, 0);
  }
});

rigTest('a room that is missing is made again by the next run', async (rig) => {
  await rig.runOut(['--', 'true']);
  for (const room of ['live', 'ended', 'trash', 'cache'])
    fs.rmSync(`${rig.home}/${room}`, { recursive: true });
  assert.equal((await rig.bgjob(['ls', '-a', '-q'])).stdout, '1\n');
  assert.equal((await rig.bgjob(['run', '-w', '--', 'true'])).code, 0);
  assert.equal((await rig.bgjob(['ls', '-a', '-q'])).stdout, '2\n1\n');
});

rigTest(
  'a job directory that is a link, of another user, or open to others is not read, written or removed',
  async (rig) => {
    rig.damaged = true;
    const victim = makeVictim(rig);
    for (let n = 0; n < 3; n++) await rig.runOut(['--', 'true']);
    const dir = rig.file(1, '');
    const refuses = async (why: string) => {
      const looking = [
        ['status', '1'],
        ['wait', '1'],
        ['kill', '1'],
      ];
      const others = [
        ['tail', '1', '--new'],
        ['gc', '--ended', '--dry-run'],
        ['ls', '-a'],
      ];
      const answers = await manyCalls(rig, [...looking, ...others]);
      for (const { code, stdout, stderr } of answers.slice(0, looking.length)) {
        assert.equal(code, 125);
        assert.match(stdout + stderr, new RegExp(`unreadable.*${why}`));
      }
      assert.match(answers.at(-1)!.stdout, new RegExp(`^1 .* unreadable \\(${why}\\)`, 'm'));
    };
    fs.chmodSync(dir, 0o720);
    await refuses('other users can write its directory');
    fs.chmodSync(dir, 0o700);
    if (process.geteuid!() === 0) {
      fs.chownSync(dir, 65_534, 65_534);
      await refuses('its directory belongs to another user');
      fs.chownSync(dir, 0, 0);
    }
    fs.renameSync(dir, `${rig.dir}/moved`);
    fs.writeFileSync(dir, '');
    await refuses('something else stands in the place of its directory');
    fs.unlinkSync(dir);
    fs.symlinkSync(`${rig.dir}/moved`, dir);
    await refuses('its directory is a symbolic link');
    assert.equal(fs.existsSync(`${rig.dir}/moved/out/cursors`), false, 'no cursor is written through it');
    fs.unlinkSync(dir);
    fs.symlinkSync(victim.path, dir);
    for (const args of WRITING) await rig.bgjob(args);
    victim.assertUntouched();
    assert.ok(fs.lstatSync(dir).isSymbolicLink(), 'gc leaves alone what is no job of ours');
  },
);

rigTest(
  'links inside of a job: its records are not written through them, and gc takes only the links',
  async (rig) => {
    rig.damaged = true;
    const victim = makeVictim(rig);
    await rig.runOut(['-n', 'web', '--', 'true']);
    await rig.runOut(['--', 'true']);
    const folder = fs.readdirSync(`${rig.home}/names`)[0]!;
    const links: [string, string][] = [
      ['jobs/1/out/cursors', ''],
      ['jobs/1/sub', 'sub'],
      ['jobs/1/seen', 'seq'],
      ['jobs/1/out/more', 'out/log'],
      ['trash/1.1', ''],
      [`names/${folder.replace('web', 'new')}`, ''],
      [`names/${folder.replace('web', 'old')}`, ''],
    ];
    for (const [name, target] of links) {
      fs.rmSync(`${rig.home}/${name}`, { recursive: true, force: true });
      fs.symlinkSync(`${victim.path}/${target}`, `${rig.home}/${name}`);
    }
    fs.linkSync(`${victim.path}/sub/file`, `${rig.home}/jobs/1/state.json.tmp`);
    const named = await rig.bgjob(['run', '-n', 'new', '--', 'true']);
    assert.equal(named.code, 125);
    assert.match(named.stderr, /names.*: a symbolic link is in the way/);
    const tail = await rig.bgjob(['tail', '1', '--new']);
    assert.match(tail.stderr, /the cursor could not be stored: a symbolic link is in the way/);
    for (const args of WRITING) await rig.bgjob(args);
    victim.assertUntouched();
    assert.equal(fs.existsSync(`${rig.home}/jobs/1`), false, 'gc removed it');
    // a supervisor may collect, too
    await untilIdle(rig);
    assert.deepEqual(fs.readdirSync(`${rig.home}/trash`), []);
  },
);

rigTest('a job that puts a link in the place of its log: nobody cuts what it leads to', async (rig) => {
  const victim = makeVictim(rig);
  const puppet = await rig.puppet();
  const id = await runPuppet(rig, puppet, ['--max-log', '64k']);
  const big = `${'x'.repeat(1023)}\n`.repeat(64);
  await puppet.print(big + big);
  await until(
    () => fs.existsSync(rig.file(id, 'out/trimmed')),
    (isThere) => isThere,
    'the first cut',
  );
  await whileItStands(rig.ownerPid(id), () => {
    for (const name of ['out/log', 'out/trimmed.tmp', 'out/times']) {
      fs.rmSync(rig.file(id, name), { force: true });
      fs.symlinkSync(`${victim.path}/out/log`, rig.file(id, name));
    }
  });
  await puppet.print(big + big);
  await puppet.exit(0);
  assert.equal((await rig.bgjob(['wait', String(id)])).code, 0);
  victim.assertUntouched();
});
