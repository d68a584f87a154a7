/** `bgjob doctor`: finds what would end jobs early or break them, and says what to do. */

import { attemptQuietly } from '../../base/result.ts';
import type { Finding } from '../../engine/doctor/findings.ts';
import { checkHome } from '../../engine/doctor/home-checks.ts';
import { checkJobs, type Inventory } from '../../engine/doctor/job-checks.ts';
import { checkSystemd } from '../../engine/doctor/logind.ts';
import { checkMachine } from '../../engine/doctor/machine.ts';
import { findTool } from '../../engine/os/programs.ts';
import { memoryWay } from '../../engine/usage/control-group.ts';
import { EXIT, ok } from '../../job/failure.ts';
import { homePath } from '../../job/home/home.ts';
import { bootEntry } from '../automation/boot-entry.ts';
import { SUCCESS, verb } from '../command/command.ts';
import type { Context } from '../command/context.ts';
import { findingLine, findingText, isNote, wellLine } from '../messages/findings.ts';

const NO_JOBS: Inventory = { findings: [], looked: 0, jobs: 0 };

/** A finding in JSON. */
function findingObject(finding: Finding): object {
  const { message, hint } = findingText(finding);
  const level = isNote(finding) ? 'note' : 'problem';
  const job = 'id' in finding ? finding.id : null;
  const queue = 'queue' in finding ? finding.queue : null;
  return { v: 1, code: finding.code, level, message, hint: hint ?? null, job, queue };
}

/** What calls `bgjob boot` for this home. */
function checkBoot(context: Context): Finding[] {
  const entry = attemptQuietly(() => bootEntry(context));
  return entry?.missing === undefined ? [] : [{ code: 'boot-broken', entry: entry.in, path: entry.missing }];
}

export const doctor = verb({
  name: 'doctor',
  operands: '',
  arity: [0, 0],
  brief: '',
  summary: 'find what would end jobs early or break them, and what to do',
  description: [
    'Prints a line for each finding, with what to do: a sandbox, service, CI runner or login session that',
    'ends its processes, missing programs, limits, a home that cannot be written or is nearly full,',
    'damaged records, lost jobs that left processes running, queues that do not move, a scheduler, listener',
    'or @reboot line whose Node or bgjob is gone. The exit code is 1 if there is a problem; notes do not',
    'count. It also says which coding agents are told how jobs ended, and whether their hooks are switched',
    'off. It takes less than a second, or three with hooks of Codex and a slow login profile.',
    '',
    '--self-test runs jobs to see that bgjob works here: exit codes, kill, a supervisor that is killed, a',
    'terminal, a queue, a schedule and more. It uses a temporary home (in TMPDIR, else /tmp), leaves',
    'nothing behind, and takes some seconds, two minutes at most. The report names no user, host or path:',
    'it can be pasted into an issue. The exit code is 1 if a check failed.',
  ],
  examples: [
    ['bgjob doctor', 'are there problems here?'],
    ['bgjob doctor --json', 'one object for each finding'],
    ['bgjob doctor --self-test', 'does everything work here?'],
    ['bgjob doctor --self-test=pty,kill', 'only these two checks'],
  ],
  options: {
    'self-test': {
      kind: 'optional-text',
      value: 'NAMES',
      text: 'try bgjob itself on this machine, in a temporary home, and print a report; NAMES: only these checks',
    },
  },
  async run(context, { options }) {
    const { env, output } = context;
    if (options['self-test'] !== null) {
      context.leavesHome = true;
      const { selfTest } = await import('../self-test/self-test.ts');
      return selfTest(context, options['self-test'].text);
    }
    const path = homePath(env);
    const { findings: ofHome, home } = checkHome(path, env);
    const machine = await checkMachine(env);
    const inventory = home ? await checkJobs(home) : NO_JOBS;
    const boot = home ? checkBoot(context) : [];
    const session = context.session();
    const { findHosts } = await import('../skill/hosts.ts');
    const own: Finding[] = session ? [{ code: 'session', session }] : [];
    const hosts = findHosts(context);
    const findings = [
      ...own,
      ...hosts,
      ...machine,
      ...checkSystemd(),
      ...ofHome,
      ...inventory.findings,
      ...boot,
    ];
    for (const finding of findings)
      if (output.json) output.object(findingObject(finding));
      else output.line(findingLine(finding));
    const isWell = findings.every(isNote);
    if (isWell && !output.json) {
      const { looked, jobs } = inventory;
      output.line(wellLine(path, findTool('bash'), looked, jobs, memoryWay(env).way));
    }
    return ok(isWell ? SUCCESS : { code: EXIT.no, by: 'bgjob' });
  },
});
