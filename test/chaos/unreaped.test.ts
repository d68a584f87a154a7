/**
 * A machine whose pid 1 does not reap (many containers): a killed supervisor stays in the process table as a
 * zombie. It
 * must not count as alive. Made with a pid namespace of its own, in which pid 1 only sleeps.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { type Rig, rigTest } from '../rig/rig.ts';
import { CALL_MS, until } from '../rig/until.ts';

const NAMESPACE = ['--pid', '--fork', '--mount-proc', '--kill-child', '--'];
const isPermitted = spawnSync('unshare', [...NAMESPACE, 'true']).status === 0;

/** Prints what bgjob says after each death, `NAME: answer`. */
const STORY = `
say() { name=$1; shift; out=$("$@" 2>/dev/null); echo "$name: $? $out"; }
running() { until grep -qs "\\"generation\\":$2.*\\"phase\\":\\"running\\"" "$BGJOB_HOME/jobs/$1/state.json"; do sleep 0.02; done
  # the job has become its program: until then it has \`alive\` open
  until tr '\\0' ' ' <"/proc/$(line $1 3)/cmdline" | grep -q 'sleep 1000'; do sleep 0.02; done; }
owner() { sed 's/.*"pid":\\([0-9]*\\).*/\\1/' "$BGJOB_HOME/jobs/$1/owner.$2"; }
line() { until sed -n "$2s/ .*//p" "$BGJOB_HOME/jobs/$1/shim" | grep .; do sleep 0.02; done; }
zombie() { until grep -qs '^State:.Z' "/proc/$1/status"; do sleep 0.02; done; }

id=$(bgjob run -- sleep 1000); running $id 1
supervisor=$(owner $id 1)
kill -9 $(line $id 2); kill -9 $supervisor; kill -9 $(line $id 1)
zombie $supervisor
say lost bgjob status $id
say wait bgjob wait $id
say left bgjob kill $id
zombie $(line $id 3)
say swept bgjob kill $id

id=$(bgjob run -- sleep 1000); running $id 1
supervisor=$(owner $id 1)
kill -9 $supervisor; zombie $supervisor
running $id 2
say adopted bgjob status $id
kill -9 $(line $id 3)
say code bgjob wait $id

id=$(bgjob run -- sleep 1000); running $id 1
shim=$(line $id 1); main=$(line $id 3)
kill -9 $shim; kill -9 $main
say shimless bgjob wait $id
say ls bgjob ls -a -q --state running,starting,stopping
echo END
`;

/** What ends by itself or is stopped, with all its dead left in the table. */
const ENDINGS = `
say() { name=$1; shift; out=$("$@" 2>/dev/null); echo "$name: $? $out"; }
say ends bgjob run --wait -- sh -c 'exit 3'
say limit bgjob run --wait --timeout 200ms -- sleep 1000
id=$(bgjob run -- sh -c 'setsid sleep 1000 & setsid sleep 1000 & echo ready; sleep 1000')
bgjob wait $id --until ready >/dev/null
say killed bgjob kill $id
id=$(bgjob run --wait -- sh -c 'setsid sleep 1000 & exit 4')
say left bgjob kill $id
say gone bgjob kill $id
first=$(bgjob run -Q q -- sh -c 'exit 5')
last=$(bgjob run -Q q --after-any $first -- sh -c 'exit 6')
say queue bgjob wait $last
say name bgjob run -n web --wait -- true
say again bgjob run -n web --wait -- true
say doctor bgjob doctor
say live bgjob ls -a -q --state running,starting,stopping,queued
echo END
`;

/** What the story tells, by name, in a pid namespace whose pid 1 only sleeps. */
async function tell(rig: Rig, text: string): Promise<Map<string, string>> {
  const story = join(rig.dir, 'story.sh');
  const told = join(rig.dir, 'told');
  fs.writeFileSync(story, text);
  const call = rig.start('unshare', [
    ...NAMESPACE,
    '/bin/sh',
    '-c',
    `setsid bash '${story}' >'${told}' 2>&1 & exec sleep 1000`,
  ]);
  const answers = await until(
    () => (fs.existsSync(told) ? fs.readFileSync(told, 'utf8') : ''),
    (soFar) => soFar.endsWith('END\n'),
    'the end of the story',
    CALL_MS,
  ).finally(() => call.child.kill('SIGKILL'));
  await call.answer;
  // an answer may have many lines
  return new Map(
    [...answers.matchAll(/^(\w+): (.*(?:\n(?!\w+: |END$).*)*)/gm)].map(([, name, answer]) => [
      name!,
      answer!,
    ]),
  );
}

if (isPermitted) {
  rigTest('zombies are dead: lost is lost, a code is kept, nothing is left', async (rig) => {
    const answers = await tell(rig, STORY);
    assert.match(answers.get('lost')!, /^125 1 lost \(supervisor and shim were killed\), 1 left/);
    assert.match(answers.get('wait')!, /^125 1 lost/);
    assert.match(answers.get('left')!, /^0 1 already lost .*killed 1 process that it left$/);
    assert.match(answers.get('swept')!, /^0 1 already lost \([^)]*\)$/);
    assert.match(answers.get('adopted')!, /^75 2 running/);
    assert.match(answers.get('code')!, /^137 2 exited 137/);
    assert.match(answers.get('shimless')!, /^125 3 lost \(its shim was killed; the exit status is unknown\)/);
    assert.equal(answers.get('ls'), '0 ');
  });

  rigTest('what ends there ends with its own code, what is stopped is gone, queues go on', async (rig) => {
    const answers = await tell(rig, ENDINGS);
    assert.match(answers.get('ends')!, /^3 1(\n|$)/);
    assert.match(answers.get('limit')!, /^124 2(\n|$)/);
    assert.match(answers.get('killed')!, /^0 3 killed \(TERM, [^)]*\): \d+ processes/);
    assert.match(answers.get('left')!, /^0 4 already exited 4 .* killed 1 process that it left$/);
    assert.match(answers.get('gone')!, /^0 4 already exited 4 [^,]* ago$/);
    assert.match(answers.get('queue')!, /^6 6 exited 6 /);
    assert.match(answers.get('name')!, /^0 7(\n|$)/);
    assert.match(answers.get('again')!, /^0 8(\n|$)/);
    assert.match(
      answers.get('doctor')!,
      /^0 note: pid 1 \(sleep\) does not reap zombies .*\nno problems found/,
    );
    assert.equal(answers.get('live'), '0 ');
  });
} else {
  test('zombies are dead', { skip: 'a pid namespace is not permitted here (unshare --pid)' }, () => {});
}
