/**
 * Warnings of a service or a CI runner that will end the job before its time. Each is given once: a script
 * that starts 100 jobs gets one line. So systemd is asked only once, too.
 */
import { controlGroup, endingService, findCiRunner, serviceIn } from '../../engine/os/early-ends.ts';
import type { Home } from '../../job/home/home.ts';
import { runnerWarning, serviceWarning, type Warning } from '../messages/warnings.ts';
import { isNewAbout } from '../output/hints.ts';

/** `overrides`: the variables that the job gets instead of those of the caller, `NAME=value` each. */
export function earlyEndWarnings(env: NodeJS.ProcessEnv, home: Home, overrides: string[]): Warning[] {
  const found: Warning[] = [];
  const service = serviceIn(controlGroup());
  if (service && isNewAbout(home, 'service', service.unit)) {
    const ending = endingService(service);
    if (ending) found.push(serviceWarning(ending));
  }
  const own = overrides.map((entry) => [
    entry.slice(0, entry.indexOf('=')),
    entry.slice(entry.indexOf('=') + 1),
  ]);
  const runner = findCiRunner({ ...env, ...Object.fromEntries(own) });
  if (runner && isNewAbout(home, 'runner', runner.variable + runner.value)) found.push(runnerWarning(runner));
  return found;
}
