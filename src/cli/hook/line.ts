/**
 * The hooks that are installed in the host of an agent: a line of sh for each event. It reads the host's JSON,
 * and starts Node only if there may be something to tell. The text is the same for all events and hosts, and
 * must stay as it is: Codex asks its user for trust again after each change.
 *
 * `head` takes all of stdin, because a host that cannot write it all reports an error of the hook. The rest is
 * builtins of any POSIX sh. The line is run by the login shell of the user, which may be fish or zsh, so it
 * starts sh. The script has no single quote and no two backslashes in a row: fish reads them differently.
 *
 * - `test FILE -nt FILE` is false if the times are equal, and if the first file is missing: then Node is started.
 *   Shells that compare whole seconds (macOS, busybox) start it more often.
 * - `$s` is the folder of the session. The files in it: job/home/session-stamps.ts.
 * - At a prompt these start Node, too: a running job, because no file shows that one is lost; an end of a job
 *   of this session; and `later`, an end of another session that is not an hour old.
 * - A host takes exit code 2 for a refusal: the line never gives it.
 */
export type AgentHost = 'claude' | 'codex';
export const AGENT_HOSTS: readonly AgentHost[] = ['claude', 'codex'];

/** `$1` is the event, `$2` the host. */
const SCRIPT = [
  'j=$(head -c 9999999 2>/dev/null)',
  'h=${BGJOB_HOME:-$HOME/.bgjob} i= n=',
  'case $j in \\{\\"session_id\\":\\"*) i=${j#*:\\"}; i=${i%%\\"*};; esac',
  's=$h/sessions/s.$i',
  'case $1 in',
  'SessionStart) n=1;;',
  'Stop) [ "$s/stop" -nt "$h/live" ] || [ ! -d "$h/live" ] || n=1;;',
  '*) [ "$s/stamp" -nt "$h/ended" ] || [ ! -d "$h/ended" ] || n=1;;',
  'esac',
  'case $1 in UserPromptSubmit) for f in "$h"/live/* "$s"/[1-9]* "$s"/later; do',
  '[ -e "$f" ] && n=1; done;; esac',
  '[ -z "$n" ] || printf %s "$j" | bgjob hook "$1" --host "$2" 2>/dev/null',
  'exit 0',
];

/** Joined by `; `, except where the next word may not follow a `;`. */
const TEXT = SCRIPT.join('; ').replace(/(\bin|\bdo|;;); /g, '$1 ');

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

/** The entries of hooks.json: event → groups, each with its handlers. */
export const hookEntries = (host: AgentHost) =>
  Object.fromEntries(
    HOOK_EVENTS[host].map((event) => [
      event,
      [{ hooks: [{ type: 'command', command: hookCommand(event, host), timeout: TIMEOUT_S }] }],
    ]),
  );
