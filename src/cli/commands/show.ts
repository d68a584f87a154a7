/** `bgjob show`: everything about one job. */
import { renderDuration, renderSize, systemClock } from '../../base/clock.ts';
import { ok } from '../../base/failure.ts';
import { plural, safe } from '../../base/text.ts';
import type { Home } from '../../job/home.ts';
import type { JobView } from '../../job/job.ts';
import { Log } from '../../job/log.ts';
import { markSeen, readOwner } from '../../job/store.ts';
import { isAlive } from '../../process/identity.ts';
import { processesOf, trailOf } from '../../process/leftovers.ts';
import { portsOf } from '../../process/ports.ts';
import { SUCCESS, verb } from '../command.ts';
import { select } from '../select.ts';
import { commandLine, type Extras, jobLabel, jobObject, reasonOf, stateText, tookMs } from '../wording.ts';

async function extrasOf(
  home: Home,
  view: JobView,
): Promise<Required<Pick<Extras, 'ports' | 'logPath'>> & Extras> {
  const job = home.job(view.id);
  const processes = await processesOf(home, view);
  const owner = readOwner(job);
  const { main } = trailOf(home, view);
  const log = Log.open(job);
  const logBytes = log?.size;
  log?.close();
  return {
    ports: portsOf(processes.map(({ pid }) => pid)),
    logPath: job.log,
    leftovers: view.kind === 'ended' ? processes.length : 0,
    ...(owner.kind === 'read' &&
      isAlive(owner.value.identity) === 'alive' && { supervisorPid: owner.value.identity.pid }),
    ...(main && isAlive(main) === 'alive' && { mainPid: main.pid }),
    ...(logBytes !== undefined && { logBytes }),
  };
}

function describe(view: JobView, extras: Extras): [string, string][] {
  const now = systemClock.now();
  const spec = 'spec' in view ? view.spec : undefined;
  const took = tookMs(view, now);
  const reason = reasonOf(view);
  const when = (at: number) => `${new Date(at).toISOString()} (${renderDuration(now - at)} ago)`;
  const status = 'status' in view ? view.status : undefined;
  const startedAt = status && 'startedAt' in status ? status.startedAt : null;
  const limits = spec && [
    spec.timeoutMs !== null && `--timeout ${renderDuration(spec.timeoutMs)}`,
    spec.idleTimeoutMs !== null && `--idle-timeout ${renderDuration(spec.idleTimeoutMs)}`,
    `--grace ${renderDuration(spec.graceMs)}`,
  ];
  const rows: [string, string | null | undefined | false][] = [
    ['job', jobLabel(view)],
    ['state', stateText(view, extras.leftovers)],
    ['because', reason && safe(reason)],
    ['command', commandLine(view, 2000)],
    ['cwd', spec && safe(spec.cwd)],
    ['project', spec && spec.project !== spec.cwd && safe(spec.project)],
    ['tags', spec && spec.tags.length > 0 && spec.tags.map(safe).join(' ')],
    ['created', spec && when(spec.createdAt)],
    ['started', startedAt !== null && when(startedAt)],
    ['ended', status?.phase === 'ended' && when(status.endedAt)],
    ['took', took !== null && renderDuration(took)],
    ['limits', limits ? limits.filter(Boolean).join(' ') : undefined],
    ['started by', spec?.parent != null && `job ${spec.parent}`],
    [
      'process',
      extras.mainPid !== undefined && `${extras.mainPid} (supervisor ${extras.supervisorPid ?? 'none'})`,
    ],
    [
      'left',
      (extras.leftovers ?? 0) > 0 &&
        `${plural(extras.leftovers!, 'process', 'processes')} (bgjob kill ${view.id})`,
    ],
    ['ports', (extras.ports?.length ?? 0) > 0 && extras.ports!.join(' ')],
    ['log', `${safe(extras.logPath!)} (${renderSize(extras.logBytes ?? 0)})`],
  ];
  return rows.filter((row): row is [string, string] => Boolean(row[1]));
}

export const show = verb({
  name: 'show',
  operands: 'REF',
  arity: [1, 1],
  summary: 'everything about one job',
  description: ['Command, directory, times, how it ended and who caused it, processes, ports, the log.'],
  examples: [['bgjob show 42 --json', 'for a script']],
  options: {},
  async run(context, { words }) {
    const { output } = context;
    const found = select(context, words[0]!, { elsewhere: true });
    if (!found.ok) return found;
    const { home, view } = found.value;
    const extras = await extrasOf(home, view);
    if (output.json) {
      output.object(jobObject(view, systemClock.now(), extras));
    } else {
      for (const [name, text] of describe(view, extras)) output.line(`${name.padEnd(11)}${text}`);
    }
    if (view.kind === 'ended') markSeen(home.job(view.id));
    return ok(SUCCESS);
  },
});
