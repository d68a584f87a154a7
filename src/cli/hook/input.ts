/** The JSON that the host of an agent writes to stdin for an event: only the fields that are used here. */
export interface HookInput {
  event: string | null;
  sessionId: string | null;
  cwd: string | null;
  /** The event is one of a subagent: it does not reach the conversation of the session. */
  isSubagent: boolean;
  /** At a session start: startup, resume, clear, compact or fork. */
  source: string | null;
  /** At the end of a turn: an answer of a hook has made the agent go on already. */
  isStopActive: boolean;
  /** Names the prompt of the event; empty: the host does not. */
  prompt: string;
}

/** Undefined: the text is no JSON object. */
export function parseHookInput(text: string): HookInput | undefined {
  let fields: Record<string, unknown>;
  try {
    fields = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (typeof fields !== 'object' || fields === null || Array.isArray(fields)) return undefined;
  const textOf = (name: string): string | null => {
    const value = fields[name];
    return typeof value === 'string' && value !== '' ? value : null;
  };
  return {
    event: textOf('hook_event_name'),
    sessionId: textOf('session_id'),
    cwd: textOf('cwd'),
    isSubagent: textOf('agent_id') !== null,
    source: textOf('source'),
    isStopActive: fields['stop_hook_active'] === true,
    prompt: textOf('prompt_id') ?? textOf('turn_id') ?? '',
  };
}

/** More is not read, bytes. The line of sh hands over no more than 10 MB. */
const MOST_BYTES = 16 * 1024 * 1024;

/** Reads stdin to its end, for at most `mostMs`: a host may keep it open. A terminal is not read. */
export function readStdin(mostMs: number): Promise<string> {
  return new Promise((resolve) => {
    const chunks: Buffer[] = [];
    let bytes = 0;
    const { stdin } = process;
    // on a busy machine this may be the first turn of the event loop: what is there is read before
    const timer = setTimeout(() => setImmediate(end), mostMs);
    function end(): void {
      clearTimeout(timer);
      stdin.destroy();
      resolve(Buffer.concat(chunks).toString('utf8'));
    }
    if (stdin.isTTY) return end();
    stdin.on('data', (chunk: Buffer) => {
      chunks.push(chunk);
      bytes += chunk.length;
      if (bytes > MOST_BYTES) end();
    });
    stdin.on('end', end);
    stdin.on('error', end);
  });
}
