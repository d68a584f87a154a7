/** `bgjob show`: prints everything about one job. */
import { renderDuration, renderExactSize, renderTime, systemClock } from '../../base/clock.ts';
import { directoryNow } from '../../base/fs/moving-link.ts';
import { plural, safe } from '../../base/text/sanitize.ts';
import { forgetUnownedEnvironment } from '../../engine/launch/stored-environment.ts';
import { processesOf, processRecordsOf } from '../../engine/observe/leftovers.ts';
import { isAlive } from '../../engine/os/process-identity.ts';
import { portsOf } from '../../engine/os/sockets.ts';
import { waitingOf } from '../../engine/queue/queue-status.ts';
import { limitWay, readUsage } from '../../engine/usage/job-usage.ts';
import { type PastRun, PastRuns } from '../../engine/usage/past-runs.ts';
import { ok } from '../../job/failure.ts';
import type { Home } from '../../job/home/home.ts';
import type { JobPaths, Stream } from '../../job/home/paths.ts';
import { parseReference } from '../../job/home/project.ts';
import { readLastCrash, readOwner } from '../../job/home/records.ts';
import { Log } from '../../job/log/log.ts';
import { isAway } from '../../job/log/trim-record.ts';
import { sessionText } from '../../job/session.ts';
import type { JobView } from '../../job/view.ts';
import { SUCCESS, verb } from '../command/command.ts';
import { onExitObject, onExitText } from '../jobs/exit-hook-row.ts';
import { lostHint } from '../jobs/lost-hint.ts';
import { attemptRows, type DetailRow, queueRows } from '../jobs/queue-details.ts';
import { select } from '../jobs/select.ts';
import { stderrOf } from '../jobs/stderr-log.ts';
import {
  commandLine,
  type Extras,
  failedHint,
  jobLabel,
  jobObject,
  reasonOf,
  stateText,
  tookMs,
  usageText,
  usualText,
} from '../messages/job-text.ts';
import {
  directoryText,
  logText,
  memoryLimitText,
  NO_PIPEFAIL,
  NOT_KNOWN,
  pastRunText,
  startedText,
  stdinText,
} from '../messages/lists.ts';
import { targetText } from '../messages/targets.ts';
import { variableTexts } from '../messages/warnings.ts';
import { markReported } from '../output/mark-reported.ts';
import { statePainter } from '../output/state-style.ts';
import { tellObject, tellRow } from '../run/message-option.ts';
import { notifyObject, notifyText } from '../run/notify-option.ts';
import { losesPipefail } from '../shell/pipes.ts';

async function extrasOf(
  home: Home,
  view: JobView,
): Promise<Required<Pick<Extras, 'ports' | 'logPath'>> & Extras> {
  const job = home.job(view.id);
  const processes = await processesOf(home, view);
  const owner = readOwner(job);
  const { main } = processRecordsOf(home, view);
  const log = Log.open(job);
  const logBytes = log?.size;
  const trimmedBytes = log?.trimmedBytes ?? 0;
  const emptiedBytes = log?.emptiedBytes ?? 0;
  log?.close();
  return {
    waiting: waitingOf(home, view),
    usage: readUsage(home, view),
    usual: new PastRuns(home).usualOf(view),
    supervisorError: readLastCrash(job)?.why,
    ports: portsOf(processes.map(({ pid }) => pid)),
    logPath: job.log,
    stderr: stderrOf(home, view),
    onExit: onExitObject(home, view),
    notify: notifyObject(home, view),
    tell: tellObject(home, view),
    leftovers: view.kind === 'ended' ? processes.length : 0,
    ...(owner.kind === 'read' &&
      isAlive(owner.value.identity) === 'alive' && { supervisorPid: owner.value.identity.pid }),
    ...(main && isAlive(main) === 'alive' && { mainPid: main.pid }),
    trimmedBytes,
    emptiedBytes,
    ...(logBytes !== undefined && { logBytes }),
  };
}

function describeLog(job: JobPaths, stream: Stream): string {
  const log = Log.open(job, stream);
  const text = logText(job[stream], log, log !== undefined && isAway(job, stream));
  log?.close();
  return text;
}

function describe(view: JobView, home: Home, extras: Extras, pastRuns: PastRun[]): [string, string][] {
  const job = home.job(view.id);
  const now = systemClock.now();
  const spec = 'spec' in view ? view.spec : undefined;
  const took = tookMs(view, now);
  const reason = reasonOf(view, extras.waiting);
  const when = (at: number) => `${renderTime(at)} (${renderDuration(now - at)} ago)`;
  const status = 'status' in view ? view.status : undefined;
  const startedAt = status && 'startedAt' in status ? status.startedAt : null;
  const limits = spec && [
    spec.timeoutMs !== null && `--timeout ${renderDuration(spec.timeoutMs)}`,
    spec.idleTimeoutMs !== null && `--idle-timeout ${renderDuration(spec.idleTimeoutMs)}`,
    `--grace ${renderDuration(spec.graceMs)}`,
    spec.maxLogBytes !== null && `--max-log ${renderExactSize(spec.maxLogBytes)}`,
    spec.memory !== null && memoryLimitText(spec.memory, limitWay(home, view)),
    spec.maxLogBytes !== null && spec.onMaxLog === 'kill' && '--on-max-log kill',
  ];
  const rows: DetailRow[] = [
    ['job', jobLabel(view)],
    ['state', stateText(view, extras.leftovers)],
    ['because', reason && safe(reason)],
    ['hint', lostHint(home, [view]) ?? failedHint(view)],
    ...queueRows(view, home, extras),
    ['on', spec?.target && targetText(spec.target)],
    ['command', commandLine(view, 2000)],
    ['shell', spec && losesPipefail(spec) && NO_PIPEFAIL],
    ['stdin', spec && stdinText(spec, view.kind === 'live')],
    [
      'cwd',
      spec &&
        !spec.target &&
        directoryText(spec, spec.cwdLink === null ? undefined : directoryNow(spec.cwdLink)),
    ],
    ['project', spec && spec.project !== spec.cwd && safe(spec.project)],
    ...(spec ? variableTexts(spec.changedVariables) : []).map((text): DetailRow => ['variables', safe(text)]),
    ['tags', spec && spec.tags.length > 0 && spec.tags.map(safe).join(' ')],
    ['created', spec && when(spec.createdAt)],
    ...attemptRows(view),
    ['started', startedAt !== null && when(startedAt)],
    ['ended', status?.phase === 'ended' && (status.endKnown ? when(status.endedAt) : NOT_KNOWN)],
    [
      'took',
      took !== null ? renderDuration(took) : status?.phase === 'ended' && startedAt !== null && NOT_KNOWN,
    ],
    ['used', usageText(extras.usage ?? null)],
    ['usually', extras.usual && usualText(extras.usual)],
    ...pastRuns.map((run): DetailRow => [`run ${run.id}`, spec && pastRunText(run, spec, now)]),
    ['limits', limits ? limits.filter(Boolean).join(' ') : undefined],
    ['started by', spec && startedText(spec)],
    ['session', spec?.session && safe(sessionText(spec.session))],
    [
      'process',
      extras.mainPid !== undefined && `${extras.mainPid} (supervisor ${extras.supervisorPid ?? 'none'})`,
    ],
    ['supervisor', extras.supervisorError !== undefined && `failed: ${safe(extras.supervisorError)}`],
    [
      'left',
      (extras.leftovers ?? 0) > 0 &&
        `${plural(extras.leftovers!, 'process', 'processes')} (bgjob kill ${view.id})`,
    ],
    ['ports', (extras.ports?.length ?? 0) > 0 && extras.ports!.join(' ')],
    ['log', describeLog(job, 'log')],
    ['stderr', spec?.split && describeLog(job, 'err')],
    ['on exit', onExitText(home, view)],
    ['notify', notifyText(home, view)],
    ['tell', tellRow(home, view)],
  ];
  return rows.filter((row): row is [string, string] => Boolean(row[1]));
}

export const show = verb({
  name: 'show',
  operands: 'REF',
  arity: [1, 1],
  summary: 'show everything about one job',
  description: [
    'Command, directory, times, what it used, how it ended and why, processes, ports, log.',
    '',
    'Of a job with a name it says how long the successes among the last 20 runs of that name usually took.',
    'show NAME lists these runs.',
  ],
  examples: [['bgjob show 42 --json', 'for a script']],
  options: {},
  async run(context, { words }) {
    const { output } = context;
    const found = select(context, words[0]!, 'bgjob show');
    if (!found.ok) return found;
    const { home, view } = found.value;
    const extras = await extrasOf(home, view);
    if (output.json) {
      output.object(jobObject(view, systemClock.now(), extras));
    } else {
      const isNamed = parseReference(words[0]!)?.kind === 'name' && 'spec' in view;
      const runs = isNamed ? new PastRuns(home).of(view.spec) : [];
      const paint = statePainter(output, view);
      for (const [name, text] of describe(view, home, extras, runs))
        output.line(`${name.padEnd(11)}${name === 'state' ? paint(text) : text}`);
    }
    if (view.kind === 'ended') markReported(output, home, view);
    forgetUnownedEnvironment(home, view);
    return ok(SUCCESS);
  },
});
