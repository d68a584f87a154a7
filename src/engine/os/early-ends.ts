/**
 * What ends the processes of this call early.
 *
 * A systemd service: when it stops, systemd ends all processes of its control group, in any session, unless
 * its KillMode says otherwise (systemd.kill(5)). A oneshot service stops when its main process ends. A scope (a
 * login session, a terminal window, tmux) is no service.
 *
 * CI runners: they look for processes that have a certain variable in their environment. GitHub's and Azure's
 * runner do so after the last step, Jenkins at the end of a build or of a `node` block, and when a step is
 * aborted. GitLab's runner goes by process groups and containers instead.
 */
import { readSystemText } from '../../base/fs/read-record.ts';
import { findTool } from './programs.ts';

export interface ServiceUnit {
  unit: string;
  /** A service of the user's own systemd (`systemctl --user`). */
  isOfUser: boolean;
}

export interface EndingService extends ServiceUnit {
  /** Null: systemd could not be asked. */
  killMode: string | null;
}

/** systemd answers at once, or hangs with its bus, milliseconds. */
const ANSWER_MS = 2000;
const MANAGER = /^user@\d+\.service$/;
/** With these modes systemd ends the main process of a service at most. */
const SPARING = ['process', 'none'];

/** The control group of this process in the hierarchy of systemd: `/system.slice/cron.service`. */
export const controlGroup = (): string =>
  /^(?:0:|\d+:name=systemd):(\/.+)$/m.exec(readSystemText('/proc/self/cgroup'))?.[1] ?? '';

/** The service whose control group this is. The innermost unit counts: a scope may lie below a service. */
export function serviceIn(group: string): ServiceUnit | undefined {
  const parts = group.split('/');
  const at = parts.findLastIndex((part) => /.\.(service|scope)$/.test(part));
  const unit = parts[at] ?? '';
  if (!unit.endsWith('.service') || MANAGER.test(unit)) return undefined;
  // systemd puts a `_` before a name that the kernel could take for a file of its own: `_memory.service`
  return { unit: unit.replace(/^_/, ''), isOfUser: parts.slice(0, at).some((part) => MANAGER.test(part)) };
}

function askSystemd({ unit, isOfUser }: ServiceUnit): Record<string, string> {
  const systemctl = findTool('systemctl');
  if (systemctl === undefined) return {};
  // loaded only here: it is a tenth of a Node start
  const { spawnSync } = require('node:child_process') as typeof import('node:child_process');
  const words = [...(isOfUser ? ['--user'] : []), 'show', '-p', 'KillMode,ExitType', '--', unit];
  const asked = spawnSync(systemctl, words, {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
    timeout: ANSWER_MS,
  });
  return Object.fromEntries((asked.stdout ?? '').split('\n').map((line) => line.split('=')));
}

/** The service as one that ends the jobs that start in it; undefined if it does not. Asks systemd. */
export function endingService(service: ServiceUnit): EndingService | undefined {
  const { KillMode, ExitType } = askSystemd(service);
  // it stops when its last process has ended: programs of a desktop are started so
  const endsWithLast = KillMode ? ExitType === 'cgroup' : service.isOfUser && service.unit.startsWith('app-');
  if (endsWithLast || SPARING.includes(KillMode ?? '')) return undefined;
  return { ...service, killMode: KillMode || null };
}

/**
 * The variables by which a runner finds its processes. Jenkins compares several; one that is missing is
 * enough for it to spare a process.
 */
export const RUNNER_MARKS = [
  'RUNNER_TRACKING_ID',
  'VSTS_PROCESS_LOOKUP_ID',
  'JENKINS_NODE_COOKIE',
  'JENKINS_SERVER_COOKIE',
  'HUDSON_SERVER_COOKIE',
  'BUILD_ID',
];

export interface CiRunner {
  runner: 'GitHub Actions' | 'Azure Pipelines' | 'Jenkins';
  variable: string;
  value: string;
  /** The assignment with which the runner spares a process. */
  spares: string;
}

const isSet = (value: string | undefined): boolean => !/^(0|\s*|dontkillme)$/i.test(value ?? '');

/** The runner that ends processes with this environment when its CI job ends; undefined if none does. */
export function findCiRunner(env: NodeJS.ProcessEnv): CiRunner | undefined {
  const found = (runner: CiRunner['runner'], variable: string, spared: string): CiRunner | undefined =>
    isSet(env[variable])
      ? { runner, variable, value: env[variable]!, spares: `${variable}=${spared}` }
      : undefined;
  const byRunner =
    found('GitHub Actions', 'RUNNER_TRACKING_ID', '') ??
    found('Azure Pipelines', 'VSTS_PROCESS_LOOKUP_ID', '') ??
    found('Jenkins', 'JENKINS_NODE_COOKIE', 'dontKillMe');
  // a pipeline has both, and goes by the cookie; a freestyle project has none
  if (byRunner || env['JENKINS_NODE_COOKIE'] || !/^(true|1)$/i.test(env['CI'] ?? '')) return byRunner;
  return found('Jenkins', 'BUILD_ID', 'dontKillMe');
}
