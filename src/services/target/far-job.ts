/** An attempt as the far side gets it: the command as it can be run there, its input, its limits. */
import { existsSync, readFileSync } from 'node:fs';
import { closing, openToRead } from '../../base/fs/open-file.ts';
import { withSlot } from '../../engine/launch/environment.ts';
import type { FarJob } from '../../engine/targets/engine.ts';
import { uidOf } from '../../engine/targets/engine-of.ts';
import type { Home } from '../../job/home/home.ts';
import type { JobPaths } from '../../job/home/paths.ts';
import type { Spec } from '../../job/spec.ts';
import type { Target } from '../../job/target.ts';

/** Runs bash with these words; where there is none, sh with the last one. */
const BASH_OR_SH =
  'command -v bash >/dev/null 2>&1 && exec bash "$@"; for last do :; done; exec sh -c "$last"';
/**
 * Runs a script, which is the first word. It has no name there: its file is removed while it is open. N words
 * of the interpreter follow; without any, bash or sh runs it.
 */
const SCRIPT = [
  'file=$(mktemp) || exit 125; printf %s "$1" >"$file" || exit 125; exec 9<"$file"; rm -f "$file"; shift',
  'if [ "$1" = bash ] && ! command -v bash >/dev/null 2>&1; then',
  'while [ "$1" != /dev/fd/9 ]; do shift; done; exec sh "$@"; fi; exec "$@"',
].join('\n');

function argvThere({ argv, line, script }: Spec, job: JobPaths): string[] {
  if (line !== null) return ['/bin/sh', '-c', BASH_OR_SH, 'sh', ...argv.slice(1)];
  if (script === null) return argv;
  const text = readFileSync(job.script, 'utf8');
  return ['/bin/sh', '-c', SCRIPT, 'sh', text, ...argv.with(script.at, '/dev/fd/9')];
}

/** The payload of a trigger has no file there: it is the input. */
const hasPayload = (job: JobPaths, { origin, stdin }: Spec): boolean =>
  origin?.kind === 'trigger' && stdin === null && existsSync(job.payload);

function inputOf(job: JobPaths, spec: Spec): Uint8Array | null {
  const { stdin } = spec;
  const given = stdin?.kind === 'kept' ? job.input : stdin?.kind === 'file' ? stdin.path : null;
  const path = hasPayload(job, spec) ? job.payload : given;
  const fd = path === null ? undefined : openToRead(path, 0);
  return fd === undefined ? null : closing(fd, (one) => readFileSync(one));
}

/** Throws system errors, if the script or the input cannot be read. */
export function farJobOf(
  home: Home,
  spec: Spec & { target: Target },
  attempt: number,
  slot: number | null,
): FarJob {
  const job = home.job(spec.id);
  return {
    uid: uidOf(home, spec.id, attempt),
    argv: argvThere(spec, job),
    cwd: spec.target.cwd ?? spec.cwd,
    // not BGJOB_HOME and BGJOB_TOKEN: there they would name nothing
    env: [
      ...withSlot(spec.env, slot),
      `BGJOB_ID=${spec.id}`,
      ...(hasPayload(job, spec) ? ['BGJOB_PAYLOAD=/dev/stdin'] : []),
    ],
    umask: spec.placement?.umask ?? 0o077,
    timeoutMs: spec.timeoutMs,
    graceMs: spec.graceMs,
    maxLogBytes: spec.maxLogBytes,
    onMaxLog: 'kill',
    split: spec.split,
    stdin: inputOf(job, spec),
    signal: 'TERM',
  };
}
