/**
 * The hint for a command or an option that does not exist: the name that other tools have for it
 * (task-spooler, pueue, pm2, systemd, docker, at, nohup, Slurm), else the nearest name of ours. Loaded only
 * after such an error.
 */
import { nearestWord } from '../../base/text/edit-distance.ts';
import { findCommand } from '../../engine/os/programs.ts';
import type { Failure } from '../../job/failure.ts';
import { quoteWord } from '../../job/view.ts';
import {
  detachingOption,
  optionFollows,
  shellOption,
  unknownCommand,
  unknownOption,
} from '../messages/usage.ts';
import { COMMON, type Option, type Verb } from './command.ts';

/** What to type after `bgjob` → what other tools call it. */
const VERBS_ELSEWHERE: Record<string, string> = {
  run:
    'start exec spawn add submit launch create new nohup daemon daemonize bg background ' +
    'systemd-run tsp sbatch qsub bsub',
  'run -Q NAME': 'enqueue push parallel',
  'run --delay DUR': 'at sleep delay',
  'run --batch FILE': 'xargs',
  ls: 'ps list jobs squeue qstat atq list-units',
  'ls -n 100': 'history ended finished done',
  'ls --ports': 'port ports',
  watch: 'top htop monit monitor dashboard stats events',
  show: 'info inspect describe desc details',
  status: 'state exitcode is-active poll result',
  tail: 'logs log output out cat print less head journal journalctl',
  'tail -f': 'follow attach fg',
  path: 'logfile log-path',
  wait: 'join',
  kill: 'stop cancel terminate term abort end delete del scancel qdel bkill atrm killall pkill interrupt',
  'kill -s SIG': 'signal',
  send: 'input stdin write type enter',
  pause: 'suspend freeze stash',
  resume: 'unpause continue cont unfreeze',
  restart: 'reload rerun retry again redo respawn',
  queue: 'queues group groups slots',
  move: 'switch urgent prioritize priority bump',
  'cron add': 'schedule every timer',
  'cron ls': 'crontab timers list-timers schedules',
  boot: 'resurrect',
  'cron add --boot': 'startup enable',
  trigger: 'webhook webhooks hook triggers',
  gc: 'rm remove prune clean cleanup clear purge flush erase',
  skill: 'agents claude',
  doctor: 'check diagnose',
};

/** An option of ours → what other tools call it. A verb is shown the first of these that it has. */
const OPTIONS_ELSEWHERE: Record<string, string> = {
  delay: 'at in start-at begin not-before start-after',
  tag: 'label labels',
  queue: 'group partition',
  slots: 'parallel jobs j concurrency workers max-parallel',
  after: 'depends depends-on dependency dependencies deps requires after-ok afterok needs',
  'after-any': 'after-end afterany',
  retry: 'retries max-retries restarts restart max-restarts',
  cwd: 'workdir working-directory work-dir chdir dir directory cd w',
  env: 'environment setenv export var',
  'keep-env': 'save-env',
  grace: 'kill-after stop-timeout kill-timeout time-to-kill',
  timeout: 'time time-limit max-time deadline ttl runtime-max limit',
  pty: 'tty interactive i t it',
  stdin: 'input',
  split: 'separate-stderr separate stderr',
  'on-exit': 'then on-finish on-end callback hook after-exit',
  'max-log': 'log-size max-size max-log-size',
  memory: 'mem ram max-memory memory-limit mem-limit memory-max max-mem',
  usage: 'cpu resources stats cost',
  until: 'ready wait-for until-line until-match',
  'until-port': 'port wait-port',
  follow: 'foreground fg attach',
  wait: 'block sync',
  now: 'force f immediate',
  signal: 'sig',
  replace: 'force f overwrite',
  reuse: 'if-not-running singleton once',
  lines: 'tail last number n',
  number: 'last limit count history lines',
  max: 'limit max-count m count',
  grep: 'filter search match pattern regex',
  err: 'stderr',
  state: 'filter status states',
  'all-projects': 'global everywhere',
  all: 'global everywhere a all-projects',
  ended: 'finished done all-ended all',
  quiet: 'ids silent ids-only',
  'older-than': 'age older before until',
  'dry-run': 'simulate noop n dry',
  json: 'format output porcelain o',
};

const keysOf = (table: Record<string, string>, word: string): string[] =>
  Object.keys(table).filter((key) => table[key]!.split(' ').includes(word));

/** The call that was meant, after `bgjob`; undefined: nothing is near. */
function guessCall(word: string, rest: string[], verbs: readonly Verb[]): string | undefined {
  const [known] = keysOf(VERBS_ELSEWHERE, word);
  if (known !== undefined) return withWords(known, rest, verbs);
  const near = nearestWord(
    word,
    verbs.map(({ name }) => name),
  );
  // `bgjob gcc main.c`: a program that is meant as the command of a job
  const isProgram = near !== undefined && findCommand(word, process.env['PATH'], '/').ok;
  return near === undefined || isProgram ? undefined : withWords(near, rest, verbs);
}

/** `stop web` is `kill web`: the other words are repeated for a verb that takes jobs or a command. */
function withWords(call: string, rest: string[], verbs: readonly Verb[]): string {
  const verb = verbs.find(({ name }) => name === call.split(' ')[0])!;
  const takesWords = verb.passThrough === true || verb.operands.startsWith('REF');
  if (!takesWords || /[A-Z]/.test(call) || rest.length === 0 || rest.some((one) => one.startsWith('-')))
    return call;
  return [call, ...(verb.passThrough ? ['--'] : []), ...rest.map(quoteWord)].join(' ');
}

const isOptionOf = (verb: Verb, word: string): boolean =>
  Object.entries({ ...verb.options, ...COMMON }).some(
    ([name, { short }]) => short === word || `--${name}` === word.split('=')[0],
  );

export function unknownFirstWord(word: string, rest: string[], verbs: readonly Verb[]): Failure {
  if (!word.startsWith('-')) return unknownCommand(word, rest, guessCall(word, rest, verbs));
  if (word === '-v') return unknownOption(word, 'bgjob --version');
  if (word === '--') return unknownOption(word, 'bgjob run -- command');
  const run = verbs.find(({ name }) => name === 'run')!;
  const verb = verbs.find(({ name }) => rest.includes(name)) ?? (isOptionOf(run, word) ? run : undefined);
  if (verb) return optionFollows(word, `bgjob ${verb.name}`);
  const near = nearestWord(word.replace(/^-+/, ''), ['help', 'version', 'man']);
  return unknownOption(word, `bgjob --${near ?? 'help'}`);
}

const typed = (name: string, { value }: Option): string =>
  value === undefined ? `--${name}` : `--${name} ${value}`;

/** What asks for a background that every job has. */
const DETACHING = ['detach', 'd', 'daemon', 'daemonize', 'background', 'bg', 'b'];

export function unknownOptionOf(declared: Verb, flag: string): Failure {
  const options: Record<string, Option> = { ...declared.options, ...COMMON };
  const word = flag.replace(/^--?/, '').split('=')[0]!;
  if (declared.name === 'run' && DETACHING.includes(word)) return detachingOption(flag);
  if (declared.name === 'run' && flag === '-c') return shellOption(flag);
  // `-j4`
  const words = flag.startsWith('--') ? [word] : [word, word.slice(0, 1)];
  const known = words
    .flatMap((one) => keysOf(OPTIONS_ELSEWHERE, one))
    .find((name) => Object.hasOwn(options, name));
  const meant = known ?? (flag.startsWith('--') ? nearestWord(word, Object.keys(options)) : undefined);
  return unknownOption(
    flag,
    `bgjob ${declared.name} ${meant === undefined ? '--help' : typed(meant, options[meant]!)}`,
  );
}
