/** What Tab must offer in each shell, and a home with something to offer. */
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { join } from 'node:path';
import type { Rig } from './rig.ts';

type Shell = 'bash' | 'zsh' | 'fish';

/** A line up to the cursor, and what must be offered there; `not`: what must not be. */
interface Case {
  line: string;
  offers: string[];
  not?: string[];
}

export const CASES: Case[] = [
  {
    line: 'bgjob ',
    offers: ['run', 'ls', 'tail', 'wait', 'kill', 'cron', 'completion', 'help'],
    not: ['web'],
  },
  { line: 'bgjob ru', offers: ['run'], not: ['ls'] },
  { line: 'bgjob run --fo', offers: ['--follow'], not: ['--wait'] },
  { line: 'bgjob run --wait=10s --cw', offers: ['--cwd'] },
  { line: 'bgjob kill ', offers: ['web', 'api-1', '1', '2'], not: ['old', '3', '@last'] },
  { line: 'bgjob kill web ', offers: ['api-1'] },
  { line: 'bgjob kill w', offers: ['web'], not: ['api-1', '1'] },
  { line: 'bgjob tail ', offers: ['web', 'old', '1', '3', '@last'], not: ['there', '4'] },
  { line: 'bgjob tail -n 5 o', offers: ['old'] },
  { line: 'bgjob run -Q ', offers: ['api', 'big'], not: ['web', 'afile'] },
  { line: 'bgjob run --queue=b', offers: ['big'], not: ['api'] },
  { line: 'bgjob run -Qb', offers: ['big'], not: ['api'] },
  { line: 'bgjob run --queue b', offers: ['big'], not: ['api'] },
  { line: 'bgjob ls --name ', offers: ['web', 'old'], not: ['1'] },
  { line: 'bgjob ls --state ru', offers: ['running'], not: ['queued'] },
  { line: 'bgjob run --on-max-log ', offers: ['trim', 'kill'], not: ['web', 'afile'] },
  { line: 'bgjob run --tell=', offers: ['always', 'failure', 'never'], not: ['web'] },
  { line: 'bgjob run --notify=', offers: ['always', 'failure', 'never'], not: ['web'] },
  { line: 'bgjob run -C ', offers: ['sub'], not: ['afile'] },
  { line: 'bgjob run --env-file ', offers: ['afile', 'b file', 'sub'] },
  { line: 'bgjob run --env-file=b', offers: ['b file'], not: ['afile'] },
  { line: 'bgjob run --cwd=s', offers: ['sub'], not: ['afile'] },
  { line: 'bgjob run --stdin ', offers: ['null', 'hold', 'afile'] },
  { line: 'bgjob run --on ', offers: ['box', 'slurm'], not: ['web', 'afile'] },
  { line: 'bgjob run --after ', offers: ['web', 'old'] },
  // a command of its own
  { line: 'bgjob run -- my-too', offers: ['my-tool'] },
  { line: 'bgjob run -n x my-too', offers: ['my-tool'] },
  { line: 'bgjob run -fn x my-too', offers: ['my-tool'] },
  { line: 'bgjob run --queue=big -- my-tool s', offers: ['sub'], not: ['web'] },
  { line: 'bgjob run my-tool a', offers: ['afile'], not: ['api'] },
  { line: 'bgjob queue ', offers: ['list', 'set', 'pause', 'resume', 'remove'], not: ['api'] },
  { line: 'bgjob queue pause ', offers: ['api', 'big'], not: ['list'] },
  { line: 'bgjob cron ', offers: ['add', 'ls', 'rm'], not: ['nightly'] },
  { line: 'bgjob cron rm ', offers: ['nightly'] },
  { line: "bgjob cron add '0 3 * * *' -- my-too", offers: ['my-tool'] },
  { line: 'bgjob completion ', offers: ['bash', 'zsh', 'fish'] },
  { line: 'bgjob help t', offers: ['tail'], not: ['run'] },
  { line: 'bgjob help ', offers: ['tail', 'completion'] },
  { line: 'bgjob frob ', offers: [], not: ['web', 'run'] },
];

/** Some jobs, queues and a schedule; one job and its name belong to another project. */
export async function furnish(rig: Rig, shell: Shell): Promise<string> {
  const web = await rig.puppet();
  const api = await rig.puppet();
  await rig.run(['-n', 'web', '--', ...web.command]);
  await rig.run(['-n', 'api-1', '-Q', 'api', '--', ...api.command]);
  await rig.runOut(['-n', 'old', '--', 'true']);
  const elsewhere = join(rig.dir, 'elsewhere');
  fs.mkdirSync(join(elsewhere, '.git'), { recursive: true });
  const there = await rig.puppet();
  await rig.run(['-n', 'there', '--', ...there.command], { cwd: elsewhere });
  await rig.bgjob(['queue', 'set', 'big', '--slots', '3']);
  for (const puppet of [web, api, there]) await puppet.ready();
  fs.mkdirSync(join(rig.home, 'schedules', 'nightly'), { recursive: true, mode: 0o700 });
  fs.chmodSync(join(rig.home, 'schedules'), 0o700);
  fs.mkdirSync(join(rig.project, 'sub'));
  for (const name of ['afile', 'b file']) fs.writeFileSync(join(rig.project, name), '');
  fs.writeFileSync(join(rig.dir, 'bin', 'my-tool'), '#!/bin/sh\n', { mode: 0o755 });
  // where a command of Slurm is, no target of config.json is needed
  fs.writeFileSync(join(rig.dir, 'bin', 'sbatch'), '#!/bin/sh\n', { mode: 0o755 });
  fs.writeFileSync(join(rig.home, 'config.json'), '{ "targets": { "box": { "host": "me@box" } } }');
  const { code, stdout, stderr } = await rig.bgjob(['completion', shell]);
  assert.deepEqual([code, stderr], [0, '']);
  const script = join(rig.dir, `completion.${shell}`);
  fs.writeFileSync(script, stdout);
  return script;
}

/** What is offered, one set per case, from text in which a line `== LINE` begins each. */
export function check(text: string): void {
  const answers = new Map(
    text
      .split(/^== /m)
      .slice(1)
      .map((part): [string, string[]] => {
        const [line, ...offered] = part.split('\n');
        return [
          line!,
          offered.map((one) => one.split('\t')[0]!.replace(/^--[a-z-]+=|^-Q(?=.)|\/$/g, '')).filter(Boolean),
        ];
      }),
  );
  for (const { line, offers, not = [] } of CASES) {
    const offered = answers.get(line);
    assert.ok(offered, `${line}: no answer\n${text}`);
    for (const word of offers) assert.ok(offered.includes(word), `${line}: ${word} is not in ${offered}`);
    for (const word of not) assert.ok(!offered.includes(word), `${line}: ${word} is in ${offered}`);
  }
}

/** Ends the jobs, whose puppets would be left. */
export const endAll = async (rig: Rig): Promise<void> => {
  assert.equal((await rig.bgjob(['kill', '1', '2', '4', '--now'])).code, 0);
};
