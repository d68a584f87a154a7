/**
 * Traps that others fell into, in rounds: Ctrl-C goes to the whole foreground group, a window that is closed ends its session,
 * and a job hides its processes in every way that can be found.
 */
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { openFiles, processesNaming } from '../rig/processes.ts';
import { type Rig, withRig } from '../rig/rig.ts';
import { until } from '../rig/until.ts';
import { readJson } from './death.ts';
import type { Part, Round, Row } from './part.ts';
import { noTerminal, Terminal } from './terminal.ts';

/** What somebody does in a terminal with a job: started there, waited for, followed, or put into the background. */
const LINES: ((job: string) => string)[] = [
  (job) => `exec bgjob run -w -- ${job}`,
  (job) => `bgjob run -- ${job}; exec bgjob wait 1`,
  (job) => `bgjob run -- ${job}; exec bgjob tail -f 1`,
  (job) => `exec bgjob run -f -- ${job}`,
  (job) => `bgjob run -- ${job} & wait; echo BEHIND; exec cat`,
];

/** The line waits: in the kernel for the job, or in `cat`. */
async function untilWaiting(rig: Rig, terminal: Terminal): Promise<void> {
  const pid = await terminal.leader();
  await until(
    () => terminal.text.includes('BEHIND') || openFiles(pid).includes(rig.file(1, 'alive')),
    (waits) => waits,
    'a line that waits',
  );
  await rig.untilState(1, 'running');
}

/** One round: the terminal ends the line as it should, and neither job nor supervisor notices. */
async function survives(line: (job: string) => string, act: 'interrupt' | 'hangUp'): Promise<void> {
  await withRig(async (rig) => {
    const puppet = await rig.puppet();
    const terminal = new Terminal(rig, line(puppet.command.map((word) => `'${word}'`).join(' ')));
    await puppet.ready();
    await untilWaiting(rig, terminal);
    const owner = rig.ownerPid(1);
    terminal[act]();
    const ended = await terminal.end();
    // as `cat` dies of it, bgjob does, or a loop would go on
    assert.equal(ended, act === 'hangUp' ? -1 : -2, `${line('job')}: ${terminal.text}`);
    await puppet.print('unharmed\n');
    assert.equal(rig.ownerPid(1), owner);
    assert.equal(readJson(rig.file(1, 'state.json')).generation, 1);
    await puppet.exit(7);
    assert.equal((await rig.bgjob(['wait', '1'])).code, 7);
    assert.equal(rig.log(1), 'unharmed\n');
  });
}

async function inTerminals({ whole, chance }: Round): Promise<Row[]> {
  const rounds = whole ? 20 : 2;
  // the short round takes others each time
  const first = whole ? 0 : Math.floor(chance() * LINES.length);
  for (let n = first; n < first + rounds; n++)
    for (const act of ['interrupt', 'hangUp'] as const) await survives(LINES[n % LINES.length]!, act);
  return [
    {
      what: 'Ctrl-C in the terminal of run, wait, tail -f: job and supervisor unharmed',
      figure: `${rounds} rounds`,
    },
    { what: 'the same with the window closed', figure: `${rounds} rounds` },
  ];
}

/** Children, sessions of their own, daemons, and a daemon without environment: `for` is the argument by which all are known. */
const hiding = (sleep: string): string => `
${sleep} & setsid ${sleep} &
(setsid sh -c '${sleep} & exec ${sleep}' &)
(env -i /usr/bin/setsid /bin/${sleep} &)
(trap '' TERM HUP INT; exec setsid ${sleep}) &
exec ${sleep}`;
const HIDING = 7;

async function wholeTrees(rounds: number): Promise<Row[]> {
  return withRig(async (rig) => {
    for (let n = 0; n < rounds; n++) {
      const sleep = `sleep 1000.${process.pid}${n}7`;
      const found = () => processesNaming(sleep.replace(' ', '\0')).length;
      const id = await rig.run(['--', 'sh', '-c', hiding(sleep)]);
      await until(found, (count) => count === HIDING, `${HIDING} processes`);
      await rig.untilState(id, 'running');
      const { code, stdout, stderr } = await rig.bgjob(['kill', '--grace', '200ms', String(id)]);
      assert.equal(code, 0, stderr);
      assert.match(stdout, new RegExp(`^${id} killed \\((TERM|KILL), .*\\): ${HIDING} processes\\n$`));
      assert.equal(found(), 0);
    }
    fs.accessSync(rig.home);
    return [
      {
        what: `kill of ${HIDING} processes, hidden in five ways: none left`,
        figure: `${rounds} rounds`,
      },
    ];
  });
}

export const traps: Part = {
  name: 'traps',
  skip: noTerminal,
  async run(round) {
    return [...(await inTerminals(round)), ...(await wholeTrees(round.whole ? 50 : 1))];
  },
};
