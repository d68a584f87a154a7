/** `bgjob skill --hooks` and `--codex`: what the hosts find, and that others keep what is theirs. */
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { dirname, join } from 'node:path';
import { isRunning } from '../../rig/processes.ts';
import { assertRefused } from '../../rig/refusal.ts';
import { type Rig, ROOT, rigTest } from '../../rig/rig.ts';
import { until } from '../../rig/until.ts';

const folderOf = (base: string) => join(base, '.claude/skills/bgjob');
const codexFile = (rig: Rig) => join(rig.dir, '.codex/hooks.json');
const readJson = (path: string) => JSON.parse(fs.readFileSync(path, 'utf8'));
const filesBelow = (dir: string): string[] =>
  (fs.readdirSync(dir, { recursive: true, withFileTypes: true }) as fs.Dirent[])
    .filter((entry) => !entry.isDirectory())
    .map(({ parentPath, name }) => join(parentPath, name))
    .filter((path) => !path.includes('/.cache/'))
    .sort();
const skill = async (rig: Rig, line: string): Promise<string[]> => {
  const { code, stdout, stderr } = await rig.bash(`bgjob skill ${line}`);
  assert.deepEqual([code, stderr], [0, ''], `${line}: ${stderr}`);
  return stdout.trimEnd().split('\n');
};

const PLUGIN = ['.claude-plugin/plugin.json', 'SKILL.md', 'hooks/hooks.json'];

rigTest(
  '--user --hooks: the folder is a plugin; --project: without monitors; removed: as before',
  async (rig) => {
    const before = filesBelow(rig.dir);
    const [user, project] = [folderOf(rig.dir), folderOf(rig.project)];
    await skill(rig, '--user --project --hooks');
    const named = (folder: string) => filesBelow(folder).map((path) => path.slice(folder.length + 1));
    assert.deepEqual(named(user), [...PLUGIN, 'monitors/monitors.json'].sort());
    assert.deepEqual(named(project), PLUGIN);
    for (const folder of [user, project]) {
      assert.equal(readJson(join(folder, '.claude-plugin/plugin.json')).name, 'bgjob');
      const { hooks } = readJson(join(folder, 'hooks/hooks.json'));
      assert.deepEqual(Object.keys(hooks), ['SessionStart', 'UserPromptSubmit', 'PostToolBatch', 'Stop']);
      for (const [event, [{ hooks: handlers }, ...more]] of Object.entries<any>(hooks)) {
        assert.deepEqual([more, handlers.length, handlers[0].type], [[], 1, 'command']);
        assert.match(handlers[0].command, new RegExp(`bgjob ${event} claude$`));
      }
    }
    const [monitor, ...others] = readJson(join(user, 'monitors/monitors.json'));
    assert.deepEqual([others, monitor.command], [[], 'bgjob watch --ends --session']);
    assert.ok(monitor.name && monitor.description);
    assert.ok((await skill(rig, '--user --hooks')).every((line) => line.endsWith(' is up to date')));
    // after an update without --hooks: the hooks that are there go along, and no others are added
    const manifest = join(user, '.claude-plugin/plugin.json');
    const text = fs.readFileSync(manifest, 'utf8');
    fs.writeFileSync(manifest, text.replace(/"version": ".*"/, '"version": "0.1.0"'));
    fs.rmSync(join(user, 'monitors'), { recursive: true });
    assert.deepEqual(
      (await skill(rig, '--user')).filter((line) => !line.endsWith(' is up to date')),
      [`replaced ${manifest}`],
    );
    assert.equal(fs.readFileSync(manifest, 'utf8'), text);
    assert.deepEqual(named(user), PLUGIN);
    await skill(rig, '--user --project --remove');
    assert.deepEqual(filesBelow(rig.dir), before);
    assert.ok(!fs.existsSync(join(rig.dir, '.claude')), 'the directories that were made for it, too');
  },
);

rigTest(
  'a plugin of the user in that folder: not overwritten, not removed, and nothing else done',
  async (rig) => {
    const hooks = join(folderOf(rig.dir), 'hooks/hooks.json');
    fs.mkdirSync(dirname(hooks), { recursive: true });
    fs.writeFileSync(hooks, '{"hooks":{}}');
    assertRefused(
      await rig.bash('bgjob skill --user --hooks'),
      125,
      /hooks\.json was not written by bgjob; nothing was changed\n {2}hint: bgjob skill --user --hooks --force /,
    );
    assert.deepEqual(filesBelow(folderOf(rig.dir)), [hooks]);
    await skill(rig, '--user');
    await skill(rig, '--user --remove');
    assert.equal(fs.readFileSync(hooks, 'utf8'), '{"hooks":{}}');
  },
);

rigTest('--codex: beside the hooks of others, which stay byte for byte', async (rig) => {
  const file = codexFile(rig);
  assert.deepEqual(await skill(rig, '--codex'), [`wrote ${file}`]);
  assert.deepEqual(Object.keys(readJson(file)), ['hooks']);
  assert.deepEqual(await skill(rig, '--hooks --codex'), [`the bgjob hooks of ${file} are up to date`]);
  assert.deepEqual(await skill(rig, '--codex --remove'), [`removed ${file}`]);
  assert.ok(!fs.existsSync(dirname(file)));
  assert.deepEqual(await skill(rig, '--codex --remove'), [`nothing to remove: no bgjob hooks in ${file}`]);
  const others = '{\r\n "hooks": {\r\n  "Stop": [{"hooks":[{"type":"command","command":"é"}] } ]\r\n }\r\n}';
  fs.mkdirSync(dirname(file));
  fs.writeFileSync(file, others, { mode: 0o640 });
  const { ino, mode } = fs.statSync(file);
  for (let round = 0; round < 3; round += 1) {
    assert.deepEqual(await skill(rig, '--codex'), [`added hooks to ${file}`]);
    const { hooks } = readJson(file);
    assert.deepEqual(Object.keys(hooks), ['Stop', 'SessionStart', 'UserPromptSubmit', 'PostToolUse']);
    assert.equal(hooks.Stop[0].hooks[0].command, 'é');
    assert.match(hooks.Stop[1].hooks[0].command, /bgjob Stop codex$/);
    assert.deepEqual(await skill(rig, '--codex --remove'), [`removed the bgjob hooks of ${file}`]);
    assert.equal(fs.readFileSync(file, 'utf8'), others);
  }
  assert.deepEqual([fs.statSync(file).ino, fs.statSync(file).mode], [ino, mode]);
  const { stdout } = await rig.bash('bgjob skill --codex', { env: { CODEX_HOME: join(rig.dir, 'cx') } });
  assert.equal(stdout, `wrote ${join(rig.dir, 'cx/hooks.json')}\n`);
});

rigTest('a hooks file that Codex cannot read is refused, and so is a link out of the home', async (rig) => {
  const file = codexFile(rig);
  fs.mkdirSync(dirname(file));
  for (const damaged of [
    '{"hooks":{},}',
    '{} // mine\n',
    '[]',
    '\ufeff{}',
    '{"hooks":{"Stop":{}}}',
    '{"a":"\xff"}',
  ]) {
    fs.writeFileSync(file, damaged, 'latin1');
    assertRefused(
      await rig.bash('bgjob skill --user --codex'),
      125,
      /hooks\.json is no hooks file that Codex could read: .+; nothing was changed\n {2}hint: fix it, or move it/,
    );
    assert.equal(fs.readFileSync(file, 'latin1'), Buffer.from(damaged, 'latin1').toString('latin1'));
    assert.ok(!fs.existsSync(folderOf(rig.dir)), 'all or nothing');
    assert.match((await skill(rig, '--codex --remove'))[0]!, /^nothing to remove: /);
  }
  fs.writeFileSync(file, ' \n');
  assert.deepEqual(await skill(rig, '--codex'), [`added hooks to ${file}`]);
  fs.rmSync(file);
  const outside = join(rig.dir, '..', `${rig.dir.split('/').at(-1)}.hooks`);
  fs.writeFileSync(outside, '{}');
  try {
    fs.symlinkSync(outside, file);
    assertRefused(await rig.bash('bgjob skill --codex'), 125, /through a symbolic link out of /);
    assert.equal(fs.readFileSync(outside, 'utf8'), '{}');
    await skill(rig, '--codex --force');
    assert.ok(fs.lstatSync(file).isSymbolicLink());
    await skill(rig, '--codex --remove --force');
    assert.equal(fs.readFileSync(outside, 'utf8'), '{}');
  } finally {
    fs.rmSync(outside);
  }
});

rigTest('--dry-run: says what would be done, shows the hooks, and does nothing', async (rig) => {
  fs.mkdirSync(dirname(codexFile(rig)));
  fs.writeFileSync(codexFile(rig), '{}');
  const before = filesBelow(rig.dir);
  const lines = await skill(rig, '--user --hooks --codex --dry-run');
  assert.deepEqual(
    lines.filter((line) => !line.startsWith('  ')).map((line) => line.replace(`${rig.dir}/`, '')),
    [
      'would write .claude/skills/bgjob/SKILL.md',
      'would write .claude/skills/bgjob/hooks/hooks.json',
      'would write .claude/skills/bgjob/monitors/monitors.json',
      'would write .claude/skills/bgjob/.claude-plugin/plugin.json',
      'would add hooks to .codex/hooks.json',
    ],
  );
  const shown = lines.filter((line) => /^ {2}\+ .*bgjob (Stop|UserPromptSubmit) (claude|codex)"/.test(line));
  assert.ok(shown.length >= 3, lines.join('\n'));
  assert.deepEqual([filesBelow(rig.dir), fs.readFileSync(codexFile(rig), 'utf8')], [before, '{}']);
  const [object] = await rig.json(['skill', '--codex', '--dry-run']);
  assert.deepEqual([object.place, object.action, object.dryRun], ['codex', 'written', true]);
  await skill(rig, '--codex');
  const removal = await skill(rig, '--codex --remove --dry-run');
  assert.match(removal[0]!, /^would remove the bgjob hooks of /);
  assert.ok(removal.slice(1).every((line) => line.startsWith('  - ')) && removal.length > 1);
  assertRefused(await rig.bash('bgjob skill --dry-run'), 125, /^bgjob: --dry-run needs --user, /);
  for (const line of ['--hooks', '--hooks --remove', '--hooks --agents-md'])
    assertRefused(
      await rig.bash(`bgjob skill ${line}`),
      125,
      /^bgjob: --hooks needs --user, --project or --codex\n {2}hint: bgjob skill --user --hooks\n/,
    );
});

rigTest('a folder behind a link: what was added to it goes, the link and its folder stay', async (rig) => {
  const place = folderOf(rig.dir);
  fs.mkdirSync(dirname(place), { recursive: true });
  const inside = join(rig.dir, 'dotfiles');
  const outside = `${rig.dir}.page`;
  try {
    for (const to of [inside, outside]) {
      fs.mkdirSync(to);
      fs.symlinkSync(to, place);
      // out of the home directory it must be said
      const force = to === outside ? '--force' : '';
      for (let round = 0; round < 2; round += 1) {
        await skill(rig, `--user --hooks ${force}`);
        assert.equal(filesBelow(to).length, 4);
        await skill(rig, `--user --remove ${force}`);
        assert.ok(fs.existsSync(place), 'the link leads to a folder');
        assert.deepEqual(fs.readdirSync(to), []);
      }
      fs.unlinkSync(place);
    }
  } finally {
    fs.rmSync(outside, { recursive: true, force: true });
  }
});

rigTest('hooks call bgjob by its name: skill and doctor say that there is none in PATH', async (rig) => {
  const env = { PATH: '/usr/bin:/bin' };
  const call = (line: string) => rig.bash(`${join(ROOT, 'bin/bgjob')} ${line}`, { env });
  for (const line of ['--user --hooks', '--codex'])
    assert.match((await call(`skill ${line}`)).stderr, /^warning: there is no bgjob in PATH: .*\n$/);
  assert.equal((await call('skill --user')).stderr, '');
  const { stdout } = await call('doctor');
  for (const host of ['Claude Code', 'Codex'])
    assert.match(
      stdout,
      new RegExp(`^note: ${host} has the hooks of bgjob \\(.*\\), but there is no bgjob in PATH: `, 'm'),
    );
  assert.equal((await call('skill --user --codex --remove')).stderr, '');
});

rigTest('doctor says which hosts are set up, and where their hooks are switched off', async (rig) => {
  const notes = async () =>
    (await rig.bgjob(['doctor'], { env: { SHELL: '/bin/sh' } })).stdout
      .split('\n')
      .filter((line) => /Claude Code|Codex/.test(line));
  assert.deepEqual(await notes(), []);
  await skill(rig, '--user');
  assert.deepEqual(await notes(), [
    `note: Claude Code has the page of bgjob (${folderOf(rig.dir)}/SKILL.md), and no hooks: it is not told how jobs ended → bgjob skill --user --hooks`,
  ]);
  await skill(rig, '--user --hooks --codex');
  // Codex runs hooks in a login shell
  fs.writeFileSync(join(rig.dir, '.profile'), 'PATH=/usr/bin:/bin\n');
  assert.match(
    (await notes())[1]!,
    /^note: the hooks of Codex find no bgjob \(\/bin\/sh -l .* → .*: \/bin\/sh -lc 'command -v bgjob'$/,
  );
  // a profile that hangs: nothing is known, and nothing of it is left
  fs.writeFileSync(join(rig.dir, '.profile'), `sleep 1000 & echo $! >${rig.dir}/slow; wait\n`);
  assert.match((await notes())[1]!, /^note: Codex has the hooks of bgjob /);
  // where a shell takes seconds to begin, it is ended before it starts that
  const slow = fs.existsSync(join(rig.dir, 'slow')) && Number(fs.readFileSync(join(rig.dir, 'slow'), 'utf8'));
  await until(
    () => slow && isRunning(slow),
    (runs) => !runs,
    'the end of what the profile started',
  );
  fs.writeFileSync(join(rig.dir, '.profile'), `PATH='${rig.env['PATH']}'\n`);
  const [claude, codex, ...more] = await notes();
  assert.match(claude!, /^note: Claude Code has the hooks of bgjob \(.*\): it is told how jobs ended$/);
  assert.match(codex!, /^note: Codex has the hooks of bgjob \(.*hooks\.json\): .*\(\/hooks\)$/);
  assert.deepEqual(more, []);
  fs.writeFileSync(join(rig.dir, '.claude/settings.json'), '{"disableAllHooks": true}');
  fs.writeFileSync(join(rig.dir, '.codex/config.toml'), '[features]\nhooks = false\n');
  const off = await notes();
  assert.match(
    off[0]!,
    /hooks of Claude Code are switched off \(disableAllHooks in .*\.claude\/settings\.json\)/,
  );
  assert.match(off[1]!, /hooks of Codex are switched off \(features\.hooks = false in .*config\.toml\)/);
  const objects = (await rig.json(['doctor'])).filter(({ code }: any) => code === 'agent-host');
  assert.deepEqual(
    objects.map(({ level }: any) => level),
    ['note', 'note'],
  );
});
