/** `bgjob skill`: the page itself is true, and it is put where it belongs and nowhere else. */
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { dirname, join } from 'node:path';
import { cannotMount, fill, onMount, succeeds } from '../../rig/mounts.ts';
import { freePort } from '../../rig/ports.ts';
import { assertRefused } from '../../rig/refusal.ts';
import { type Answer, type Rig, ROOT, rigTest } from '../../rig/rig.ts';
import { until } from '../../rig/until.ts';

const VERSION: string = JSON.parse(fs.readFileSync(join(ROOT, 'package.json'), 'utf8')).version;
const userFile = (rig: Rig) => join(rig.dir, '.claude/skills/bgjob/SKILL.md');
const projectFile = (rig: Rig) => join(rig.project, '.claude/skills/bgjob/SKILL.md');
const agentsFile = (rig: Rig) => join(rig.project, 'AGENTS.md');
/** Everything below a directory, links as such. */
/** All that is there, but for compiled code. */
const paths = (dir: string): string[] =>
  (fs.readdirSync(dir, { recursive: true }) as string[])
    .filter((path) => !/^\.cache(\/|$)/.test(path))
    .sort();

async function says(rig: Rig, line: string, ...expected: (string | RegExp)[]): Promise<void> {
  const { code, stdout, stderr } = await rig.bash(`bgjob skill ${line}`);
  assert.deepEqual([code, stderr], [0, ''], `${line}: ${stderr}`);
  const lines = stdout.trimEnd().split('\n');
  assert.equal(lines.length, expected.length, stdout);
  for (const [n, one] of expected.entries())
    if (typeof one === 'string') assert.equal(lines[n], one);
    else assert.match(lines[n]!, one);
}
const refuses = async (rig: Rig, line: string, message: RegExp): Promise<void> =>
  assertRefused(await rig.bash(`bgjob skill ${line}`), 125, message, line);

rigTest('the page: front matter as agents expect it, no longer than 60 lines, ASCII', async (rig) => {
  const { stdout: text } = await rig.bash('bgjob skill');
  const lines = text.split('\n');
  assert.equal(lines.pop(), '');
  assert.ok(lines.length <= 60, `${lines.length} lines`);
  assert.match(text, /^[\x20-\x7e\n]*$/);
  const [, name, description] = /^---\nname: (.+)\ndescription: (.+)\n---\n\n# /.exec(text)!;
  // the name of its directory; a plain scalar of YAML must hold no ": " and no " #"
  assert.equal(name, 'bgjob');
  assert.ok(description!.length <= 1024 && !/: | #|^[^A-Za-z]/.test(description!));
  assert.match(text, /^export BGJOB_MAX_WAIT=100s$/m);
  const [object] = await rig.json(['skill']);
  assert.deepEqual(object, { v: 1, version: VERSION, text });
  assert.ok(!fs.existsSync(rig.home), 'it needs no home');
});

const SCRIPTS = {
  lint: 'echo clean',
  test: 'echo 12 passed, no FAIL',
  build: 'echo built',
  dev: 'node server.js',
};

/**
 * In place of npm, which takes half a second to begin: it runs a script as npm does, in a shell below itself.
 */
const NPM = `#!/bin/sh
[ "$1" = run ] && shift
sh -c "$(sed -n 's/.*"'"$1"'":"\\([^"]*\\)".*/\\1/p' package.json)"
`;

/** A project in which the commands of the page make sense; the port in place of 3000. */
function makeProject(rig: Rig, port: number): void {
  fs.writeFileSync(join(rig.project, 'package.json'), JSON.stringify({ name: 'p', scripts: SCRIPTS }));
  const server = `require('node:http').createServer((_, answer) => answer.end('hello\\n')).listen(${port}, '127.0.0.1', () => console.log('ready'));`;
  fs.writeFileSync(join(rig.project, 'server.js'), server);
  fs.writeFileSync(join(rig.dir, 'bin/npm'), NPM, { mode: 0o755 });
}

/**
 * Every command of a text: the lines of its blocks, and what stands between backquotes, in the order of the
 * text.
 */
const commandsOf = (text: string): string[] =>
  [...text.matchAll(/^```sh\n([\s\S]*?)^```$|`((?:bgjob|export) [^`]+)`/gm)].flatMap(([, block, inline]) =>
    block === undefined ? [inline!] : block.trimEnd().split('\n'),
  );

for (const [name, call] of [
  ['the page', 'bgjob skill'],
  ['the block', 'bgjob skill --agents-md && cat AGENTS.md'],
] as const)
  rigTest(`every command of ${name} does what is said, in its order`, async (rig) => {
    const port = await freePort();
    makeProject(rig, port);
    const { stdout } = await rig.bash(call);
    const commands = commandsOf(stdout).map((line) => line.replaceAll('3000', String(port)));
    const verbs = new Set(commands.flatMap((line) => /^bgjob (\w+)/.exec(line)?.[1] ?? []));
    verbs.delete('skill');
    const more = name === 'the page' ? ['restart', 'with'] : [];
    assert.deepEqual([...verbs].sort(), ['kill', 'ls', 'run', 'tail', 'wait', ...more].sort());
    const answers: Record<string, string> = {};
    for (const line of commands) {
      const { code, stdout: out, stderr } = await rig.bash(`export BGJOB_MAX_WAIT=100s\n${line}`);
      assert.equal(code, 0, `${line}: ${out}${stderr}`);
      answers[line] = out + stderr;
    }
    assert.match(
      answers['bgjob run -n test --wait -- npm test']!,
      /^\d+\ntest \d+ exited 0 .*\n(\|.*\n)*\| 12 passed/,
    );
    assert.match(answers[`bgjob run -n web --until-port ${port} -- npm run dev`]!, /^\d+\nweb \d+ ready/);
    assert.match(answers["bgjob tail test --grep 'FAIL|rror' -C 3"]!, /no FAIL/);
    assert.match(answers['bgjob kill web']!, /^web \d+ (already )?killed/);
    // what is said of a server that runs already
    const again = `bgjob run -n web --until-port ${port}`;
    assert.equal((await rig.bash(`${again} -- npm run dev`)).code, 0);
    assert.equal((await rig.bash(`${again} -- npm run dev`)).code, 125);
    assert.equal((await rig.bash(`${again} --reuse -- npm run dev`)).code, 0);
    assert.equal((await rig.bash(`${again} --replace -- npm run dev`)).code, 0);
    assert.equal((await rig.bash('bgjob kill web')).code, 0);
  });

rigTest(
  'installed for the user and the project: what is printed; again: nothing; removed: as before',
  async (rig) => {
    const before = paths(rig.dir);
    const { stdout: text } = await rig.bash('bgjob skill');
    await says(rig, '--user --project', `wrote ${userFile(rig)}`, `wrote ${projectFile(rig)}`);
    for (const file of [userFile(rig), projectFile(rig)]) {
      assert.equal(fs.readFileSync(file, 'utf8'), text);
      assert.deepEqual(fs.readdirSync(dirname(file)), ['SKILL.md'], 'nothing beside it');
    }
    const stat = fs.statSync(userFile(rig));
    assert.equal(stat.mode & 0o777, 0o644 & ~process.umask());
    await says(
      rig,
      '--user --project',
      `${userFile(rig)} is up to date`,
      `${projectFile(rig)} is up to date`,
    );
    assert.deepEqual(
      [fs.statSync(userFile(rig)).ino, fs.statSync(userFile(rig)).mtimeMs],
      [stat.ino, stat.mtimeMs],
    );
    const told = await rig.json(['skill', '--user', '--project']);
    assert.deepEqual(told, [
      { v: 1, place: 'user', path: userFile(rig), action: 'unchanged', version: VERSION, dryRun: false },
      {
        v: 1,
        place: 'project',
        path: projectFile(rig),
        action: 'unchanged',
        version: VERSION,
        dryRun: false,
      },
    ]);
    await says(rig, '--user --project --remove', `removed ${userFile(rig)}`, `removed ${projectFile(rig)}`);
    assert.deepEqual(paths(rig.dir), before, 'the directories that were made for it, too');
    await says(rig, '--user --remove', `nothing to remove: no ${userFile(rig)}`);
    // from a folder below, and where Claude Code was told to look
    fs.mkdirSync(join(rig.project, 'src'));
    await says(rig, '--help >/dev/null; cd src; bgjob skill --project', `wrote ${projectFile(rig)}`);
    const elsewhere = await rig.bash('bgjob skill --user', {
      env: { CLAUDE_CONFIG_DIR: join(rig.dir, 'conf') },
    });
    assert.equal(elsewhere.stdout, `wrote ${join(rig.dir, 'conf/skills/bgjob/SKILL.md')}\n`);
  },
);

rigTest('what others wrote is refused, and nothing at all is changed; --force says so', async (rig) => {
  const file = projectFile(rig);
  fs.mkdirSync(dirname(file), { recursive: true });
  fs.writeFileSync(file, 'my own\n');
  fs.chmodSync(file, 0o640);
  await refuses(rig, '--user --project', /SKILL\.md was not written by bgjob; nothing was changed\n/);
  assert.ok(!fs.existsSync(userFile(rig)), 'all or nothing');
  await refuses(
    rig,
    '--project --remove',
    /was not written by bgjob.*\n {2}hint: bgjob skill --project --remove --force does it all the same\n/,
  );
  assert.equal(fs.readFileSync(file, 'utf8'), 'my own\n');
  const [error] = (await rig.bash('bgjob skill --project --json')).stderr.split('\n');
  assert.equal(JSON.parse(error!).error.code, 'skill-refused');
  await says(rig, '--project --force', `replaced ${file}, instead of text that bgjob did not write`);
  assert.equal(fs.readFileSync(file, 'utf8'), (await rig.bash('bgjob skill')).stdout);
  assert.equal(fs.statSync(file).mode & 0o777, 0o640);
  await refuses(
    rig,
    '--remove',
    /^bgjob: --remove needs --user, --project, --agents-md or --codex\n {2}hint: bgjob skill --help\n/,
  );
  await refuses(rig, '--force', /^bgjob: --force needs /);
});

rigTest('a page and a block of an older bgjob are replaced, and that is said', async (rig) => {
  fs.mkdirSync(dirname(projectFile(rig)), { recursive: true });
  fs.writeFileSync(projectFile(rig), 'an older page\n<!-- bgjob skill 0.0.9 0123456789abcdef -->\n');
  const begin = '<!-- bgjob:begin 0.0.9 0123456789abcdef (bgjob skill --agents-md) -->';
  const block = `${begin}\nan older block\n<!-- bgjob:end -->`;
  fs.writeFileSync(agentsFile(rig), `# Rules\n\n${block}\n\nmore rules`);
  await says(
    rig,
    '--project --agents-md',
    `replaced ${projectFile(rig)}, instead of that of bgjob 0.0.9`,
    `replaced the bgjob block of ${agentsFile(rig)}, instead of that of bgjob 0.0.9`,
  );
  assert.equal(fs.readFileSync(projectFile(rig), 'utf8'), (await rig.bash('bgjob skill')).stdout);
  const text = fs.readFileSync(agentsFile(rig), 'utf8');
  assert.match(text, /^# Rules\n\n<!-- bgjob:begin /);
  assert.match(text, /\n<!-- bgjob:end -->\n\nmore rules$/);
  assert.doesNotMatch(text, /older/);
});

rigTest('AGENTS.md: made, added to, left alone, given back byte for byte', async (rig) => {
  const file = agentsFile(rig);
  await says(rig, '--agents-md', `wrote ${file}`);
  await says(rig, '--agents-md', `the bgjob block of ${file} is up to date`);
  await says(rig, '--agents-md --remove', `removed ${file}`);
  assert.ok(!fs.existsSync(file), 'it was made for the block');
  await says(rig, '--agents-md --remove', `nothing to remove: no bgjob block in ${file}`);
  // bytes that are no UTF-8, and a mode of its own
  const original = Buffer.from('# R\xff\xfe\r\nend\n', 'latin1');
  fs.writeFileSync(file, original);
  fs.chmodSync(file, 0o604);
  await says(rig, '--agents-md', `added a block to ${file}`);
  const once = fs.readFileSync(file);
  assert.deepEqual(once.subarray(0, original.length), original);
  await says(rig, '--agents-md', `the bgjob block of ${file} is up to date`);
  assert.deepEqual(fs.readFileSync(file), once);
  assert.equal(fs.statSync(file).mode & 0o777, 0o604);
  await says(rig, '--agents-md --remove', `removed the bgjob block of ${file}`);
  assert.deepEqual(fs.readFileSync(file), original);
  await rig.bash('bgjob skill --agents-md');
  const whole = fs.readFileSync(file, 'latin1');
  fs.writeFileSync(file, whole.replace('pkill', 'killall'), 'latin1');
  await says(rig, '--agents-md', `replaced the bgjob block of ${file}`);
  assert.equal(fs.readFileSync(file, 'latin1'), whole);
  fs.writeFileSync(file, `Rules\n${whole.replace('<!-- bgjob:end -->', '')}`);
  for (const option of ['', ' --force', ' --remove --force'])
    await refuses(
      rig,
      `--agents-md${option}`,
      /AGENTS\.md has half a bgjob block, or more than one; nothing was changed\n {2}hint: leave one line "<!-- bgjob:begin/,
    );
});

rigTest('no link is followed out of the home or the project; within, it is said where to', async (rig) => {
  const outside = join(rig.dir, 'outside');
  fs.mkdirSync(outside);
  fs.writeFileSync(join(outside, 'rules.md'), 'rules\n');
  fs.symlinkSync(join(outside, 'rules.md'), agentsFile(rig));
  fs.symlinkSync(outside, join(rig.project, '.claude'));
  const before = paths(outside);
  await refuses(
    rig,
    '--agents-md',
    /AGENTS\.md is \S+outside\/rules\.md, through a symbolic link out of \S+\/project; nothing was changed\n/,
  );
  await refuses(rig, '--project', /is \S+outside\/skills\/bgjob\/SKILL\.md, through a symbolic link out of /);
  await refuses(rig, '--project --remove', /through a symbolic link out of /);
  assert.deepEqual([paths(outside), fs.readFileSync(join(outside, 'rules.md'), 'utf8')], [before, 'rules\n']);
  await says(
    rig,
    '--agents-md --force',
    /^added a block to \S+AGENTS\.md \(which is \S+outside\/rules\.md\)$/,
  );
  assert.ok(fs.lstatSync(agentsFile(rig)).isSymbolicLink(), 'the link stays');
  // as many projects have it
  fs.rmSync(agentsFile(rig));
  fs.writeFileSync(join(rig.project, 'CLAUDE.md'), 'rules\n');
  fs.symlinkSync('CLAUDE.md', agentsFile(rig));
  await says(rig, '--agents-md', /^added a block to \S+AGENTS\.md \(which is \S+CLAUDE\.md\)$/);
  assert.match(fs.readFileSync(join(rig.project, 'CLAUDE.md'), 'utf8'), /^rules\n\n<!-- bgjob:begin /);
  await says(rig, '--agents-md --remove', /^removed the bgjob block of \S+AGENTS\.md \(which is /);
  assert.equal(fs.readFileSync(join(rig.project, 'CLAUDE.md'), 'utf8'), 'rules\n');
  fs.rmSync(join(rig.project, 'CLAUDE.md'));
  await refuses(rig, '--agents-md', /cannot read \S+AGENTS\.md: no such file or directory\n/);
  for (const make of ['mkdir AGENTS.md', 'mkfifo AGENTS.md']) {
    fs.rmSync(agentsFile(rig), { force: true, recursive: true });
    await rig.bash(make);
    await refuses(
      rig,
      '--agents-md',
      /AGENTS\.md is no regular file; nothing was changed\n {2}hint: ls -ld /,
    );
  }
});

rigTest('a file keeps its owner, its mode and its other names', async (rig) => {
  const file = agentsFile(rig);
  const other = join(rig.project, 'other.md');
  fs.writeFileSync(file, 'rules\n');
  fs.chmodSync(file, 0o640);
  fs.linkSync(file, other);
  // only root can give a file away
  if (process.getuid!() === 0) fs.chownSync(file, 12_345, 23_456);
  const facts = () => {
    const { uid, gid, mode, nlink, ino } = fs.statSync(file);
    return [uid, gid, mode, nlink, ino, fs.statSync(other).ino];
  };
  const before = facts();
  await says(rig, '--agents-md', `added a block to ${file}`);
  assert.deepEqual(facts(), before);
  const whole = fs.readFileSync(other, 'utf8');
  assert.match(whole, /^rules\n\n<!-- bgjob:begin /);
  // longer, and then shorter
  for (const text of ['', 'pkill and pkill ']) {
    fs.writeFileSync(file, whole.replace('pkill', text));
    await says(rig, '--agents-md', /^replaced the bgjob block /);
    assert.deepEqual([fs.readFileSync(other, 'utf8'), facts()], [whole, before]);
  }
  await says(rig, '--agents-md --remove', /^removed the bgjob block /);
  assert.deepEqual([fs.readFileSync(other, 'utf8'), facts()], ['rules\n', before]);
});

rigTest(
  'what somebody edits meanwhile is not lost: it is refused, and the same again does it',
  async (rig) => {
    const [file, page] = [agentsFile(rig), userFile(rig)];
    const fifo = join(rig.dir, 'fifo');
    assert.ok(succeeds('mkfifo', fifo));
    /** Calls it with a pipe as stdout that is full: it stands between the first place and the second. */
    const standing = async (options: string, act: () => void): Promise<Answer> => {
      const pipe = fs.openSync(fifo, fs.constants.O_RDWR | fs.constants.O_NONBLOCK);
      const some = Buffer.alloc(65_536, '.');
      const moved = (move: () => number): boolean => {
        try {
          return move() > 0;
        } catch {
          return false;
        }
      };
      while (moved(() => fs.writeSync(pipe, some)));
      const call = rig.start('bash', ['-c', `exec bgjob skill --user --agents-md ${options} >${fifo}`]);
      const isRemoved = options === '--remove';
      await until(
        () => fs.existsSync(page),
        (isThere) => isThere !== isRemoved,
        'what becomes of the first place',
      );
      act();
      while (moved(() => fs.readSync(pipe, some)));
      const answer = await call.answer;
      fs.closeSync(pipe);
      return answer;
    };
    const refused = (options: string) =>
      new RegExp(
        `^bgjob: \\S+/AGENTS\\.md was changed just now by somebody else; it stays so\\n {2}hint: bgjob skill --user --agents-md${options}\\n`,
      );
    // made, changed in place, replaced by another file as editors do it, and removed
    const edits: [before: string | null, act: () => void, after: string | null][] = [
      [null, () => fs.writeFileSync(file, 'new\n'), 'new\n'],
      ['rules\n', () => fs.appendFileSync(file, 'more\n'), 'rules\nmore\n'],
      [
        'rules\n',
        () => {
          fs.writeFileSync(`${file}~`, 'other\n');
          fs.renameSync(`${file}~`, file);
        },
        'other\n',
      ],
      ['rules\n', () => fs.unlinkSync(file), null],
    ];
    for (const [before, act, after] of edits) {
      fs.rmSync(page, { force: true });
      fs.rmSync(file, { force: true });
      if (before !== null) fs.writeFileSync(file, before);
      const { code, stderr } = await standing('', act);
      assert.equal(code, 125, stderr);
      assert.match(stderr, refused(''));
      assert.equal(fs.existsSync(file) ? fs.readFileSync(file, 'utf8') : null, after);
    }
    // also where the file was ours alone
    fs.rmSync(page);
    await rig.bash('bgjob skill --user --agents-md');
    const { code, stderr } = await standing('--remove', () => fs.appendFileSync(file, 'mine\n'));
    assert.equal(code, 125, stderr);
    assert.match(stderr, refused(' --remove'));
    await says(rig, '--agents-md --remove', `removed the bgjob block of ${file}`);
    assert.equal(fs.readFileSync(file, 'utf8'), 'mine\n');
  },
);

rigTest(
  'a place that is read-only or full: what is there stays, and the message is about that place',
  async (rig) => {
    await onMount(rig, 'size=512k', async (mounted) => {
      const project = join(mounted, 'project');
      fs.mkdirSync(join(project, '.git'), { recursive: true });
      // as long as its block of the disk
      const rules = 'rules\n'.repeat(2048);
      fs.writeFileSync(join(project, 'AGENTS.md'), rules);
      fill(mounted, 0);
      const skill = async (...words: string[]) => rig.bgjob(['skill', ...words], { cwd: project });
      assertRefused(
        await skill('--agents-md'),
        125,
        /cannot write \S+\/AGENTS\.md: no space is left on the device\n/,
      );
      assert.deepEqual(fs.readdirSync(project).sort(), ['.git', 'AGENTS.md'], 'no half file');
      assert.equal(fs.readFileSync(join(project, 'AGENTS.md'), 'utf8'), rules);
      fs.rmSync(join(mounted, 'filler'));
      assert.equal((await skill('--agents-md')).code, 0);
      assert.ok(succeeds('mount', '-o', 'remount,ro', mounted));
      const readOnly =
        /^bgjob: cannot write \S+SKILL\.md: the file system is read-only\n {2}hint: bgjob skill \(prints/;
      assertRefused(await skill('--project'), 125, readOnly);
      assertRefused(
        await skill('--agents-md', '--remove'),
        125,
        /cannot remove \S+AGENTS\.md: the file system is read-only\n/,
      );
      assert.equal((await skill('--agents-md')).code, 0, 'nothing is to be done');
    });
  },
  { skip: cannotMount() },
);

rigTest('without a directory, or a home, nothing is written anywhere', async (rig) => {
  const before = paths(rig.dir);
  const removed = await rig.bash('mkdir gone; cd gone; rmdir ../gone; bgjob skill --project --agents-md');
  assertRefused(removed, 125, /^bgjob: cannot enter \S+\/gone: no such file or directory\n/);
  const homeless = await rig.bash('HOME=/nowhere/at/all bgjob skill --user');
  assertRefused(homeless, 125, /^bgjob: cannot read \/nowhere\/at\/all: no such file or directory\n/);
  assert.deepEqual(paths(rig.dir), before);
});

rigTest('the page is loaded when it is asked for, by nothing else', async () => {
  for (const file of ['cli.js', 'supervisor.js', 'boot.js'])
    assert.ok(!fs.readFileSync(join(ROOT, 'dist', file), 'utf8').includes('never-ending'), file);
  assert.ok(fs.readFileSync(join(ROOT, 'dist', 'cli-skill-skill.js'), 'utf8').includes('never-ending'));
});
