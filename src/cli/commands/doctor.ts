/** `bgjob doctor`: what here would end jobs early or break them, and what to do about it. */
import { plural, safe } from '../../base/text/sanitize.ts';
import type { Finding } from '../../engine/doctor/findings.ts';
import { checkHome } from '../../engine/doctor/home-checks.ts';
import { checkJobs, type Inventory } from '../../engine/doctor/job-checks.ts';
import { checkLogin } from '../../engine/doctor/logind.ts';
import { checkMachine } from '../../engine/doctor/machine.ts';
import { findTool } from '../../engine/os/programs.ts';
import { EXIT, ok } from '../../job/failure.ts';
import { homePath } from '../../job/home/home.ts';
import { SUCCESS, verb } from '../command/command.ts';
import { findingLine, findingText, isNote } from '../messages/findings.ts';

const NO_JOBS: Inventory = { findings: [], looked: 0, jobs: 0 };

/** What can be said for programs beyond the words. */
function findingObject(finding: Finding): object {
  const { message, hint } = findingText(finding);
  const level = isNote(finding) ? 'note' : 'problem';
  const job = 'id' in finding ? finding.id : null;
  const queue = 'queue' in finding ? finding.queue : null;
  return { v: 1, code: finding.code, level, message, hint: hint ?? null, job, queue };
}

/** What was looked at, when nothing is wrong. */
function wellLine(path: string, { looked, jobs }: Inventory): string {
  const seen = looked < jobs ? `the newest ${looked} of ${jobs} jobs` : plural(jobs, 'job');
  const bash = findTool('bash');
  const shell = bash === undefined ? 'no bash' : safe(bash);
  return `all is well: Node ${process.versions.node}, ${shell}, home ${safe(path)}, ${seen}`;
}

export const doctor = verb({
  name: 'doctor',
  operands: '',
  arity: [0, 0],
  brief: '',
  summary: 'what here would end jobs early or break them, and what to do',
  description: [
    'One line per finding, with what to do about it: a sandbox or a login session that ends its processes, programs that are',
    'missing, limits, a home that cannot be written or is nearly full, records that are damaged, lost jobs that left something',
    'running, queues that nobody moves on. A problem makes the exit code 1; a note does not. Takes less than a second.',
  ],
  examples: [
    ['bgjob doctor', 'is all well here?'],
    ['bgjob doctor --json', 'an object per finding; none is none'],
  ],
  options: {},
  async run({ env, output }) {
    const path = homePath(env);
    const { findings: housing, home } = checkHome(path);
    const machine = await checkMachine(env);
    const inventory = home ? await checkJobs(home) : NO_JOBS;
    const findings = [...machine, ...checkLogin(), ...housing, ...inventory.findings];
    for (const finding of findings)
      if (output.json) output.object(findingObject(finding));
      else output.line(findingLine(finding));
    const isWell = findings.every(isNote);
    if (isWell && !output.json) output.line(wellLine(path, inventory));
    return ok(isWell ? SUCCESS : { code: EXIT.no, by: 'bgjob' });
  },
});
