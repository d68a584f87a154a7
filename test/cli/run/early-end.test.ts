/** What ends a job before its time: a systemd service that stops, a CI runner at the end of its CI job. */
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { cannotMakeGroups, inGroup, removeSlice } from '../../rig/control-groups.ts';
import { findings, within } from '../../rig/doctor.ts';
import { cannotUnshare, withFile } from '../../rig/namespaces.ts';
import { type Rig, rigTest } from '../../rig/rig.ts';

const environOf = (pid: number): string => fs.readFileSync(`/proc/${pid}/environ`, 'latin1');

/** As the runners do it: kills each process of this rig that has the text in its environment. */
function killHaving(rig: Rig, text: string): number[] {
  const killed: number[] = [];
  for (const name of fs.readdirSync('/proc').filter((one) => /^\d+$/.test(one))) {
    const pid = Number(name);
    try {
      const environ = environOf(pid);
      if (pid === process.pid || !environ.includes(rig.dir) || !environ.includes(text)) continue;
      process.kill(pid, 'SIGKILL');
      killed.push(pid);
    } catch {
      // gone meanwhile
    }
  }
  return killed;
}

const RUNNERS = [
  { set: { RUNNER_TRACKING_ID: 'github_2f9a-41' }, spares: 'RUNNER_TRACKING_ID=' },
  { set: { VSTS_PROCESS_LOOKUP_ID: 'vsts_2f9a-41' }, spares: 'VSTS_PROCESS_LOOKUP_ID=' },
  { set: { JENKINS_NODE_COOKIE: 'c00-k1e', BUILD_ID: '7' }, spares: 'JENKINS_NODE_COOKIE=dontKillMe' },
  { set: { BUILD_ID: 'jenkins build 7', CI: 'true' }, spares: 'BUILD_ID=dontKillMe' },
];

for (const { set, spares } of RUNNERS) {
  const [name, value] = Object.entries(set)[0] as [string, string];
  for (const pty of [false, true])
    rigTest(
      `a runner that kills by ${name}${pty ? ', --pty' : ''}: the job is 137, not lost`,
      async (rig) => {
        const env = set as unknown as Record<string, string>;
        const line = 'env; echo all-printed; exec sleep 1000';
        const started = await rig.bgjob(['run', ...(pty ? ['--pty'] : []), '--', 'sh', '-c', line], { env });
        assert.equal(started.stdout, '1\n');
        assert.match(started.stderr, new RegExp(`^warning: at the end of the CI job .* ${name} .*\n$`));
        assert.ok(started.stderr.includes(`bgjob run -e ${spares} …`), started.stderr);
        // env has ended then
        await rig.bgjob(['wait', '1', '--until', 'all-printed']);
        const { shim, watcher, main } = await rig.shimOf(1);
        const others = { shim, watcher, owner: rig.ownerPid(1), ...rig.shimRecord(1), main: undefined };
        for (const [role, pid] of Object.entries(others))
          if (pid)
            for (const text of [name, value]) assert.ok(!environOf(pid).includes(text), `${role}: ${text}`);
        // the job has the variable, and no trace of how it came
        assert.ok(environOf(main).includes(`${name}=${value}\0`));
        assert.doesNotMatch(environOf(main), /BGJOB_ENV_/);
        assert.deepEqual(killHaving(rig, `${name}=${value}`), [main]);
        const { state, exitCode } = await rig.untilState(1, 'exited', 'lost', 'killed');
        assert.deepEqual([state, exitCode], ['exited', 137]);
      },
    );
}

rigTest('a job that the runner spares: -e NAME= , and no warning', async (rig) => {
  const env = { RUNNER_TRACKING_ID: 'github_1' };
  const { stderr } = await rig.bgjob(['run', '-e', 'RUNNER_TRACKING_ID=', '--', 'sleep', '1000'], { env });
  assert.equal(stderr, '');
  await rig.untilState(1, 'running');
  assert.deepEqual(killHaving(rig, 'RUNNER_TRACKING_ID=github_1'), []);
  assert.equal((await rig.show(1)).state, 'running');
  await rig.bgjob(['kill', '1']);
});

rigTest('one line for each CI job, however many jobs it starts', async (rig) => {
  const told = async (value: string, ...args: string[]): Promise<number> => {
    const env = { RUNNER_TRACKING_ID: value };
    return (await rig.bgjob(['run', ...args], { env })).stderr.split('ends every process').length - 1;
  };
  // a call that waits for the end has no need of it, and does not use it up
  assert.equal(await told('a', '--wait', '--', 'true'), 0);
  const at = await Promise.all([1, 2, 3, 4].map(() => told('a', '--', 'true')));
  assert.equal(
    at.reduce((sum, n) => sum + n),
    1,
  );
  assert.equal(await told('b', '--wait=60s', '--', 'true'), 1);
  assert.equal(await told('b', '--until', 'x', '--', 'echo', 'x'), 0);
  assert.equal(await told('c', '--until', 'x', '--', 'echo', 'x'), 1);
  fs.writeFileSync(join(rig.project, 'lines'), 'true\ntrue\n');
  assert.equal(await told('d', '--batch', 'lines'), 1);
  const again = await rig.bgjob(['restart', '1'], { env: { RUNNER_TRACKING_ID: 'r' } });
  assert.match(again.stderr, /^warning: at the end of the CI job .*RUNNER_TRACKING_ID/m);
  const json = await rig.bgjob(['run', '--json', '--', 'true'], { env: { RUNNER_TRACKING_ID: 'e' } });
  assert.equal(JSON.parse(json.stderr).warning.code, 'ends-with-runner');
  await rig.bgjob(['wait', '--all']);
  // no runner, or one that was told to spare
  for (const env of [
    { RUNNER_TRACKING_ID: '' },
    { RUNNER_TRACKING_ID: '0' },
    { BUILD_ID: '7' },
    { BUILD_ID: '7', CI: 'false' },
    { BUILD_ID: 'dontKillMe', CI: 'true' },
    { BUILD_ID: '7', CI: 'true', JENKINS_NODE_COOKIE: 'dontKillMe' },
  ])
    assert.equal(
      (await rig.bgjob(['run', '--wait=60s', '--', 'true'], { env: env as never })).stderr.includes('CI job'),
      false,
    );
});

rigTest('doctor notes a CI runner', async (rig) => {
  const [found] = await findings(rig, ['env', 'RUNNER_TRACKING_ID=github_1']);
  assert.deepEqual([found?.code, found?.level], ['runner-ends-jobs', 'note']);
  assert.match(found!.hint!, /run -e RUNNER_TRACKING_ID= …$/);
});

/** A `systemctl` that answers this, and notes that it was asked. */
function systemctl(rig: Rig, answer: string): string[] {
  const script = join(rig.dir, 'systemctl');
  fs.writeFileSync(script, `#!/bin/sh\necho "$*" >>'${rig.dir}/asked'\nprintf '${answer}'\n`, {
    mode: 0o755,
  });
  return withFile('/usr/bin/systemctl', script);
}

const noGroups = {
  skip: cannotUnshare() || cannotMakeGroups() || (!fs.existsSync('/usr/bin/systemctl') && 'no systemd here'),
};

rigTest(
  'below a service: one line for each service, as its KillMode says',
  async (rig) => {
    const asked = (): string[] => {
      const path = join(rig.dir, 'asked');
      const text = fs.existsSync(path) ? fs.readFileSync(path, 'utf8') : '';
      fs.rmSync(path, { force: true });
      return text.split('\n').filter(Boolean);
    };
    const told = async (group: string, answer: string): Promise<string> => {
      const words = [...systemctl(rig, answer), ...inGroup(group)];
      return (await within(rig, words, ['run', '--', 'true'])).stderr;
    };
    try {
      const first = await told('system.slice/a.service', 'KillMode=control-group\\nExitType=main\\n');
      assert.match(first, /^warning: when a\.service stops, systemd ends all .* \(KillMode=control-group\)/);
      assert.match(
        first,
        /the job will be lost then; .*systemd-run --scope bgjob run …; or KillMode=process/,
      );
      assert.equal(first.split('\n').length, 2);
      assert.deepEqual(asked(), ['show -p KillMode,ExitType -- a.service']);
      assert.equal(await told('system.slice/a.service', 'KillMode=control-group\\n'), '');
      assert.deepEqual(asked(), [], 'asked once');
      assert.match(await told('system.slice/b.service/payload', 'KillMode=mixed\\n'), /KillMode=mixed/);
      const user = 'user.slice/user-1000.slice/user@1000.service';
      assert.match(
        await told(`${user}/app.slice/backup.service`, 'KillMode=control-group\\n'),
        /systemd-run --user --scope bgjob run/,
      );
      assert.ok(asked().includes('--user show -p KillMode,ExitType -- backup.service'));
      assert.match(await told('system.slice/c.service', ''), /unless its KillMode is process/);
      for (const [group, answer] of [
        ['system.slice/cron.service', 'KillMode=process\\n'],
        ['system.slice/old.service', 'KillMode=none\\n'],
        [`${user}/app.slice/app-konsole@1.service`, 'KillMode=control-group\\nExitType=cgroup\\n'],
        [`${user}/app.slice/app-konsole@2.service`, ''],
        [`${user}/app.slice/app-gnome-code-7.scope`, 'KillMode=control-group\\n'],
        [`${user}/tmux-spawn-1.scope`, 'KillMode=control-group\\n'],
        [`${user}/init.scope`, 'KillMode=control-group\\n'],
        ['user.slice/user-1000.slice/session-3.scope', 'KillMode=control-group\\n'],
        ['system.slice/k3s.service/docker-1.scope', 'KillMode=control-group\\n'],
      ] as const)
        assert.equal(await told(group, answer), '', group);
      await rig.bgjob(['wait', '--all']);
      const inA = [...systemctl(rig, 'KillMode=control-group\\n'), ...inGroup('system.slice/a.service')];
      const [found] = await findings(rig, inA);
      assert.deepEqual([found?.code, found?.level], ['service-ends-jobs', 'problem']);
      const inCron = [...systemctl(rig, 'KillMode=process\\n'), ...inGroup('system.slice/cron.service')];
      assert.deepEqual(await findings(rig, inCron), []);
    } finally {
      rig.killAll();
      removeSlice();
    }
  },
  noGroups,
);
