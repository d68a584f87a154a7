/**
 * A pid is given to another program as soon as its process is gone: forced in a pid namespace of its own, where the kernel can be
 * told which one comes next. Nobody who merely has the number of one of ours is taken for it, or signalled.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { ROOT, rigTest } from '../rig/rig.ts';
import { rounds } from '../rig/rounds.ts';

const NAMESPACE = ['--pid', '--fork', '--mount-proc', '--kill-child', '--'];
const PROBE = 'echo 300 >/proc/sys/kernel/ns_last_pid && sh -c "echo \\$\\$"; :';
const probed = spawnSync('unshare', [...NAMESPACE, 'bash', '-c', PROBE], { encoding: 'utf8' });
const skip = probed.stdout === '301\n' ? false : 'no pid can be chosen here (unshare --pid, ns_last_pid)';

const HALF = rounds(2, 5);

/** Rounds in which everything of a job is replaced by strangers of the same pids, and as many in which its main process stays. */
const STORY = `
set -u
# its main process is on record later than that it runs, and has \`alive\` open until it becomes its program
running() { until grep -qs '"generation":1.*"phase":"running"' "$BGJOB_HOME/jobs/$1/state.json" && [ "$(line $1 3)" ] &&
  tr '\\0' ' ' <"/proc/$(line $1 3)/cmdline" | grep -q 'sleep 1000'; do sleep 0.02; done; }
owner() { sed 's/.*"pid":\\([0-9]*\\).*/\\1/' "$BGJOB_HOME/jobs/$1/owner.1"; }
line() { sed -n "$2s/ .*//p" "$BGJOB_HOME/jobs/$1/shim"; }
gone() { while [ -e "/proc/$1" ]; do sleep 0.01; done; }
# another program takes the number, or nobody can: then the round says so
replace() { for n in 1 2 3 4 5 6 7 8; do
    echo $(($1 - 1)) >/proc/sys/kernel/ns_last_pid; setsid sleep 777 & [ $! = "$1" ] && return; kill $!; wait $! 2>/dev/null
  done; echo "round $round: $1 was not given"; }
alive() { for pid in "$@"; do [ "$(tr '\\0' ' ' <"/proc/$pid/cmdline")" = 'sleep 777 ' ] || echo "round $round: stranger $pid was signalled"; done; }

for round in $(seq ${2 * HALF}); do
  id=$(bgjob run -- sleep 1000); running $id
  s=$(owner $id); shim=$(line $id 1); watcher=$(line $id 2); main=$(line $id 3)
  kill -9 $watcher $s $shim; gone $watcher; gone $s; gone $shim
  strangers="$s $shim $watcher"
  if [ $round -le ${HALF} ]; then kill -9 $main; gone $main; strangers="$strangers $main"; fi
  for pid in $strangers; do replace $pid; done
  status=$(bgjob status $id 2>/dev/null); echo "round $round: status $? $status"
  listed=$(bgjob ls -q --state running,starting,stopping); echo "round $round: live $listed"
  killed=$(bgjob kill --grace 100ms $id 2>&1); echo "round $round: kill $? $killed"
  alive $strangers
  [ $round -le ${HALF} ] || { [ -e "/proc/$main" ] && echo "round $round: the job was not ended"; }
  kill $strangers; for pid in $strangers; do gone $pid; done
done
echo END
`;

rigTest(
  'whoever has the pid of a dead supervisor, shim, watcher or job today is not taken for it, and not signalled',
  async (rig) => {
    const story = join(rig.dir, 'story.sh');
    fs.writeFileSync(story, STORY);
    const { stdout, stderr } = await rig.start('unshare', [...NAMESPACE, 'bash', story]).answer;
    const told = stdout.trim().split('\n');
    assert.equal(told.pop(), 'END', `${stdout}${stderr}`);
    assert.equal(told.length, 6 * HALF, stdout);
    for (let round = 1; round <= 2 * HALF; round++) {
      const [status, live, kill] = told.splice(0, 3);
      const left = round <= HALF ? '' : ', 1 left';
      assert.match(
        status!,
        new RegExp(`: status 125 ${round} lost \\(supervisor and shim were killed\\)${left}`),
      );
      assert.equal(live, `round ${round}: live `);
      assert.match(kill!, round <= HALF ? /already lost \([^)]*\)$/ : /killed 1 process that it left$/);
      assert.match(kill!, new RegExp(`: kill 0 ${round} already lost`));
    }
  },
  { skip },
);

/** A child that the kernel gave a lower number than its parent: the numbers have begun again between the two. */
const WRAPPED = `echo 300 >/proc/sys/kernel/ns_last_pid; sleep 777 & first=$!
for n in $(seq 100); do sleep 777 & done; echo "up $first $$"; wait $first; exit 9`;

/** The parent would go on when its child is gone, if it were not asked to end before. */
const ORDER = `
set -u
echo 9000 >/proc/sys/kernel/ns_last_pid
bgjob run -- sh -c "$JOB" >/dev/null
bgjob wait --until up 1 >/dev/null; bgjob tail 1
bgjob kill 1
`;

rigTest(
  'kill asks a parent before its child, also where the child has the lower pid',
  async (rig) => {
    const { stdout, stderr } = await rig.start('unshare', [...NAMESPACE, 'bash', '-c', ORDER], {
      env: { JOB: WRAPPED },
    }).answer;
    const [, child, parent] = /^up (\d+) (\d+)$/m.exec(stdout) ?? [];
    assert.ok(Number(child) < Number(parent), stdout + stderr);
    assert.match(stdout, /^1 killed \(TERM, .*\): 102 processes$/m);
  },
  { skip },
);

rigTest(
  'so does the program of a target',
  async (rig) => {
    const script = `. ${join(ROOT, 'src/engine/targets/far/processes.sh')}
      far_root=${rig.dir}; far_main=-
      echo 9000 >/proc/sys/kernel/ns_last_pid
      export BGJOB_REMOTE=u.1
      sh -c 'echo 300 >/proc/sys/kernel/ns_last_pid; sh -c "sleep 777 & echo \\$\\$ \\$!; wait" & echo $$; wait' >out &
      top=$!
      unset BGJOB_REMOTE
      until [ "$(wc -w <out)" = 3 ]; do sleep 0.01; done
      echo $(sort -rn out | tr ' ' '\\n' | sort -n); far_tree u
      kill $(cat out)`;
    fs.writeFileSync(join(rig.dir, 'order.sh'), script);
    const { stdout, stderr } = await rig.start('unshare', [...NAMESPACE, 'sh', join(rig.dir, 'order.sh')])
      .answer;
    const [told, ...order] = stdout.trim().split('\n');
    const [child, grandchild, top] = told!.split(' ');
    assert.deepEqual(order, [top, child, grandchild], stdout + stderr);
  },
  { skip },
);
