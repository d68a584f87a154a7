/** `bgjob with`: starts a server, waits until it is ready, runs tests in the foreground, stops all of it. */
import { systemClock } from '../../base/clock.ts';
import { callerJob } from '../../engine/observe/caller-jobs.ts';
import { attendAdded } from '../../engine/queue/admission.ts';
import { fail, ok, type Result } from '../../job/failure.ts';
import type { JobId } from '../../job/spec.ts';
import { type Exit, type TestsExit, verb } from '../command/command.ts';
import type { Context } from '../command/context.ts';
import { acceptInterrupt, onHangup } from '../command/interrupt.ts';
import { withRefusal } from '../messages/control.ts';
import { printWarnings, variableWarnings } from '../messages/warnings.ts';
import { portsAreFree } from '../run/after-start.ts';
import { DRAFT_OPTIONS, draftOf, NOT_GIVEN } from '../run/draft.ts';
import { NAMING_OPTIONS, parseNaming, startNamed } from '../run/name-policy.ts';
import { warningsOf } from '../shell/habits.ts';
import { ON_OPTIONS } from '../targets/on-option.ts';
import { Deadline, deadlineOf } from '../wait/deadline.ts';
import { CONDITION_OPTIONS, type Conditions, parseConditions } from '../wait/parse-conditions.ts';
import { endServer } from '../with/end-server.ts';
import { Guard } from '../with/guard.ts';
import { awaitReady } from '../with/ready.ts';
import { runTests } from '../with/run-tests.ts';
import { splitCommands } from '../with/words.ts';

const { cwd, env, tag, split, grace, memory } = DRAFT_OPTIONS;
const OPTIONS = {
  ...CONDITION_OPTIONS,
  until: { ...CONDITION_OPTIONS.until, group: 'When the server is ready; the first that is met decides' },
  'ready-within': {
    kind: 'duration',
    value: 'DUR',
    text: 'stop all, and exit with 75, if the server is not ready after DUR',
  },
  ...NAMING_OPTIONS,
  ...ON_OPTIONS,
  cwd: { ...cwd, text: 'run the server in DIR', group: 'The server' },
  ...{ env, tag, split, grace, memory },
  'env-file': DRAFT_OPTIONS['env-file'],
  'no-pipefail': DRAFT_OPTIONS['no-pipefail'],
  'max-log': DRAFT_OPTIONS['max-log'],
  'on-max-log': DRAFT_OPTIONS['on-max-log'],
} as const;

/** The options of `run` that a server of `with` does not have. */
const NO_OPTIONS = { ...NOT_GIVEN, timeout: null, 'idle-timeout': null, 'on-exit': null, queue: null };
const AT_ONCE = { wish: null, slots: null, retry: 0, backoffMs: 0, retryOn: null };

const LOCAL_HOSTS = ['localhost', '127.0.0.1', '[::1]'];

/** The server is new: what answers on its port before it is started is another program. */
const withPortsOfUrls = (conditions: Conditions): Conditions => ({
  ...conditions,
  ports: [
    ...conditions.ports,
    ...conditions.urls
      .filter(({ hostname }) => LOCAL_HOSTS.includes(hostname))
      .map(({ port, protocol }) => Number(port) || (protocol === 'https:' ? 443 : 80)),
  ],
});

/** How long the whole call may take; null: no limit. A job may run on: nothing waits for its calls. */
function limitOf(context: Context): Result<number | null> {
  const home = context.home();
  const isInJob = home.ok && home.value && callerJob(home.value, context.env) !== null;
  return isInJob ? ok(null) : deadlineOf(context, null);
}

export const withVerb = verb({
  name: 'with',
  operands: "-- server [args...] -- tests [args...] | 'server line' -- tests [args...]",
  arity: [0, Number.POSITIVE_INFINITY],
  passThrough: true,
  brief: 'tests',
  changes: true,
  summary: 'start a server, run tests when it is ready, stop it; exit with the code of the tests',
  description: [
    'The server is a job: ls shows it, tail its output. The tests run in the foreground, with the stdin,',
    'stdout and stderr of this call. However this call ends, also by kill -9 or with its terminal, tests and',
    'server are stopped, with all their processes, as kill does it: also what the tests leave in the background.',
    'Jobs that the tests started go on. Messages go to stderr.',
    '',
    'The first -- begins the command of the server, the next -- that of the tests. A server that needs a --',
    "itself is one word, a shell line: bgjob with --until-port 3000 'npm run dev -- --port 3000' -- npm test.",
    '',
    'The exit code is that of the tests (128+N: ended by signal N). If they did not run, it is 75 if the',
    'server was not ready in time, else that of the server that ended first, or 1 if that was 0. If the',
    'server ends later, the tests go on, and their code counts.',
    '',
    'Ctrl-C reaches the tests, as without bgjob; when they have ended the server is stopped. At BGJOB_MAX_WAIT',
    'tests and server are stopped, and the code is 75; inside of a job that limit does not count.',
    '',
    'With --reuse a server that runs already is used, and not stopped at the end. With --on the server runs',
    'elsewhere, and the tests here.',
    '',
    'The tests have the id of the server in BGJOB_WITH_ID.',
  ],
  examples: [
    ['bgjob with --until-port 3000 -- npm run dev -- npm test', 'a server, and its tests'],
    ["bgjob with --until-cmd 'pg_isready -q' -- ./db.sh -- make check", 'ready by your own rule'],
    ["bgjob with --until ready 'PORT=4000 npm start' -- npm test -- --grep x", 'a shell line as the server'],
    ['bgjob with --until-port 1 -- a -- bgjob with --until-port 2 -- b -- npm test', 'two servers'],
  ],
  options: OPTIONS,
  async run(context, given) {
    const { output } = context;
    const { options, words, separated } = given;
    if (output.json) return fail(withRefusal.json());
    const commands = splitCommands(words, separated, process.argv.slice(3));
    if (!commands.ok) return commands;
    const { server, tests } = commands.value;
    const config = context.config();
    if (!config.ok) return config;
    const limit = limitOf(context);
    if (!limit.ok) return limit;
    const naming = parseNaming(options);
    if (!naming.ok) return naming;
    const input = { options: { ...NO_OPTIONS, ...options }, words: server, separated };
    const draft = draftOf(context, input, AT_ONCE);
    if (!draft.ok) return draft;
    draft.value.server = true;
    const conditions = parseConditions(options, null, () => ok(draft.value.cwd));
    if (!conditions.ok) return conditions;
    if (!conditions.value) return fail(withRefusal.noCondition());
    const opened = context.makeHome();
    if (!opened.ok) return opened;
    const home = opened.value;
    const variables = variableWarnings(draft.value.changedVariables);
    printWarnings(output, [...warningsOf(server, separated), ...variables]);
    const begun = systemClock.monotonic();
    const ready = options['ready-within'];
    const readyMs =
      ready === null || limit.value === null ? (ready ?? limit.value) : Math.min(ready, limit.value);
    const until = new Deadline(readyMs);
    const stopHangup = onHangup(() => until.end());
    const guarded = await Guard.start(home, draft.value.graceMs);
    if (!guarded.ok) return guarded;
    const guard = guarded.value;
    const here = draft.value.placement ? conditions.value : withPortsOfUrls(conditions.value);
    const mayStart = (leaving?: JobId[]) => portsAreFree(home, here, leaving);
    const told = (id: JobId) => guard.job(id);
    const side = output.sideOutput();
    const started = await startNamed(side, home, draft.value, naming.value, mayStart, 'run --replace', told);
    if (!started.ok) {
      guard.done();
      return started;
    }
    const { id, reused } = started.value;
    if (reused) guard.job(null);
    const { placement } = draft.value;
    if (placement) await attendAdded(home, id, placement.queue);
    const found = await awaitReady(context, home, {
      id,
      reused,
      conditions: conditions.value,
      until,
      readyMs,
    });
    let exit: Result<Exit | TestsExit> | undefined = found;
    if (!found) {
      acceptInterrupt();
      const leftMs = limit.value === null ? null : limit.value - (systemClock.monotonic() - begun);
      const { graceMs } = draft.value;
      exit = ok(await runTests(context, home, { id, tests, guard, leftMs, graceMs }));
    }
    if (!reused) await endServer(side, home, id);
    guard.done();
    stopHangup();
    return exit!;
  },
});
