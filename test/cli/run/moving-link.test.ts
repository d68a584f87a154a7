/** A directory that is a moving link, such as `current` of a deployment: which one is meant. */
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { type Rig, rigTest } from '../../rig/rig.ts';
import { removeTriggers } from '../../rig/triggers.ts';
import { until } from '../../rig/until.ts';

/** Two releases, and the link `current`, which leads to the first. */
function deploy(rig: Rig): { link: string; one: string; two: string; move: (to: string) => void } {
  const link = join(rig.project, 'current');
  const [one = '', two = ''] = ['one', 'two'].map((name) => join(rig.project, 'releases', name));
  for (const release of [one, two]) {
    fs.mkdirSync(release, { recursive: true });
    fs.writeFileSync(join(release, 'serve'), '#!/bin/sh\necho "$0 $PWD"; pwd -P\n', { mode: 0o755 });
  }
  const move = (to: string) => {
    fs.rmSync(link, { force: true });
    fs.symlinkSync(to, link);
  };
  move(one);
  return { link, one, two, move };
}

rigTest('run in a link says where it leads; restart follows it, and says both', async (rig) => {
  const { link, one, two, move } = deploy(rig);
  const run = await rig.bgjob(['run', '-w', '-n', 'web', '-C', 'current', '--', './serve']);
  assert.match(run.stderr, new RegExp(`^\\(in ${one}: ${link} leads there now\\)\n`));
  assert.equal(rig.log(1), `${one}/serve ${one}\n${one}\n`);
  // the shell's PWD, if it names the working directory
  const inLink = await rig.bgjob(['run', '-w', '--', './serve'], { cwd: one, env: { PWD: link } });
  assert.match(inLink.stderr, new RegExp(`^\\(in ${one}: ${link} leads there now\\)\n`));
  const stale = await rig.bgjob(['run', '-w', '--', './serve'], { cwd: two, env: { PWD: link } });
  assert.doesNotMatch(stale.stderr, /leads/);
  const { cwd, cwdLink, project } = await rig.show(1);
  assert.deepEqual([cwd, cwdLink, project], [one, link, rig.project]);
  move(two);
  assert.match(
    (await rig.bgjob(['show', '1'])).stdout,
    new RegExp(`^cwd +${one} \\(${link} leads to ${two} now\\)$`, 'm'),
  );
  const again = await rig.bgjob(['restart', '-w', '1']);
  assert.equal(again.code, 0, again.stderr);
  assert.match(
    again.stderr,
    new RegExp(`^\\(in ${two}: ${link} leads there now; job 1 ran in ${one}\\)$`, 'm'),
  );
  const id = Number(again.stdout);
  assert.equal(rig.log(id), `${two}/serve ${two}\n${two}\n`);
  assert.deepEqual([(await rig.show(id)).project, (await rig.show(id)).name], [rig.project, 'web']);
});

rigTest('a schedule added in a link runs where it leads when they start', async (rig) => {
  const { link, one, two, move } = deploy(rig);
  const call = { cwd: one, env: { PWD: link } };
  const added = await rig.bgjob(['cron', 'add', '0 3 29 2 *', '-n', 'nightly', '--', './serve'], call);
  assert.match(added.stderr, new RegExp(`runs ./serve in ${link}, with `));
  assert.match(
    added.stderr,
    new RegExp(`^\\(${link} is a link: each job runs where it leads .*; now ${one}\\)$`, 'm'),
  );
  move(two);
  assert.match(
    (await rig.bgjob(['cron', 'ls'])).stdout,
    new RegExp(` \\./serve \\(in ${link}, now ${two}\\)$`, 'm'),
  );
  assert.match(
    (await rig.bgjob(['cron', 'ls', 'nightly'])).stdout,
    new RegExp(`^cwd +${link} \\(now ${two}\\)$`, 'm'),
  );
  const [{ cwd, cwdNow }] = await rig.json(['cron', 'ls']);
  assert.deepEqual([cwd, cwdNow], [link, two]);
  // the releases before it may be gone
  fs.rmSync(one, { recursive: true });
  const id = Number((await rig.bgjob(['cron', 'run', 'nightly'])).stdout);
  assert.equal((await rig.bgjob(['wait', String(id)])).code, 0);
  assert.equal(rig.log(id), `${two}/serve ${two}\n${two}\n`);
  assert.deepEqual([(await rig.show(id)).cwdLink, (await rig.show(id)).project], [link, rig.project]);
  fs.rmSync(link);
  const shown = await rig.bgjob(['cron', 'ls', 'nightly']);
  assert.match(shown.stdout, /^cwd .*\(no directory now\)$/m);
  assert.doesNotMatch(shown.stderr, /no job can start/);
  assert.match(
    (await rig.bgjob(['cron', 'ls'])).stdout,
    new RegExp(` \\./serve \\(in ${link}, which is no directory now\\)$`, 'm'),
  );
  const lost = Number((await rig.bgjob(['cron', 'run', 'nightly'])).stdout);
  assert.equal((await rig.bgjob(['wait', String(lost)])).code, 125);
  assert.match((await rig.show(lost)).reason, new RegExp(`cannot enter ${link}: no such file`));
  await rig.bgjob(['cron', 'rm', 'nightly']);
});

rigTest('a name counts in one release: the job of the release before is told', async (rig) => {
  const { link, one, two, move } = deploy(rig);
  // releases that are projects of their own
  for (const release of [one, two]) fs.mkdirSync(join(release, '.git'));
  const puppet = await rig.puppet();
  const run = (...words: string[]) =>
    rig.bgjob(['run', '-n', 'web', '--replace', '-C', link, '--', ...words]);
  assert.doesNotMatch((await run(...puppet.command)).stderr, /goes on/);
  move(two);
  const { stderr } = await run('true');
  assert.ok(
    stderr.includes(`(web 1 goes on in ${one}, where ${link} led before; to stop it: bgjob kill 1)\n`),
    stderr,
  );
  await puppet.exit(0);
  await rig.untilState(1, 'exited');
  assert.doesNotMatch((await run('true')).stderr, /goes on/);
});

rigTest('a batch in a link says where it leads', async (rig) => {
  const { link, one } = deploy(rig);
  const { code, stdout, stderr } = await rig.bgjob(['run', '-w', '--batch', '-', '-C', link], {
    input: './serve\n',
  });
  assert.equal(code, 0, stdout + stderr);
  assert.match(stderr, new RegExp(`^\\(in ${one}: ${link} leads there now\\)$`, 'm'));
  assert.equal(rig.log(1), `./serve ${one}\n${one}\n`);
});

rigTest('a trigger added in a link starts its jobs where it leads', async (rig) => {
  const { link, one, two, move } = deploy(rig);
  const call = { cwd: one, env: { PWD: link } };
  const added = await rig.bgjob(['trigger', 'add', 'deployed', '--', './serve'], call);
  assert.match(added.stderr, new RegExp(`^\\(${link} is a link: .*; now ${one}\\)$`, 'm'));
  const [url, secret] = added.stdout.split('\n');
  move(two);
  fs.rmSync(one, { recursive: true });
  const headers = { authorization: `Bearer ${secret}` };
  const deliver = () => fetch(url!, { method: 'POST', body: '{}', headers }).catch(() => undefined);
  const answer = await until(deliver, (one) => one !== undefined, 'an answer');
  const { id } = (await answer!.json()) as { id: number };
  assert.equal((await rig.bgjob(['wait', String(id)])).code, 0);
  assert.equal(rig.log(id), `${two}/serve ${two}\n${two}\n`);
  assert.equal((await rig.show(id)).cwdLink, link);
  await removeTriggers(rig);
});
