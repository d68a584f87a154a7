/**
 * Warnings of `run`: about `&`, `nohup`, `setsid`, `disown`, `| tail` and `> file` in a command, which hide
 * its process or its output from the job; and about the surroundings of the call. A warning is given only
 * where it is certain, and nothing is refused or changed.
 */

import { clip, safe, safeJson } from '../../base/text/sanitize.ts';
import { type Enclosure, findEnclosure } from '../../engine/os/call-sandbox.ts';
import type { CiRunner, EndingService } from '../../engine/os/early-ends.ts';
import { findTool } from '../../engine/os/programs.ts';
import type { VariableChange } from '../../job/spec.ts';
import type { Output } from '../output/output.ts';

/** `code` is for programs, `message` for people. */
export interface Warning {
  code:
    | 'background'
    | 'nohup'
    | 'setsid'
    | 'disown'
    | 'tail'
    | 'head'
    | 'file'
    | 'open-listener'
    | 'dev-null'
    | 'ends-with-call'
    | 'ends-with-service'
    | 'ends-with-runner'
    | 'git-variables'
    | 'nobody-to-notify'
    | 'nobody-to-tell'
    | 'stdin-not-read'
    | 'cut-at-hash';
  message: string;
}

const LOST = 'hides the command from its job: bgjob does not see its end and exit code';
const MESSAGES = {
  background: `the trailing & ${LOST}; leave it out`,
  nohup: 'nohup is not needed: a job outlives its shell',
  setsid: `setsid ${LOST}; leave it out`,
  disown: `& disown ${LOST}; leave both out`,
  tail: '| tail keeps only the last lines: the first error is lost; leave it out and use bgjob tail',
  head: '| head keeps only the first lines: the last error is lost; leave it out and use bgjob tail --head',
} as const;

/** `alone`: no other command of the line has output. `both`: stderr goes to the file, too. */
export type Habit =
  | { code: keyof typeof MESSAGES }
  | { code: 'file' | 'dev-null'; file: string; alone: boolean; both: boolean; appends: boolean };

function fileWarning({ code, file, alone, both, appends }: Extract<Habit, { file: string }>): Warning {
  if (code === 'dev-null') {
    const what = both ? 'all output' : 'stdout';
    return {
      code,
      message: `${what} goes to /dev/null: bgjob tail cannot show it; leave that out: the log has a limit`,
    };
  }
  const shown = clip(safe(file), 40);
  const to = shown === file ? file : 'FILE';
  const tee = `${both ? '2>&1 ' : ''}| tee ${appends ? '-a ' : ''}${to} does both`;
  const what = both ? 'the output' : 'stdout';
  const tail = both && alone ? 'shows nothing' : 'does not show it';
  return { code, message: `${what} goes to ${shown}, not into the log: bgjob tail ${tail}; ${tee}` };
}

export const habitWarning = (habit: Habit): Warning =>
  'file' in habit ? fileWarning(habit) : { code: habit.code, message: MESSAGES[habit.code] };

const ENDS: Record<Enclosure['how'], (init: string) => string> = {
  sandbox: (init) => `all processes in this sandbox (${init}) end with the call for which it was made`,
  shell: (init) => `pid 1 of this sandbox is the ${init} of this call, and all processes end with it`,
  alone: () => 'bgjob is pid 1 of this sandbox, and all processes end with it',
};
/** Why all processes end with this call. */
export const enclosureText = ({ how, init }: Enclosure) => ENDS[how](safe(init));

/** A warning if a job will not outlive this call. */
export function enclosureWarnings(env: NodeJS.ProcessEnv): Warning[] {
  const enclosure = findEnclosure(env);
  if (!enclosure) return [];
  const message =
    `${enclosureText(enclosure)}: the job will be lost then; ` +
    'wait for it in this call (run --wait), or call bgjob outside of the sandbox';
  return [{ code: 'ends-with-call', message }];
}

/** When systemd ends all processes that were started here. */
export const serviceText = ({ unit, killMode }: EndingService): string =>
  killMode === null
    ? `when ${safe(unit)} stops, systemd ends all processes in it unless its KillMode is process`
    : `when ${safe(unit)} stops, systemd ends all processes in it (KillMode=${safe(killMode)})`;

/** How a job outlives the service: in a unit of its own, or spared by a setting of the service. */
export const serviceRemedy = ({ unit, isOfUser }: EndingService): string =>
  `systemd-run ${isOfUser ? '--user ' : ''}--scope bgjob run …; or KillMode=process in ${safe(unit)}`;

/** When a CI runner ends the processes that were started here. */
export const runnerText = ({ runner, variable }: CiRunner): string =>
  `at the end of the CI job ${runner} ends every process that has ${variable} in its environment`;

export const runnerRemedy = ({ spares }: CiRunner): string => `bgjob run -e ${spares} …`;

export const serviceWarning = (service: EndingService): Warning => ({
  code: 'ends-with-service',
  message:
    `${serviceText(service)}: the job will be lost then; ` +
    `wait for it (run --wait), or start it outside of the service: ${serviceRemedy(service)}`,
});

export const runnerWarning = (runner: CiRunner): Warning => ({
  code: 'ends-with-runner',
  message:
    `${runnerText(runner)}: the job will be killed then (137 or 143); ` +
    `wait for it (run --wait), or let it live: ${runnerRemedy(runner)}`,
});

/** Of a call that stayed with its job. The input may be meant for a loop around the call. */
export const STDIN_NOT_READ: Warning = {
  code: 'stdin-not-read',
  message: 'this call has input on stdin that the job did not get; to pass it on: bgjob run --stdin -',
};

const UNSEEN = 'a failure before the last | is not noticed';

/** A pipe of a job hides a failure: its shell knows no pipefail. A restarted job keeps its shell. */
export const noPipefailText = () =>
  findTool('bash') === undefined ? `(no bash here: sh -c; ${UNSEEN})` : `(sh -c, as before; ${UNSEEN})`;

/** Prints a warning on stderr, in one line. `text`: the message for people. */
export const printWarning = (
  output: Output,
  warning: { code: string; message: string; [fact: string]: unknown },
  text = warning.message,
) => output.note(output.json ? safeJson(JSON.stringify({ v: 1, warning })) : `warning: ${safe(text)}`);
export function printWarnings(output: Output, warnings: Warning[]): void {
  for (const { code, message } of warnings) printWarning(output, { code, message });
}

const CHANGE_REASONS: Record<string, string> = {
  'no-person': 'no person sees its question, so it fails at once',
  'terminal-size': 'it contradicts the size of the terminal of the job',
  'other-terminal': 'it names the terminal of the call, where gpg would wait for a passphrase',
  jobserver: 'the jobserver in it belongs to the make that called, which may end before the job',
  'git-lock': 'it names a lock file of the git command that called, which may end before the job',
  'git-quarantine': 'it names the folder of a push, which git removes before the job ends',
  'other-repository': 'it is about the repository of the call, and the job runs in another one',
};

function byReason(changes: VariableChange[]): { did: VariableChange['did']; why: string; names: string[] }[] {
  const groups = new Map<string, { did: VariableChange['did']; why: string; names: string[] }>();
  for (const { name, did, why } of changes) {
    const group = groups.get(`${did} ${why}`) ?? { did, why, names: [] };
    group.names.push(name);
    groups.set(`${did} ${why}`, group);
  }
  return [...groups.values()];
}

/** A text for each reason. A newer version may know reasons that this one does not. */
export const variableTexts = (changes: VariableChange[]): string[] =>
  byReason(changes).map(
    ({ did, why, names }) => `${did}: ${names.join(', ')} (${CHANGE_REASONS[why] ?? why})`,
  );

/** Only variables of a git hook: they matter to its next command. `show` has all the others. */
export const variableWarnings = (changes: VariableChange[]): Warning[] =>
  byReason(changes)
    .filter(({ why }) => why.startsWith('git-') || why === 'other-repository')
    .map(({ why, names }) => ({
      code: 'git-variables',
      message:
        `the job does not get ${names.join(', ')}: ${CHANGE_REASONS[why]}; ` +
        `to pass one all the same: bgjob run -e ${names[0]}="$${names[0]}"`,
    }));
