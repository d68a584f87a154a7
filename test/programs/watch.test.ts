/**
 * `bgjob watch` and `ls --watch` on a real terminal: what is on the screen, what keys do, and that the screen
 * is left as it was.
 */
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { missing } from '../rig/needs.ts';
import { isRunning, parentOf, processesNaming } from '../rig/processes.ts';
import { type Rig, ROOT, rigTest } from '../rig/rig.ts';
import { Tmux } from '../rig/tmux.ts';
import { until } from '../rig/until.ts';

const skip = missing('tmux');

/** The pid of the view in the window. */
const viewer = async (rig: Rig, tmux: Tmux, verb = 'watch'): Promise<number> => {
  const shell = Number(tmux.ask('pane_pid'));
  const found = await until(
    () =>
      processesNaming(rig.dir).find(({ pid, command }) => parentOf(pid) === shell && command.includes(verb)),
    (one) => one !== undefined,
    'the view',
  );
  return found!.pid;
};

/** Waits until the view is gone. */
const isOver = (tmux: Tmux) =>
  until(
    () => tmux.ask('alternate_on'),
    (on) => on === '0',
    'the end of the view',
  );

/** That the terminal is as it was before. */
async function isLeft(tmux: Tmux, code: number): Promise<void> {
  const lines = await tmux.until(new RegExp(`^code ${code}$`));
  assert.ok(lines.includes('before'), lines.join('\n'));
  assert.deepEqual(
    [tmux.ask('alternate_on'), tmux.ask('cursor_flag'), tmux.ask('wrap_flag')],
    ['0', '1', '1'],
  );
  tmux.line('stty -a | tr " ;" "\\n\\n" | grep -cx -e icanon -e echo -e isig');
  await tmux.until(/^3$/);
}

rigTest(
  'the jobs of the project, live: states, ports, last lines; keys move, filter, and show all projects',
  async (rig) => {
    const [web, api, other] = [await rig.puppet(), await rig.puppet(), await rig.puppet()];
    await rig.run(['-n', 'web', '--', ...web.command]);
    await rig.run(['-n', 'api', '--', ...api.command]);
    fs.mkdirSync(`${rig.dir}/else/.git`, { recursive: true });
    await rig.run(['-n', 'elsewhere', '--', ...other.command], { cwd: `${rig.dir}/else` });
    const { port } = await web.order({ do: 'listen' });
    await web.print('one\n\x1b[31mGET \x1b]0;evil\x07/ 200\r\n');
    await api.print('日本語 😀 ok\n');
    const tmux = new Tmux(rig);
    tmux.line('bgjob watch');
    const rows = [
      /^bgjob {2}.*\/project +2 running$/,
      /^ {2}ID {2}JOB {2}STATE +TIME +IDLE\/END +CPU +MEMORY +PORTS +LAST LINE$/,
      /^> 2 {3}api +▸ running .*日本語 😀 ok$/,
      new RegExp(` web +▸ running .* ${port} +GET / 200$`),
      /^1 job of other projects: a shows all$/,
      /^↑↓ move {2}⏎ log {2}x kill {2}r restart {2}p pause .* {2}\? keys {2}q quit$/,
    ];
    const lines = await tmux.until(...rows);
    assert.deepEqual(
      rows.map((row) => lines.findIndex((line) => row.test(line))),
      [0, 1, 2, 3, 22, 23],
    );
    // what comes is seen without a key
    await web.print('two\n');
    await tmux.until(/ web .* two$/);
    tmux.type('j');
    await tmux.until(/^> 1 {3}web /);
    tmux.type('Down');
    tmux.type('k');
    await tmux.until(/^> 2 {3}api /);
    tmux.type('/', 'w', 'e', 'b');
    await tmux.until(/\/web: 1 of 2/, /^> 1 {3}web /);
    // the filter leaves one
    await tmux.untilNot(/ api /);
    // while it is typed, a key is a letter
    tmux.type('q');
    await tmux.until(/no job matches/);
    tmux.type('BSpace', 'Enter');
    await tmux.until(/^↑↓ move/);
    tmux.type('Escape');
    await tmux.until(/ api /);
    tmux.type('a');
    await tmux.until(/ elsewhere /);
    tmux.type('a');
    await tmux.untilNot(/ elsewhere /);
    // the end of a job is seen, and red
    await api.exit(3);
    await tmux.until(/ api +✗ exited 3 /);
    assert.ok(tmux.screen(true).some((line) => line.includes('\x1b[31m✗ exited 3')));
    tmux.type('q');
    await isOver(tmux);
    await web.exit(0);
    await other.exit(0);
    tmux.close();
  },
  { skip },
);

rigTest(
  'a key kills (after a yes), restarts, pauses and resumes as the verbs do',
  async (rig) => {
    await rig.run(['-n', 'web', '--', 'sleep', '1000']);
    await rig.untilState(1, 'running');
    const tmux = new Tmux(rig);
    tmux.line('bgjob watch');
    await tmux.until(/^> 1 {3}web +▸ running/);
    tmux.type('x');
    await tmux.until(/^kill web 1 \(running\) and all its processes\? y\/n$/);
    tmux.type('n');
    await tmux.untilNot(/y\/n/);
    tmux.type('p');
    await tmux.until(/ web +‖ paused /);
    assert.equal((await rig.show(1)).state, 'paused');
    tmux.type('p');
    await tmux.until(/ web +▸ running /);
    tmux.type('r');
    await tmux.until(/^stop web 1 \(running\) and start it again\? y\/n$/);
    tmux.type('y');
    // the choice goes with it
    await tmux.until(/^> 2 {3}web +▸ running/);
    assert.equal((await rig.show(1)).state, 'killed');
    assert.equal((await rig.show(1)).reason, 'restart (SIGTERM)');
    tmux.type('x', 'y');
    await tmux.until(/^web 2 killed \(TERM, .*\): 1 process$/);
    await tmux.until(/^> 2 {3}web +- killed SIGTERM/);
    assert.equal((await rig.show(2)).reason, 'kill (SIGTERM)');
    // what somebody stopped is no failure
    assert.ok(!tmux.screen(true).some((line) => line.includes('\x1b[31m')), 'nothing is red');
    tmux.type('p');
    await tmux.until(/^job 2 was not paused: /);
    tmux.type('C-c');
    await isOver(tmux);
    tmux.close();
  },
  { skip },
);

rigTest(
  'Enter opens the log and follows it; q goes back',
  async (rig) => {
    const puppet = await rig.puppet();
    await rig.run(['-n', 'web', '--split', '--', ...puppet.command]);
    await puppet.print(`${Array.from({ length: 60 }, (_, n) => `line ${n + 1}`).join('\n')}\n`);
    await puppet.print(`${'wide '.repeat(30)}end\n`);
    const tmux = new Tmux(rig);
    tmux.line('bgjob watch');
    await tmux.until(/^> 1 {3}web +▸ running/);
    tmux.type('Enter');
    // a long line goes on below itself
    await tmux.until(/^web 1 {2}running {2}stdout {2}\d+ B {2}following$/, /^line 60$/, / end$/);
    await puppet.print('more\n');
    await tmux.until(/^more$/);
    tmux.type('PageUp');
    await tmux.untilNot(/^more$/);
    // who scrolled back keeps what he sees
    const before = tmux.screen().slice(1, 10);
    await puppet.print('unseen\n');
    await until(
      () => tmux.screen()[0]!,
      (head) => / 20 lines below$/.test(head),
      'the head counts what is below',
    );
    assert.deepEqual(tmux.screen().slice(1, 10), before);
    tmux.type('G');
    await tmux.until(/^unseen$/);
    tmux.type('g');
    await tmux.until(/^line 1$/);
    tmux.type('e');
    await tmux.until(/no output yet/);
    tmux.type('q');
    await tmux.until(/^> 1 {3}web /);
    await puppet.exit(0);
    tmux.type('q');
    await isOver(tmux);
    tmux.close();
  },
  { skip },
);

for (const [how, code, end] of [
  ['q', 0, (tmux: Tmux) => tmux.type('q')],
  ['^C', 0, (tmux: Tmux) => tmux.type('C-c')],
  ['SIGINT', 0, (_: Tmux, pid: number) => process.kill(pid, 'SIGINT')],
  ['SIGTERM', 143, (_: Tmux, pid: number) => process.kill(pid, 'SIGTERM')],
  ['SIGHUP', 129, (_: Tmux, pid: number) => process.kill(pid, 'SIGHUP')],
] as const)
  rigTest(
    `the screen is left as it was: ${how}`,
    async (rig) => {
      await rig.bgjob(['run', '-w', '-n', 'quick', '--', 'true']);
      const tmux = new Tmux(rig);
      for (const verb of ['watch', 'ls --watch']) {
        tmux.line(`clear; echo before; bgjob ${verb}; echo code $?`);
        await tmux.until(/ quick +(✓ )?exited 0 /);
        assert.equal(tmux.ask('alternate_on'), '1');
        assert.equal(tmux.ask('cursor_flag'), '0');
        end(tmux, await viewer(rig, tmux, verb));
        await isLeft(tmux, code);
      }
      tmux.close();
    },
    { skip },
  );

rigTest(
  '^Z gives the terminal back, fg takes it again; likewise SIGTSTP, and SIGSTOP with SIGCONT',
  async (rig) => {
    await rig.bgjob(['run', '-w', '-n', 'quick', '--', 'true']);
    const tmux = new Tmux(rig);
    tmux.line('echo before; bgjob watch; echo code $?');
    await tmux.until(/ quick +(✓ )?exited 0 /);
    const pid = await viewer(rig, tmux);
    for (const stop of [() => tmux.type('C-z'), () => process.kill(pid, 'SIGTSTP')]) {
      stop();
      await tmux.until(/Stopped +bgjob watch/);
      assert.deepEqual([tmux.ask('alternate_on'), tmux.ask('cursor_flag')], ['0', '1']);
      tmux.line('clear; fg');
      await tmux.until(/ quick +(✓ )?exited 0 /);
      assert.equal(tmux.ask('alternate_on'), '1');
    }
    process.kill(pid, 'SIGSTOP');
    await until(
      () => fs.readFileSync(`/proc/${pid}/stat`, 'utf8'),
      (stat) => / T /.test(stat),
      'a stop',
    );
    tmux.line('fg');
    // keys are read one by one again
    await tmux.until(/ quick +(✓ )?exited 0 /);
    tmux.type('/', 'x', 'y', 'z');
    await tmux.until(/no job matches/);
    tmux.type('Escape');
    await tmux.until(/ quick /);
    tmux.type('q');
    await isOver(tmux);
    // of a script the whole group stands still
    tmux.line('clear; bash -c "bgjob watch; true"');
    await tmux.until(/ quick +(✓ )?exited 0 /);
    tmux.type('C-z');
    await tmux.until(/Stopped +bash -c/);
    tmux.line('fg');
    await tmux.until(/ quick +(✓ )?exited 0 /);
    tmux.type('q');
    await isOver(tmux);
    tmux.close();
  },
  { skip },
);

rigTest(
  'a terminal that is closed ends the view; an exception leaves the screen first',
  async (rig) => {
    await rig.bgjob(['run', '-w', '-n', 'quick', '--', 'true']);
    const tmux = new Tmux(rig);
    const thrower = `const {viewPage}=require("${ROOT}/dist/cli-watch-views.js");
      viewPage({page:async()=>({lines:["drawn"],notes:[]}),wait:(ms)=>new Promise((go)=>setTimeout(go,ms)),
      write:(text)=>require("fs").writeSync(1,text)});
      process.stdin.once("data",()=>setImmediate(()=>{throw new Error("boom")}));`;
    fs.writeFileSync(`${rig.project}/thrower.js`, thrower);
    tmux.line(`clear; echo before; ${process.execPath} thrower.js; echo code $?`);
    await tmux.until(/^drawn$/);
    tmux.type('b');
    assert.ok((await tmux.until(/^Error: boom$/)).includes('before'));
    await isLeft(tmux, 1);
    tmux.line('clear; bgjob watch');
    await tmux.until(/ quick +(✓ )?exited 0 /);
    const pid = await viewer(rig, tmux);
    tmux.close();
    await until(
      () => isRunning(pid),
      (running) => !running,
      'the end of the view',
    );
  },
  { skip },
);

rigTest(
  'a window of another size gets a frame that fits, also one of 40 x 10',
  async (rig) => {
    const puppet = await rig.puppet();
    await rig.run(['-n', 'a-name-that-is-rather-long', '--', ...puppet.command]);
    await puppet.print(`${'x'.repeat(300)}\n`);
    const { port } = await puppet.order({ do: 'listen' });
    for (let n = 0; n < 12; n++) await rig.bgjob(['run', '-w', '--', 'sh', '-c', 'exit 9']);
    const tmux = new Tmux(rig, 120, 40);
    tmux.line('bgjob watch');
    await tmux.until(new RegExp(` a-name-that-is-rather-long +▸ running .* ${port} +x+…$`));
    tmux.resize(40, 10);
    const small = await until(
      () => tmux.screen(),
      (lines) => /^↑↓ move .* q quit$/.test(lines[9] ?? ''),
      'a frame of 10 rows',
    );
    assert.ok(
      small.some((line) => /^> 1 {3}a-name\S*… +▸ running +x+…$/.test(line)),
      small.join('\n'),
    );
    assert.ok(small.some((line) => /^ {2}9 more below$/.test(line)));
    // the chosen one stays in sight
    for (let n = 0; n < 12; n++) tmux.type('j');
    await tmux.until(/^> 2 +sh -c\S* .*✗ exited 9/);
    tmux.resize(120, 40);
    await tmux.until(/^> 2 +sh -c 'exit 9' +✗ exited 9 /);
    tmux.type('q');
    await isOver(tmux);
    await puppet.exit(0);
    tmux.close();
  },
  { skip },
);

rigTest(
  'ls --watch is the table of ls, drawn anew; NO_COLOR is kept',
  async (rig) => {
    const puppet = await rig.puppet();
    await rig.run(['-n', 'web', '-t', 'ci', '--', ...puppet.command]);
    await rig.bgjob(['run', '-w', '--', 'sh', '-c', 'exit 9']);
    await rig.untilState(1, 'running');
    const tmux = new Tmux(rig, 80, 24, { NO_COLOR: '1' });
    tmux.line('bgjob ls --watch --tag ci');
    const lines = await tmux.until(/^1 {3}web +running /);
    assert.match(lines[0]!, /^ID {2}NAME {2}STATE +AGE +TOOK +IDLE +PORTS +COMMAND$/);
    assert.ok(!lines.some((line) => /exited 9/.test(line)));
    await puppet.exit(4);
    await tmux.until(/^1 {3}web +exited 4 /);
    // a note that is wider than the window is wrapped
    fs.mkdirSync(`${rig.dir}/else/.git`, { recursive: true });
    await rig.bgjob(['run', '-t', 'ci', '--', 'true'], { cwd: `${rig.dir}/else` });
    tmux.resize(24, 9);
    const small = await tmux.until(/^: -a\)$/);
    assert.equal(small[small.indexOf(': -a)') - 1], '(1 job of other projects');
    assert.ok(!/\x1b\[[0-9;]*3[0-9]m/.test(tmux.screen(true).join('')), 'no colour');
    tmux.type('x', 'q');
    await isOver(tmux);
    tmux.close();
  },
  { skip },
);
