/**
 * CI runners that end what a CI job left: they look for processes that have a certain variable in their
 * environment. GitHub's and Azure's runner do so after the last step, Jenkins at the end of a build or of a
 * `node` block, and when a step is aborted. GitLab's runner goes by process groups and containers instead.
 */

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
