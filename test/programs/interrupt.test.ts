/** Ctrl-C, typed into a terminal: it ends a loop of an interactive shell, and the terminal is as it was. */
import { missing } from '../rig/needs.ts';
import { rigTest } from '../rig/rig.ts';
import { Tmux } from '../rig/tmux.ts';

rigTest(
  'an interactive bash: ^C ends the loop, not one round of it',
  async (rig) => {
    const puppet = await rig.puppet();
    await rig.run(['-n', 'web', '--', ...puppet.command]);
    await puppet.print('hello\n');
    await rig.untilState(1, 'running');
    const tmux = new Tmux(rig);
    for (const [call, waits] of [
      ['wait web', /waiting for web 1/],
      ['run -n web --reuse -w -- true', /waiting for web 1/],
      ['tail -f web', /^hello$/],
    ] as const)
      for (const loop of [
        `for n in 1 2; do bgjob ${call}; echo round $((n + 1)); done; echo loop over`,
        `until bgjob ${call}; do echo round $((1 + 1)); done; echo deploy`,
      ]) {
        tmux.line('clear');
        await tmux.untilNot(/waiting|hello|still running/);
        tmux.line(loop);
        await tmux.until(waits);
        tmux.type('C-c');
        await tmux.until(/^still running; it goes on\. Next: bgjob \w+ .*web/);
        tmux.line('echo status $?');
        const lines = await tmux.until(/^status 130$/);
        const said = lines.filter((line) => /^(round|loop over|deploy)/.test(line));
        if (said.length > 0) throw new Error(lines.join('\n'));
      }
    tmux.line('stty -a | tr " ;" "\\n\\n" | grep -cx -e icanon -e echo -e isig');
    await tmux.until(/^3$/);
    tmux.close();
    await puppet.exit(0);
  },
  { skip: missing('tmux') },
);
