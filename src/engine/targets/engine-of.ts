/** The engine of a target, by its settings, and the names of this home and its jobs there. */
import { fail, type Result } from '../../job/failure.ts';
import type { Home } from '../../job/home/home.ts';
import { projectKey } from '../../job/home/job-index.ts';
import type { JobId } from '../../job/spec.ts';
import type { Target } from '../../job/target.ts';
import { type Engine, TargetError } from './engine.ts';
import { ShimEngine } from './shim-engine.ts';
import { SlurmEngine } from './slurm-engine.ts';
import { LocalTransport, SshTransport } from './transport.ts';

/** Stands for this home there: the jobs of two laptops with one account do not meet. */
const clientOf = ({ token }: Pick<Home, 'token'>): string => projectKey(token);

/** The claim of an attempt there: submitted again it is not started again. */
export const uidOf = (home: Home, id: JobId, attempt: number): string => `${clientOf(home)}-${id}-${attempt}`;

/** What a login has, and what leads to Slurm: the rest of the caller's environment does not travel. */
const SLURM_ENVIRONMENT = [
  ...['HOME', 'USER', 'LOGNAME', 'SHELL', 'PATH', 'LD_LIBRARY_PATH', 'SLURM_CONF', 'TMPDIR', 'TZ'],
  ...['MODULEPATH', 'MODULESHOME', 'LMOD_CMD', 'LMOD_DIR'],
];

/** Read at each start: the service takes them over from the newest call. */
const slurmEnvironment = (): NodeJS.ProcessEnv =>
  Object.fromEntries(SLURM_ENVIRONMENT.map((name) => [name, process.env[name]]));

/** `home` without a token: for a check before there is a home. */
export function engineOf(home: Pick<Home, 'token'>, { host, ssh, dir, slurm }: Target): Engine {
  const place = { client: clientOf(home), folder: dir };
  if (!slurm) return new ShimEngine(new SshTransport(host, ssh), place);
  const transport = host === '' ? new LocalTransport(slurmEnvironment) : new SshTransport(host, ssh);
  return new SlurmEngine(transport, { ...place, ...slurm });
}

/** Asks a target by a connection of this call. `target-refused`: it is not reached, or stops answering. */
export async function askTarget<T>(
  home: Pick<Home, 'token'>,
  target: Target,
  ask: (engine: Engine) => Promise<Result<T>>,
): Promise<Result<T>> {
  const engine = engineOf(home, target);
  try {
    return await ask(engine);
  } catch (thrown) {
    if (!(thrown instanceof TargetError)) throw thrown;
    const { trouble, said } = thrown;
    return fail({ code: 'target-refused', target, trouble, said });
  } finally {
    engine.close();
  }
}
