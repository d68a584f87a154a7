/** `bgjob watch` on a real terminal: the log below the list, the keys of an open log, help, failures only. */
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { missing } from '../rig/needs.ts';
import { rigTest } from '../rig/rig.ts';
import { Tmux } from '../rig/tmux.ts';
import { until } from '../rig/until.ts';

const skip = missing('tmux');

const isOver = (tmux: Tmux) =>
  until(
    () => tmux.ask('alternate_on'),
    (on) => on === '0',
    'the end of the view',
  );

rigTest(
  'below the list is the log of the chosen job: live, with its colours, of the newer stream',
  async (rig) => {
    const [web, api] = [await rig.puppet(), await rig.puppet()];
    await rig.run(['-n', 'web', '--', ...web.command]);
    await rig.run(['-n', 'api', '--split', '--', ...api.command]);
    await web.print('\x1b[31mred\x1b[0m plain \x1b[2J\x1b]0;evil\x07\x1b[8mend\n');
    await api.print('to stdout\n');
    const tmux = new Tmux(rig);
    tmux.line('bgjob watch');
    const lines = await tmux.until(/^to stdout$/);
    assert.match(lines[4]!, /^─ api 2, stdout: .* ─+$/);
    assert.equal(lines[4]!.length, 80);
    // without a key
    await api.print('more\n');
    await tmux.until(/^more$/);
    tmux.type('j');
    await tmux.until(/^─ web 1: /);
    await tmux.until(/^red plain/);
    const styled = tmux.screen(true).find((line) => line.includes('red') && line.includes('plain'))!;
    assert.match(styled, /\x1b\[31m(\x1b\[49m)?red\x1b\[/);
    // the chosen row is inverse, to the last column
    const row = tmux.screen(true).find((line) => line.includes('> 1 '))!;
    assert.match(row, /^\x1b\[(0;)?7m/);
    tmux.resize(40, 10);
    await until(
      () => tmux.screen(),
      (screen) => screen[9]?.includes('q quit') === true && !screen.some((line) => /^red/.test(line)),
      'a small window with the list alone',
    );
    tmux.type('q');
    await isOver(tmux);
    await web.exit(0);
    await api.exit(0);
    tmux.close();
  },
  { skip },
);

rigTest(
  'in an open log / searches, n and N go on, w cuts long lines, > moves sideways, t shows times',
  async (rig) => {
    const lines = Array.from({ length: 60 }, (_, n) => `line ${n + 1}${n % 20 === 4 ? ' Needle' : ''}`);
    fs.writeFileSync(`${rig.project}/text`, `${lines.join('\n')}\n${'0123456789'.repeat(12)}\nlast\n`);
    await rig.bgjob(['run', '-w', '-n', 'talk', '--', 'cat', 'text']);
    // no colours: what is found is seen all the same
    const tmux = new Tmux(rig, 80, 24, { NO_COLOR: '1' });
    tmux.line('bgjob watch');
    await tmux.until(/^> 1 {3}talk /);
    tmux.type('Enter');
    await tmux.until(/^last$/);
    tmux.type('/', 'needle');
    await tmux.until(/^\/needle_$/);
    tmux.type('Enter');
    await tmux.until(/^\/needle: 3 of 3 matches$/);
    assert.ok(
      tmux.screen(true).some((line) => /line 45 \x1b\[(0;)?1;7mNeedle/.test(line)),
      'it is marked',
    );
    tmux.type('n');
    await tmux.until(/^\/needle: 1 of 3 matches \(the search went on at the start\)$/);
    await tmux.until(/^line 5 Needle$/);
    tmux.type('N');
    await tmux.until(/^\/needle: 3 of 3 matches \(the search went on at the end\)$/);
    tmux.type('N');
    await tmux.until(/^\/needle: 2 of 3 matches$/);
    // a capital counts
    tmux.type('/', 'neeDle', 'Enter');
    await tmux.until(/^\/neeDle: not found$/);
    tmux.type('Escape');
    await tmux.until(/^cat text$/);
    tmux.type('G');
    await tmux.until(/^(0123456789){4}$/);
    tmux.type('w');
    await tmux.until(/^(0123456789){7}012345678…$/);
    tmux.type('>', '>', '>');
    await tmux.until(/^(0123456789){6}$/);
    assert.match(tmux.screen()[0]!, / from column 61$/);
    tmux.type('Left', 'Left', '<');
    await tmux.until(/^(0123456789){7}012345678…$/);
    tmux.type('w');
    await tmux.untilNot(/…$/);
    tmux.type('t');
    const timed = await tmux.until(/^[ ~]\d\d:\d\d:\d\d last$/);
    assert.ok(
      timed.some((line) => /^ {10}(0123456789){5}$/.test(line)),
      'a wrapped line goes on behind the times',
    );
    tmux.type('t');
    await tmux.until(/^last$/);
    // one log for both streams
    tmux.type('e');
    await tmux.until(/^talk 1 has one log for both streams: bgjob run --split makes two$/);
    tmux.type('q');
    await tmux.until(/^> 1 {3}talk /);
    tmux.type('q');
    await isOver(tmux);
    tmux.close();
  },
  { skip },
);

rigTest(
  '? shows all keys, and any key leaves; F shows failures only; the keys offer what can be done',
  async (rig) => {
    await rig.bgjob(['run', '-w', '-n', 'good', '--', 'true']);
    await rig.bgjob(['run', '-w', '-n', 'bad', '--', 'false']);
    const first = await rig.puppet();
    await rig.run(['-Q', 'db', '-n', 'first', '--', ...first.command]);
    await rig.run(['-Q', 'db', '-n', 'third', '--', 'true']);
    const { stdout } = await rig.bgjob(['run', '-Q', 'db', '-n', 'waits', '--after', '4', '--', 'true']);
    assert.equal(stdout, '5\n');
    await rig.run(['-Q', 'db', '-n', 'second', '--priority', '3', '--', 'true']);
    const tmux = new Tmux(rig, 100, 30);
    tmux.line('bgjob watch');
    const screen = await tmux.until(/^> 3 +first +▸ running /, /^↑↓ move/);
    // in the order in which they start; each with the name of its queue
    assert.deepEqual(
      screen
        .slice(2, 8)
        .map((line) => /^..(\d) +(\w+) +(\S \w+(?: #?\w+)*(?: \(db\)| \d)?)/.exec(line)?.slice(1)),
      [
        ['3', 'first', '▸ running'],
        ['6', 'second', '◦ queued #1 (db)'],
        ['4', 'third', '◦ queued #2 (db)'],
        ['5', 'waits', '◦ queued after 4 (db)'],
        ['2', 'bad', '✗ exited 1'],
        ['1', 'good', '✓ exited 0'],
      ],
    );
    assert.match(screen[6]!, / \d\S* +\d\S* ago /);
    tmux.type('?');
    await tmux.until(/^bgjob watch: the keys$/);
    tmux.type('x');
    await tmux.until(/^> 3 +first /);
    assert.ok(!tmux.screen().some((line) => /y\/n/.test(line)), 'the key only left the page');
    tmux.type('F');
    const keys = /⏎ log {2}r restart {2}\/ filter/;
    const failed = await tmux.until(/^bgjob {2}failures only: 1 of 6 /, /^. 2 +bad /, keys);
    assert.match(failed[2]!, /^. 2 +bad /);
    assert.match(failed.at(29) ?? '', keys);
    tmux.type('F');
    await tmux.until(/ good /);
    tmux.type('G');
    await tmux.until(/^> 1 +good /);
    tmux.type('x');
    await tmux.until(/^good 1 has ended \(exited 0\): there is nothing to kill$/);
    // a message goes by itself
    await tmux.untilNot(/there is nothing to kill$/);
    tmux.type('g', 'j');
    await tmux.until(/^> 6 +second /, /⏎ log {2}x kill {2}\/ filter/);
    tmux.type('r');
    await tmux.until(/^second 6 cannot be restarted: it waits, and has not started$/);
    tmux.type('x');
    await tmux.until(/^cancel second 6 \(queued #1 \(db\)\)\? It never starts then\. y\/n$/);
    tmux.type('n', 'g');
    await tmux.until(/^> 3 +first /);
    // a question is about the job as it is now
    tmux.type('x');
    await tmux.until(/^kill first 3 \(running\) and all its processes\? y\/n$/);
    await first.exit(0);
    const why = /^first 3 has ended \(exited 0\): there is nothing to kill$/;
    const ended = await tmux.until(/^. 3 +first +✓ exited 0 /, why);
    assert.match(ended[28]!, why);
    tmux.type('q');
    await isOver(tmux);
    await rig.bgjob(['kill', '--all']);
    tmux.close();
  },
  { skip },
);

rigTest(
  'an open log stays when gc removes its job; a home may go and come; without UTF-8 the signs are ASCII',
  async (rig) => {
    await rig.runOut(['-n', 'gone', '--', 'echo', 'the last words']);
    // gc keeps the highest id
    await rig.runOut(['-n', 'other', '--', 'true']);
    const tmux = new Tmux(rig, 80, 24, { LC_ALL: 'C', LANG: 'C' });
    tmux.line('bgjob watch');
    await tmux.until(/^ {2}1 {3}gone +\+ exited 0 /);
    tmux.type('G', 'l');
    await tmux.until(/^gone 1 {2}exited 0 {2}/);
    await rig.bgjob(['gc', '--ended']);
    await tmux.until(/^gone 1 was removed: its last lines /, /^the last words$/);
    await tmux.untilNot(/ kill | restart /);
    tmux.type('q');
    await tmux.until(/^> 2 {3}other /);
    fs.renameSync(rig.home, `${rig.home}-away`);
    const empty = await tmux.until(/no jobs yet|this is a bug/);
    // once
    const told = empty.filter((line) => line.includes('bgjob run') || line.includes('bug'));
    assert.deepEqual(told, ['  no jobs yet: bgjob run -- command']);
    fs.renameSync(`${rig.home}-away`, rig.home);
    await rig.bgjob(['run', '-w', '-n', 'again', '--', 'false']);
    await tmux.until(/^. 3 {3}again +! exited 1 /);
    tmux.type('q');
    await isOver(tmux);
    tmux.close();
  },
  { skip },
);
