/**
 * The environment of a job: that of the caller, with the variables that the job needs and without those that
 * would mislead it.
 */
import { FAR_MARKER } from '../../job/identity.ts';
import { withoutSecrets } from '../../job/session.ts';
import type { Spec, VariableChange } from '../../job/spec.ts';
import type { EnvMarker } from '../observe/process-tree.ts';
import { STAND_IN, VARIABLE_RULES } from './variable-rules.ts';

/** The variables of a job, and what the job does not have as its caller has it. */
export interface JobEnvironment {
  /** `NAME=value` for each variable, without the marker. */
  environment: string[];
  changedVariables: VariableChange[];
}

/**
 * Applies the table of variable-rules.ts; a blank value counts as not set. Then the overrides (`-e`,
 * `--env-file`) count as they are, and of two the last one.
 */
export function jobEnvironment(
  caller: NodeJS.ProcessEnv,
  { env, stdin, pty, cwd }: Pick<Spec, 'env' | 'stdin' | 'pty' | 'cwd'>,
  callDirectory: string | undefined,
  isChosen = false,
): JobEnvironment {
  const variables = new Map<string, string>();
  for (const [name, value] of Object.entries(caller)) if (value !== undefined) variables.set(name, value);
  const overridden = new Set(env.map((entry) => entry.slice(0, entry.indexOf('='))));
  const facts = { caller, callDirectory, stdin, pty, cwd, isChosen };
  const changedVariables: VariableChange[] = [];
  for (const { names, why, applies, to } of VARIABLE_RULES)
    for (const name of applies(facts) ? names : []) {
      const given = variables.get(name);
      const before = given?.trim() === '' ? undefined : given;
      const after = to(before, facts, name);
      if (after === before) continue;
      if (after === undefined) variables.delete(name);
      else variables.set(name, after);
      if (before === undefined || before === STAND_IN || why === null || overridden.has(name)) continue;
      changedVariables.push({ name, did: after === undefined ? 'removed' : 'changed', why });
    }
  for (const entry of env) {
    const equals = entry.indexOf('=');
    variables.set(entry.slice(0, equals), entry.slice(equals + 1));
  }
  // BGJOB_NODE_*: between bin/bgjob and cli/boot.ts, which has removed them; `-e` may have set one.
  // BGJOB_SLOT: of the job from which this one is started
  const given = [...variables].filter(([name]) => !/^BGJOB_(NODE_|SLOT$)/.test(name));
  const environment = withoutSecrets(given.map(([name, value]) => `${name}=${value}`));
  return { environment, changedVariables };
}

/** The same with the number of the slot. Only bgjob sets BGJOB_SLOT: another number would be wrong. */
export function withSlot(environment: string[], slot: number | null): string[] {
  const others = environment.filter((entry) => !entry.startsWith('BGJOB_SLOT='));
  return slot === null ? others : [...others, `BGJOB_SLOT=${slot}`];
}

/** The same with the marker of the job, which replaces that of its parent. */
export function withEnvMarker(environment: string[], marker: EnvMarker): string[] {
  // a version without sessions may have stored them
  const others = withoutSecrets(environment).filter(
    // a job that a job of a target starts is another job: a stop of that one leaves it alone
    (entry) => !(entry.slice(0, entry.indexOf('=')) in marker) && !entry.startsWith(`${FAR_MARKER}=`),
  );
  return [...others, ...Object.entries(marker).map(([name, value]) => `${name}=${value}`)];
}

/** The environment of our own processes: no Node options or preloaded libraries of the caller, no marker. */
export function ownEnvironment(caller: NodeJS.ProcessEnv): Record<string, string> {
  const own: Record<string, string> = {};
  for (const name of ['HOME', 'PATH', 'LANG']) if (caller[name] !== undefined) own[name] = caller[name];
  return own;
}
