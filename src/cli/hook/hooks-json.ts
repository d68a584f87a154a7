/**
 * The hooks that are installed in the host of an agent: a line of sh for each event. It reads the host's
 * JSON, and starts Node only if there may be news. The text is the same for all events and hosts, and stays
 * as it is, because Codex asks its user for trust again after each change.
 *
 * `head` takes all of stdin: a host that cannot write it all reports an error of the hook. The rest is
 * builtins of any POSIX sh. Codex runs the line in the login shell of the user, which may be fish or zsh. So
 * the line starts sh, and has no single quote inside and no two backslashes in a row, which fish reads in
 * another way. It has no `args`: a host that does not know them would run its own JSON as a script.
 *
 * - `test FILE -nt FILE` is false if the times are equal, and if the first file is missing: then Node is
 *   started. Shells that compare whole seconds (macOS, busybox) start it more often.
 * - `$own` is the folder of the session. The files in it: job/home/session-stamps.ts.
 * - At a prompt these start Node, too: a job that runs, because no file shows that it is lost; an end of a
 *   job of this session; and `later`, an end of another session that is not an hour old.
 * - The id of the session is read only where hosts write it, as the first field: a search in 10 MB takes some
 *   shells minutes. In another order Node is started each time.
 * - A host takes exit code 2 for a refusal: the line always exits 0.
 */
import script from './hook.sh';

export type AgentHost = 'claude' | 'codex';
export const AGENT_HOSTS: readonly AgentHost[] = ['claude', 'codex'];

const TEXT = script
  .split('\n')
  .filter((line) => line !== '' && !line.startsWith('#'))
  .join(' ');

/** Every command of a hook of ours has it. */
export const HOOK_MARK = 'bgjob hook "$1" --host "$2"';

/** The command of a hook. */
export const hookCommand = (event: string, host: AgentHost): string =>
  `sh -c '${TEXT}' bgjob ${event} ${host}`;

/** The events at which a host calls: its start, a prompt, the end of some tools, and the end of a turn. */
export const HOOK_EVENTS: Record<AgentHost, readonly string[]> = {
  claude: ['SessionStart', 'UserPromptSubmit', 'PostToolBatch', 'Stop'],
  codex: ['SessionStart', 'UserPromptSubmit', 'PostToolUse', 'Stop'],
};

/** For a hook that hangs, seconds: for example in a home on a disk that does not answer. */
const TIMEOUT_S = 5;

/** The entries of hooks.json: for each event its groups, each with its handlers. */
export const hookEntries = (host: AgentHost) =>
  Object.fromEntries(
    HOOK_EVENTS[host].map((event) => [
      event,
      [{ hooks: [{ type: 'command', command: hookCommand(event, host), timeout: TIMEOUT_S }] }],
    ]),
  );
