/**
 * The tools without which a job can never start. They are looked up before the job has an id. The caller's
 * PATH may be the only way to them, so all tools that the job may need later are looked up here, too: what is
 * found outside of the fixed folders is remembered.
 */
import { fail, ok, type Result } from '../../job/failure.ts';
import type { Spec } from '../../job/spec.ts';
import { HAS_PROC } from '../os/process-identity.ts';
import { findTool, refusedTool } from '../os/programs.ts';

const REQUIRED = ['sh', 'env', 'mkfifo', ...(HAS_PROC ? [] : ['ps'])];
const OF_TERMINAL = ['script', 'stty'];
/** Without these a job runs, too. */
const USEFUL = ['setsid', 'bash', 'fallocate', 'ionice', 'sync', 'lsof', 'notify-send'];

export function requireTools({ pty }: Pick<Spec, 'pty'>): Result<void> {
  for (const tool of [...USEFUL, ...OF_TERMINAL]) findTool(tool);
  const required = [...REQUIRED, ...(pty ? OF_TERMINAL : [])];
  const tool = required.find((one) => findTool(one) === undefined);
  return tool === undefined
    ? ok(undefined)
    : fail({ code: 'tool-missing', tool, refused: refusedTool(tool) });
}
