/**
 * What `npm install -g` of the packed tarball gives: a bgjob that works, from any path, and its man pages;
 * and what is in it.
 */
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { withReadOnly } from '../../rig/namespaces.ts';
import { type Rig, ROOT, rigTest } from '../../rig/rig.ts';

/** What a package holds: nothing of the tests, the sources, or somebody's editor. */
const PACKED = [
  /^(package\.json|README\.md|CHANGELOG\.md|LICENSE|config\.schema\.json)$/,
  /^bin\/(bgjob|no-person)$/,
  /^man\/bgjob(-[a-z]+)?\.1$/,
  /^dist\/[a-z-]+\.js(\.map)?$/,
  /^dist\/licenses\.txt$/,
];
const MOST_BYTES = 2_500_000;

rigTest(
  'packed: what is needed and no more, and small; installed elsewhere without a network, and run',
  async (rig) => {
    const env = {
      npm_config_offline: 'true',
      npm_config_cache: `${rig.dir}/cache`,
      npm_config_update_notifier: 'false',
    };
    // what is built is packed: building again would take the program away from the tests beside this one
    const packed = await rig.start(
      'npm',
      ['pack', '--json', '--ignore-scripts', '--pack-destination', rig.dir],
      {
        cwd: ROOT,
        env,
      },
    ).answer;
    assert.equal(packed.code, 0, packed.stderr);
    const [{ filename, size, files }] = JSON.parse(packed.stdout);
    const paths: string[] = files.map(({ path }: { path: string }) => path);
    assert.deepEqual(
      paths.filter((path) => !PACKED.some((pattern) => pattern.test(path))),
      [],
    );
    for (const path of ['dist', 'man'].flatMap((dir) =>
      fs.readdirSync(`${ROOT}/${dir}`).map((name) => `${dir}/${name}`),
    ))
      assert.ok(paths.includes(path), path);
    assert.ok(size < MOST_BYTES, `${size} bytes`);

    const prefix = `${rig.dir}/a place with spaces`;
    const tarball = `${rig.dir}/${filename}`;
    const args = ['install', '-g', '--prefix', prefix, '--no-audit', '--no-fund', tarball];
    const installed = await rig.start('npm', args, { cwd: rig.dir, env }).answer;
    assert.equal(installed.code, 0, installed.stderr);

    // where man looks for them
    const pages = fs.readdirSync(`${prefix}/share/man/man1`).sort();
    assert.deepEqual(pages, fs.readdirSync(`${ROOT}/man`).sort());
    for (const name of pages)
      assert.equal(
        fs.readFileSync(`${prefix}/share/man/man1/${name}`, 'utf8'),
        fs.readFileSync(`${ROOT}/man/${name}`, 'utf8'),
      );
    const inside = `${prefix}/lib/node_modules/bgjob`;
    assert.deepEqual(
      fs.readdirSync(inside).filter((name) => /^(src|test|dist-test|node_modules)$/.test(name)),
      [],
    );
    assert.deepEqual(
      Object.keys(JSON.parse(fs.readFileSync(`${inside}/package.json`, 'utf8')).dependencies ?? {}),
      [],
    );

    const bgjob = (...words: string[]) => rig.start(`${prefix}/bin/bgjob`, words).answer;
    const run = await bgjob('run', '-w', '--', 'sh', '-c', 'echo installed; exit 4');
    assert.equal(run.code, 4);
    assert.equal(run.stdout, '1\n');
    assert.match(run.stderr, /^1 exited 4 after [\d.hms]+\n\| installed\n\[job\] exit code 4\n$/);
    // what is loaded only when it is needed is there, too
    assert.equal(
      (await rig.start(`${prefix}/bin/bgjob`, ['ls'], { env: { FORCE_COLOR: '1' } }).answer).code,
      0,
    );
    assert.equal((await bgjob('gc', '--ended')).code, 0);
    assert.equal((await bgjob('kill', '1')).code, 0);
    assert.match((await bgjob('completion', 'bash')).stdout, /^complete -F _bgjob bgjob$/m);
    assert.match((await bgjob('--man', 'run')).stdout, /^\.TH BGJOB-RUN 1 /);

    // a bug is shown by the place in our sources that made the call
    const hook = `${rig.dir}/hook.cjs`;
    fs.writeFileSync(hook, "require('fs').readdirSync = () => { throw new TypeError('planted'); };");
    const bug = await rig.start(process.execPath, ['--require', hook, `${prefix}/bin/bgjob`, 'ls', '-a'])
      .answer;
    assert.equal(bug.code, 125, bug.stderr);
    assert.match(bug.stderr, /^bgjob: this is a bug in bgjob, please report it: TypeError: planted\n/);
    const [, file, line] = /\((src\/[\w/-]+\.ts):(\d+)\)/.exec(bug.stderr) ?? assert.fail(bug.stderr);
    const source = fs.readFileSync(`${ROOT}/${file}`, 'utf8').split('\n')[Number(line) - 1]!;
    assert.match(source, /readdirSync/);
    assert.doesNotMatch(bug.stderr, /dist\//);

    // nobody may write there: root may, unless the file system says no
    const call =
      process.getuid!() === 0
        ? withReadOnly(prefix)
        : ['sh', '-c', `chmod -R a-w '${inside}' && exec "$@"`, 'sh'];
    const readOnly = (...words: string[]) =>
      rig.start(call[0]!, [...call.slice(1), `${prefix}/bin/bgjob`, ...words]).answer;
    if (!(await can(rig, call))) return;
    const [read, follow] = [
      await readOnly('run', '-w', '--', 'sh', '-c', 'exit 6'),
      await readOnly('run', '-f', 'echo x'),
    ];
    assert.deepEqual([read.code, follow.code, follow.stdout.includes('x\n')], [6, 0, true]);
  },
);

/** Whether such a sandbox can be made here. */
async function can(rig: Rig, [program, ...args]: string[]): Promise<boolean> {
  return rig.start(program!, [...args, 'true']).answer.then(
    ({ code }) => code === 0,
    () => false,
  );
}
