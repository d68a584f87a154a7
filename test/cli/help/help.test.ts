/** Help and man page: from one table, complete, and no wider than a screen. */
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { answersOf } from '../../rig/inprocess.ts';
import { type Rig, ROOT, rigTest } from '../../rig/rig.ts';

const said = async (rig: Rig, ...args: string[]): Promise<string> => {
  const { code, stdout, stderr } = await rig.bgjob(args);
  assert.deepEqual([code, stderr], [0, ''], args.join(' '));
  return stdout;
};
/** What each of these calls says, by its words. */
async function allSaid(rig: Rig, calls: string[][]): Promise<(...args: string[]) => string> {
  const answers = await answersOf(
    rig,
    calls.map((args) => ({ args })),
  );
  const texts = new Map(
    answers.map(({ code, stdout, stderr }, n) => {
      assert.deepEqual([code, stderr], [0, ''], calls[n]!.join(' '));
      return [calls[n]!.join(' '), stdout];
    }),
  );
  return (...args) => texts.get(args.join(' '))!;
}
const VERBS = ['run', 'ls', 'status', 'show', 'tail', 'path', 'wait', 'kill', 'gc'];
/** What a reader of the man page sees of `text`. */
const unroff = (text: string): string =>
  text.replaceAll('\\-', '-').replaceAll('\\(aq', "'").replaceAll('\\(ti', '~').replaceAll('\\(ha', '^');

rigTest('the man page that is packed is the one of this program', async (rig) => {
  assert.equal(await said(rig, '--man'), fs.readFileSync(`${ROOT}/man/bgjob.1`, 'utf8'));
});

rigTest('the help of the whole tool fits one screen and begins with examples', async (rig) => {
  const help = await said(rig, '--help');
  assert.equal(help, await said(rig));
  assert.equal(help, await said(rig, '-h'));
  assert.equal(help, await said(rig, 'help'));
  const lines = help.trimEnd().split('\n');
  assert.ok(lines.length <= 24, `${lines.length} lines`);
  assert.match(lines[2]!, /^ {2}bgjob run -- npm test /);
  // a line of its own, or at least its name
  for (const verb of VERBS)
    assert.match(help, new RegExp(`^  ${verb} +\\w|^Also: (.+\\n)*?.*\\b${verb}\\b`, 'm'));
  for (const code of ['0', '75', '124', '125', '126, 127'])
    assert.match(help, new RegExp(`[\\n ]${code} \\w`));
  assert.deepEqual(
    lines.filter((line) => line.length > 80),
    [],
  );
});

rigTest('every verb and option is in help and man page, and no line of help is too wide', async (rig) => {
  const general = unroff(await said(rig, '--man'));
  const ways = (verb: string) => [
    ['--man', verb],
    [verb, '--help'],
    ['help', verb],
  ];
  const text = await allSaid(rig, VERBS.flatMap(ways));
  for (const verb of VERBS) {
    assert.match(general, new RegExp(`^\\.BR bgjob-${verb} \\(1\\)$`, 'm'));
    const man = unroff(text('--man', verb));
    const flat = man.replaceAll('\n', ' ');
    const help = text(verb, '--help');
    assert.equal(help, text('help', verb));
    assert.match(help, new RegExp(`^bgjob ${verb} \\[options\\]`));
    const usage = help.split('\n')[0]!;
    const [, operands] = /^bgjob \w+ (.*)$/.exec(usage)!;
    assert.ok(flat.includes(`.SH SYNOPSIS .B bgjob ${verb} ${operands}`), usage);
    // a long text goes on below itself
    const options = help
      .split(/^\w.*:\n(?= {2}-)/m)
      .slice(1)
      .flatMap((group) =>
        group
          .split('\n\n')[0]!
          .trimEnd()
          .replaceAll(/\n {6,}/g, ' ')
          .split('\n'),
      );
    assert.ok(options.length >= 2);
    for (const option of options) {
      const [, flags, words] = /^ {2}(.+?) {2,}(.+)$/.exec(option)!;
      assert.ok(man.includes(`.B ${flags}\n`), `${verb}: ${flags}`);
      assert.ok(flat.includes(words!), `${verb}: ${words}`);
    }
    assert.deepEqual(
      help.split('\n').filter((line) => line.length > 80),
      [],
      verb,
    );
  }
});

rigTest('the version is that of the package', async (rig) => {
  const { version } = JSON.parse(fs.readFileSync(`${ROOT}/package.json`, 'utf8'));
  assert.equal(await said(rig, '--version'), `${version}\n`);
  assert.equal(await said(rig, '-V'), `${version}\n`);
  assert.match(await said(rig, '--man'), new RegExp(`^\\.TH BGJOB 1 .*"bgjob ${version}"`));
});

rigTest('a command that does not exist: what may be meant', async (rig) => {
  const answer = async (...args: string[]) => {
    const { code, stdout, stderr } = await rig.bgjob(args);
    assert.deepEqual([code, stdout], [125, '']);
    return stderr;
  };
  assert.match(
    await answer('kil', '1'),
    /^bgjob: no command "kil"\n {2}hint: bgjob kill 1\n\[bgjob\] exit code 125\n$/,
  );
  for (const [word, verb] of [
    ['stop', 'kill web'],
    ['logs', 'tail web'],
    ['start', 'run -- web'],
    ['ps', 'ls'],
    ['rm', 'gc'],
    ['top', 'watch'],
    ['history', 'ls -n 100'],
    ['attach', 'tail -f web'],
    ['list', 'ls'],
    ['at', 'run --delay DUR'],
    ['statsu', 'status web'],
  ])
    assert.match(await answer(word!, 'web'), new RegExp(`no command "${word}"\n {2}hint: bgjob ${verb}\n`));
  assert.match(await answer('npm', 'test'), /no command "npm"\n {2}hint: bgjob run -- npm test \(/);
  // no guess from afar
  assert.match(await answer('help', 'foo'), /no command "foo"\n {2}hint: bgjob --help\n/);
  assert.match(await answer('toString'), /hint: bgjob run -- toString /);
  for (const [words, hint] of [
    [['-v'], 'bgjob --version'],
    [['--frob'], 'bgjob --help'],
    [['--verison'], 'bgjob --version'],
    [['--', 'npm', 'test'], 'bgjob run -- command'],
    [['--all', 'ls'], 'an option follows the command: bgjob ls --all'],
    [['-n', 'web', '--', 'npm', 'start'], 'an option follows the command: bgjob run -n'],
  ] as const)
    assert.ok(
      (await answer(...words)).startsWith(`bgjob: unknown option '${words[0]}'\n  hint: ${hint}\n`),
      hint,
    );
  assert.match(
    await answer('tail', '--folow', '1'),
    /unknown option '--folow'\n {2}hint: bgjob tail --follow\n/,
  );
  assert.match(await answer('tail'), /tail needs REF.*\n {2}hint: bgjob tail --help/);
  assert.match(await answer('show', '1', '2'), /too many words: "2"/);
  assert.match(await answer('kill', '-s'), /argument missing/);
});

/** The pages as they are packed. */
const PAGES = fs.readdirSync(`${ROOT}/man`).sort();

rigTest('a page for each verb, named in package.json, so that npm installs it', async (rig) => {
  const { man } = JSON.parse(fs.readFileSync(`${ROOT}/package.json`, 'utf8'));
  assert.deepEqual([...man].sort(), PAGES.map((name) => `./man/${name}`).sort());
  for (const verb of VERBS) assert.ok(PAGES.includes(`bgjob-${verb}.1`), verb);
  const verbs = PAGES.flatMap((name) => /^bgjob-(\w+)\.1$/.exec(name)?.[1] ?? []);
  assert.equal(verbs.length, PAGES.length - 1);
  const ways = (verb: string) => [
    ['--man', verb],
    [verb, '--help'],
  ];
  const text = await allSaid(rig, verbs.flatMap(ways));
  for (const verb of verbs) {
    const name = `bgjob-${verb}.1`;
    const page = text('--man', verb);
    assert.equal(page, fs.readFileSync(`${ROOT}/man/${name}`, 'utf8'));
    assert.ok(page.startsWith(`.TH BGJOB-${verb.toUpperCase()} 1 `), name);
    // what help says of it is all there
    const flat = unroff(page).replaceAll('\n', ' ');
    const help = text(verb, '--help');
    for (const [flag] of help.matchAll(/(?<=^ {2}(?:-\w, )?)--[a-z-]+/gm))
      assert.match(flat, new RegExp(`\\.TP \\.B (-\\w, )?${flag}[ [=]`), `${verb} ${flag}`);
  }
  assert.equal(
    await said(rig, '--man', 'all'),
    man.map((path: string) => fs.readFileSync(`${ROOT}/${path}`, 'utf8')).join(''),
  );
  const { code, stderr } = await rig.bgjob(['--man', 'frob']);
  assert.deepEqual([code, stderr.split('\n')[0]], [125, 'bgjob: no command "frob"']);
});
