/**
 * Builds the call and the orders of the shim that runs the plain jobs of one batch one after the other
 * (batch-shim.sh), and says which jobs are plain. A start of a shim costs as much as such a job: see "what a
 * queued job costs" in docs/architecture.md.
 */
import { quote } from '../../base/text/shell-quote.ts';
import type { Spec } from '../../job/spec.ts';
import { RUNNER_MARKS } from '../os/early-ends.ts';
import { HAS_PROC } from '../os/process-identity.ts';
import { newSession, requireTool } from '../os/programs.ts';
import batchShimText from './batch-shim.sh';
import { evalLine, readStatBody, textVariables, withPreface } from './preface.ts';
import { type AdopterCall, adoptLine, isCarried, MAX_ADOPTERS, passesOwn, SHIM_TEXT } from './shim.ts';

/** The descriptor by which the shim gets its orders, and that of /proc/PID/fd of its supervisor. */
export const [ORDERS_FD, SUPERVISOR_FDS] = [9, 6];

/** dash reads an order byte by byte: a longer one costs more than a shim. */
const MAX_WORDS = 1000;
/** The other characters are not safe in `read` of each dash, or end the order. */
const SAFE = /^[ -~]*$/;

/** Whether a job is started by an order, as far as its spec decides. */
export const isOrderable = ({ placement, pty, stdin, split, retry, script, argv, memory }: Spec): boolean =>
  HAS_PROC &&
  (placement?.batch ?? null) !== null &&
  pty === null &&
  stdin === null &&
  !split &&
  retry === 0 &&
  memory === null &&
  script === null &&
  argv.every((word) => SAFE.test(word)) &&
  argv.join().length <= MAX_WORDS;

const nameOf = (entry: string): string => entry.slice(0, entry.indexOf('=', 1));

/** Whether the shim can pass these variables on without help of further programs. */
export const passesAll = (environment: string[], cwd: string): boolean =>
  passesOwn(requireTool('sh'), environment, cwd) &&
  !environment.some((entry) => isCarried(nameOf(entry), true, false) || RUNNER_MARKS.includes(nameOf(entry)));

/** The descriptors are those of the supervisor. */
export interface OrderedJob {
  id: number;
  /** Null in the queue without slots. */
  slot: number | null;
  argv: string[];
  aliveFd: number;
  recordFd: number;
  logFd: number;
  exitFd: number;
  usageFd: number;
}

export const orderLine = ({
  id,
  slot,
  argv,
  aliveFd,
  recordFd,
  logFd,
  exitFd,
  usageFd,
}: OrderedJob): string =>
  `${[id, slot ?? '-', aliveFd, recordFd, logFd, exitFd, usageFd, ...argv.map(quote)].join(' ')}\n`;

/** `environment` is that of one of its jobs; `token` the one that the shim has instead of the job's. */
export function batchShimCall(
  call: AdopterCall,
  environment: string[],
  cwd: string,
  token: string,
): { program: string; args: string[]; environment: Record<string, string> } {
  const variables = environment.map((entry) => [nameOf(entry), entry.slice(nameOf(entry).length + 1)]);
  const { BGJOB_ID: _, BGJOB_SLOT: __, BGJOB_TOKEN: jobToken = '', ...own } = Object.fromEntries(variables);
  const text = withPreface(
    batchShimText,
    {
      shim_record: '/proc/self/fd/7',
      shim_fds: `/proc/self/fd/${SUPERVISOR_FDS}`,
      shim_cwd: cwd,
      shim_token: jobToken,
      shim_adopters: MAX_ADOPTERS,
    },
    {
      read_stat: readStatBody(),
      adopt: adoptLine({ ...call, id: null }),
      run_job: `exec ${newSession().map(quote).join(' ')} "$@"`,
    },
  );
  const texts = textVariables(SHIM_TEXT, text);
  return {
    program: requireTool('sh'),
    args: ['-c', evalLine(texts)],
    environment: { ...own, BGJOB_TOKEN: token, ...texts },
  };
}
