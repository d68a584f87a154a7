/**
 * The environment of a job: that of the caller, with the variables that the job needs and without those that
 * would mislead it.
 */
import { isSendable, type Spec } from '../../job/spec.ts';
import type { EnvMarker } from '../observe/process-tree.ts';

/** They name descriptors of make's jobserver, which are closed in a job. */
const DROPPED = ['MAKEFLAGS', 'MFLAGS', 'MAKELEVEL'];

/** Set if the caller has not set it: output at once. */
const DEFAULTS: Record<string, string> = { PYTHONUNBUFFERED: '1' };
/** Where no person answers: no pager, and a prompt that fails instead of hanging. */
const UNATTENDED: Record<string, string> = { PAGER: 'cat', GIT_PAGER: 'cat', GIT_TERMINAL_PROMPT: '0' };
const IN_TERMINAL: Record<string, string> = { TERM: 'xterm-256color' };

/** `NAME=value` for each variable, without the marker. The last override (`-e`, `--env-file`) counts. */
export function jobEnvironment(
  caller: NodeJS.ProcessEnv,
  { env, stdin, pty }: Pick<Spec, 'env' | 'stdin' | 'pty'>,
): string[] {
  const defaults = { ...DEFAULTS, ...(isSendable({ stdin }) ? {} : UNATTENDED), ...(pty && IN_TERMINAL) };
  const variables = new Map(Object.entries(defaults));
  for (const [name, value] of Object.entries(caller)) if (value !== undefined) variables.set(name, value);
  for (const name of DROPPED) variables.delete(name);
  for (const entry of env) {
    const equals = entry.indexOf('=');
    variables.set(entry.slice(0, equals), entry.slice(equals + 1));
  }
  // between bin/bgjob and cli/boot.ts, which has removed them; `-e` may have set one
  const given = [...variables].filter(([name]) => !name.startsWith('BGJOB_NODE_'));
  return given.map(([name, value]) => `${name}=${value}`);
}

/** The same with the marker of the job, which replaces that of its parent. */
export function withEnvMarker(environment: string[], marker: EnvMarker): string[] {
  const others = environment.filter((entry) => !(entry.slice(0, entry.indexOf('=')) in marker));
  return [...others, ...Object.entries(marker).map(([name, value]) => `${name}=${value}`)];
}

/** The environment of our own processes: no Node options or preloaded libraries of the caller, no marker. */
export function ownEnvironment(caller: NodeJS.ProcessEnv): Record<string, string> {
  const own: Record<string, string> = {};
  for (const name of ['HOME', 'PATH', 'LANG']) if (caller[name] !== undefined) own[name] = caller[name];
  return own;
}
