/** What a job does not have in its environment as its caller has it, in words: for `show`, and after a start. */
import type { VariableChange } from '../../job/spec.ts';
import type { Warning } from './warnings.ts';

const REASONS: Record<string, string> = {
  'no-person': 'no person sees its question, so it fails at once',
  'terminal-size': 'it contradicts the size of the terminal of the job',
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
  byReason(changes).map(({ did, why, names }) => `${did}: ${names.join(', ')} (${REASONS[why] ?? why})`);

/** What a git hook passes on matters to the next command of the hook: it is told at once, not only by `show`. */
export const variableWarnings = (changes: VariableChange[]): Warning[] =>
  byReason(changes)
    .filter(({ why }) => why.startsWith('git-') || why === 'other-repository')
    .map(({ why, names }) => ({
      code: 'git-variables',
      message:
        `the job does not get ${names.join(', ')}: ${REASONS[why]}; ` +
        `to pass one all the same: bgjob run -e ${names[0]}="$${names[0]}"`,
    }));
