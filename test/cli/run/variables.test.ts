/** Variables that a job does not get as its caller has them: of git hooks, editors, large functions. */
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { type Rig, rigTest } from '../../rig/rig.ts';

const GIT = 'git -c user.name=n -c user.email=a@b -c protocol.file.allow=always';

/** A repository `name` below the folder of the test, with one commit. */
async function repository(rig: Rig, name: string): Promise<string> {
  const dir = join(rig.dir, name);
  const made = await rig.bash(
    `git init -q -b main ${dir} && cd ${dir} && echo 1 >a && git add a && ${GIT} commit -qm 1`,
  );
  assert.equal(made.code, 0, made.stderr);
  return dir;
}

function hook(gitDir: string, name: string, line: string): void {
  fs.writeFileSync(join(gitDir, 'hooks', name), `#!/bin/bash\n${line}\n`, { mode: 0o755 });
}

const VARIABLES = `'env | grep -E "^GIT_(DIR|INDEX_FILE|WORK_TREE|PREFIX|QUAR|OBJECT|ALT|CONFIG_P)" | sort'`;
const names = (log: string) =>
  log
    .trim()
    .split('\n')
    .map((line) => line.split('=')[0])
    .filter(Boolean);
const changed = async (rig: Rig, id: number): Promise<[string, string][]> =>
  (await rig.show(id)).changedVariables.map(({ name, why }: Record<string, string>) => [name, why]);

rigTest('a pre-commit hook: a lock file of git is no index of the job, and it is told', async (rig) => {
  const dir = await repository(rig, 'one');
  hook(join(dir, '.git'), 'pre-commit', `bgjob run -w -- bash -c ${VARIABLES}`);
  for (const [n, how] of ['-a', 'a'].entries()) {
    const made = await rig.bash(
      `cd ${dir} && echo x >>a && echo b >b && git add b && ${GIT} commit -qm 2 ${how} 2>&1`,
    );
    assert.equal(made.code, 0, made.stdout);
    assert.match(made.stdout, /warning: the job does not get GIT_INDEX_FILE: it names a lock file/);
    assert.match(made.stdout, /bgjob run -e GIT_INDEX_FILE="\$GIT_INDEX_FILE"/);
    assert.ok(!names(rig.log(n + 1)).includes('GIT_INDEX_FILE'));
    assert.deepEqual(await changed(rig, n + 1), [['GIT_INDEX_FILE', 'git-lock']]);
  }
  assert.match(
    (await rig.bgjob(['show', '2'])).stdout,
    /^variables +removed: GIT_INDEX_FILE \(it names a lock/m,
  );
  // an index that stays is the job's, too
  const plain = await rig.bash(`cd ${dir} && ${GIT} commit -qm 3 --allow-empty 2>&1`);
  assert.doesNotMatch(plain.stdout, /warning/);
  assert.ok(rig.log(3).includes('GIT_INDEX_FILE=.git/index'));
  // and what is asked for is given
  hook(
    join(dir, '.git'),
    'pre-commit',
    `bgjob run -w -e GIT_INDEX_FILE="$GIT_INDEX_FILE" -- bash -c ${VARIABLES}`,
  );
  await rig.bash(`cd ${dir} && echo y >>a && ${GIT} commit -qam 4 2>&1`);
  assert.match(rig.log(4), /^GIT_INDEX_FILE=.*\/index\.lock$/m);
  assert.deepEqual(await changed(rig, 4), []);
});

rigTest('a hook of a worktree: its GIT_DIR stays, and goes with -C into another repository', async (rig) => {
  const dir = await repository(rig, 'one');
  const other = await repository(rig, 'two');
  await rig.bash(`cd ${dir} && git worktree add -q ../tree && mkdir sub ../tree/sub ../plain`);
  const top = '-- git rev-parse --show-toplevel';
  const lines = [`-C ${other} ${top}`, `-C ${dir} ${top}`, '-C sub -- env', '-C ../plain -- env'];
  hook(join(dir, '.git'), 'pre-commit', lines.map((line) => `bgjob run -w ${line}`).join('\n'));
  const made = await rig.bash(`cd ${rig.dir}/tree && ${GIT} commit -q --allow-empty -m 2 2>&1`);
  assert.equal(made.code, 0, made.stdout);
  assert.equal(rig.log(1), `${other}\n`);
  // the main worktree has another git directory than a linked one
  assert.equal(rig.log(2), `${dir}\n`);
  const gone = new Map(await changed(rig, 1));
  for (const name of ['GIT_DIR', 'GIT_INDEX_FILE', 'GIT_CONFIG_PARAMETERS'])
    assert.equal(gone.get(name), 'other-repository', name);
  for (const id of [3, 4]) {
    assert.match(rig.log(id), new RegExp(`^GIT_DIR=${dir}/.git/worktrees/tree$`, 'm'));
    assert.deepEqual(await changed(rig, id), []);
  }
});

rigTest('a submodule is another repository than the one around it, in the hooks of both', async (rig) => {
  const dir = await repository(rig, 'outer');
  await repository(rig, 'one');
  const added = await rig.bash(`cd ${dir} && ${GIT} submodule add -q ../one inner && ${GIT} commit -qm 2`);
  assert.equal(added.code, 0, added.stderr);
  const top = '-- git rev-parse --show-toplevel';
  hook(join(dir, '.git/modules/inner'), 'pre-commit', `bgjob run -w ${top}; bgjob run -w -C .. ${top}`);
  hook(join(dir, '.git'), 'pre-commit', `bgjob run -w -C inner ${top}`);
  for (const place of ['inner', '.'])
    assert.equal((await rig.bash(`cd ${dir}/${place} && ${GIT} commit -q --allow-empty -m 3`)).code, 0);
  assert.deepEqual(
    [1, 2, 3].map((id) => rig.log(id)),
    [`${dir}/inner\n`, `${dir}\n`, `${dir}/inner\n`],
  );
  assert.deepEqual(await changed(rig, 1), []);
  for (const id of [2, 3])
    assert.ok(
      (await changed(rig, id)).some(([name, why]) => name === 'GIT_INDEX_FILE' && why === 'other-repository'),
    );
});

rigTest('a push: the folder of new objects, which git removes, is not for the job', async (rig) => {
  const dir = await repository(rig, 'one');
  const bare = join(rig.dir, 'bare.git');
  await rig.bash(`git init -q --bare ${bare}`);
  hook(bare, 'pre-receive', `bgjob run -w -- bash -c ${VARIABLES}`);
  hook(bare, 'post-receive', `bgjob run -w -C ${dir} -- git rev-parse --absolute-git-dir`);
  const pushed = await rig.bash(`cd ${dir} && git push -q ${bare} main 2>&1`);
  assert.equal(pushed.code, 0, pushed.stdout);
  assert.deepEqual(names(rig.log(1)), ['GIT_DIR']);
  assert.deepEqual(
    (await changed(rig, 1)).map(([, why]) => why),
    Array(3).fill('git-quarantine'),
  );
  assert.equal(rig.log(2), `${dir}/.git\n`);
});

rigTest('GIT_DIR goes where it says: without -C, and from outside of any repository', async (rig) => {
  const dir = await repository(rig, 'one');
  const other = await repository(rig, 'two');
  await rig.bash(`mkdir ${rig.dir}/plain`);
  const call = `GIT_DIR=${dir}/.git bgjob run -w -- git rev-parse --absolute-git-dir`;
  for (const from of [other, `${rig.dir}/plain`]) await rig.bash(`cd ${from} && ${call}`);
  assert.deepEqual([rig.log(1), rig.log(2)], [`${dir}/.git\n`, `${dir}/.git\n`]);
  // a restart is about the directory of the job, from wherever it is called
  await rig.bash(`cd ${other} && bgjob run -w -- git rev-parse --absolute-git-dir`);
  const again = await rig.bash(`cd ${dir} && GIT_DIR=${dir}/.git bgjob restart 3 -w`);
  assert.match(again.stderr, /the job does not get GIT_DIR: it is about the repository of the call/);
  assert.equal(rig.log(4), `${other}/.git\n`);
  // a queued job and a batch run in what was decided at their call
  await rig.bash(
    `cd ${dir} && GIT_DIR=${dir}/.git bgjob run -Q q -C ${other} -w -- git rev-parse --absolute-git-dir`,
  );
  const batch = `echo 'git rev-parse --absolute-git-dir' | GIT_DIR=.git bgjob run -C ${other} --batch - --wait`;
  assert.match((await rig.bash(`cd ${dir} && ${batch}`)).stderr, /does not get GIT_DIR/);
  assert.deepEqual([rig.log(5), rig.log(6)], [`${other}/.git\n`, `${other}/.git\n`]);
});

rigTest('an editor or askpass of the caller fails at once, and says why', async (rig) => {
  const dir = await repository(rig, 'one');
  const hangs = join(rig.dir, 'hangs');
  fs.writeFileSync(hangs, '#!/bin/bash\nexec sleep infinity\n', { mode: 0o755 });
  const env = { GIT_EDITOR: hangs, EDITOR: hangs, SSH_ASKPASS: hangs, GIT_ASKPASS: hangs };
  const commit = ['--', ...GIT.split(' '), 'commit', '--allow-empty'];
  const failed = await rig.bgjob(['run', '-w', '-C', dir, ...commit], { env });
  assert.equal(failed.code, 1);
  assert.match(rig.log(1), /bgjob: no person sees an editor in this job/);
  const asked = await rig.bgjob(['run', '-w', 'exec "$SSH_ASKPASS" "Password: "'], { env });
  assert.equal(asked.code, 1);
  assert.match(rig.log(2), /so the question failed at once: Password:/);
  // visudo and sudoedit write `--` before the file
  assert.equal((await rig.bgjob(['run', '-w', '-C', dir, '$EDITOR -- a'], { env })).code, 1);
  assert.match(rig.log(3), /so the edit of a failed at once/);
  // a file that is not there yet
  const added = await rig.bgjob(['run', '-w', '-C', dir, '$EDITOR notes.txt'], { env });
  assert.match(added.stderr, /so the edit of notes\.txt failed at once/);
  assert.match(
    (await rig.bgjob(['show', '1'])).stdout,
    /^variables +changed: GIT_EDITOR, EDITOR, GIT_ASKPASS/m,
  );
  // what asks nobody stays, and -e has the last word
  const asks = ['run', '-w', '-C', dir, '-e', 'GIT_EDITOR=echo text >', ...commit];
  assert.equal((await rig.bgjob(asks, { env })).code, 0);
  const sed = { ...env, GIT_EDITOR: "sed -i '1i text'" };
  assert.equal((await rig.bgjob(['run', '-w', '-C', dir, ...commit], { env: sed })).code, 0);
  const held = await rig.bgjob(['run', '--stdin', 'hold', '-w', 'echo "$GIT_EDITOR"'], { env });
  assert.equal(held.code, 0);
  assert.equal(rig.log(7), `${hangs}\n`);
});

rigTest('functions arrive as in a direct call: a long one, much of them, many', async (rig) => {
  const longest = 131_071 - 'BASH_FUNC_f%%='.length;
  const body = (bytes: number) => `() { : ${'x'.repeat(bytes - 9)};}`;
  for (const [n, env] of [
    { 'BASH_FUNC_f%%': body(longest) },
    Object.fromEntries(Array.from({ length: 12 }, (_, at) => [`BASH_FUNC_f${at}%%`, body(100_000)])),
    Object.fromEntries(Array.from({ length: 5000 }, (_, at) => [`BASH_FUNC_f${at}%%`, body(10)])),
  ].entries())
    for (const [m, options] of [[], ['--pty']].entries()) {
      const called = await rig.bgjob(['run', ...options, '-w', '--', 'env', '-0'], { env });
      assert.equal(called.code, 0, called.stderr);
      const seen = rig.log(2 * n + m + 1).split('\0');
      const found = seen.filter((entry) => entry.startsWith('BASH_FUNC_f'));
      assert.deepEqual(
        found.sort(),
        Object.entries(env)
          .map((one) => one.join('='))
          .sort(),
      );
      assert.ok(!seen.some((entry) => entry.startsWith('BGJOB_ENV_')));
    }
});
