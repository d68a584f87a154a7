/**
 * A fake host of a coding agent: it runs the hooks of a hooks.json as Claude Code and Codex document it. It
 * takes a matcher, the exec form (`args`) and the shell form, a timeout and exit code 2, and it gives each
 * hook the JSON of the event on stdin. stdout must hold to a strict schema of the event, or be empty. Calls of the
 * agent and bytes that it reads are counted.
 */
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { Agent, type ToolAnswer } from './agent.ts';
import type { Call, Rig } from './rig.ts';
import { CALL_MS, until } from './until.ts';

type HostName = 'claude' | 'codex';
/** A name of an event with a `matcher`: of which field of the event it speaks. */
const MATCHED: Record<string, string> = {
  SessionStart: 'source',
  PreToolUse: 'tool_name',
  PostToolUse: 'tool_name',
};
/** Where plain text on stdout reaches the model. */
const PLAIN = ['SessionStart', 'UserPromptSubmit'];
/** The longest text that a host takes. */
const MOST_CHARACTERS = 10_000;
/** A monitor's line is cut there. */
const MOST_LINE = 500;

export interface Handler {
  type: string;
  command: string;
  args?: string[];
  /** Seconds. */
  timeout?: number;
}
export type HooksFile = { hooks: Record<string, { matcher?: string; hooks: Handler[] }[]> };

type Shape = { [field: string]: 'string' | 'boolean' | Shape | readonly string[] };
const COMMON: Shape = {
  continue: 'boolean',
  stopReason: 'string',
  suppressOutput: 'boolean',
  systemMessage: 'string',
};
const BLOCK: Shape = { decision: ['block'], reason: 'string' };
const withContext = (event: string): Shape => ({
  hookSpecificOutput: { hookEventName: [event], additionalContext: 'string' },
});

/** The fields that an answer may have; Codex has no context at the end of a turn. */
function shapeOf(host: HostName, event: string): Shape {
  if (event === 'SessionStart') return { ...COMMON, ...withContext(event) };
  if (event === 'Stop' && host === 'codex') return { ...COMMON, ...BLOCK };
  return { ...COMMON, ...BLOCK, ...withContext(event) };
}

function checkShape(value: unknown, shape: Shape, path: string): void {
  assert.ok(typeof value === 'object' && value !== null && !Array.isArray(value), `${path}: no object`);
  for (const [field, one] of Object.entries(value)) {
    const type = shape[field];
    assert.ok(type !== undefined, `${path}.${field}: the host does not know it`);
    if (Array.isArray(type)) assert.ok(type.includes(one), `${path}.${field}: ${one}`);
    else if (typeof type === 'object') checkShape(one, type as Shape, `${path}.${field}`);
    else assert.equal(typeof one, type, `${path}.${field}`);
  }
}

/** Reads the stdout of a hook; what the model reads of it. Fails if the host would refuse it. */
export function readAnswer(
  host: HostName,
  event: string,
  stdout: string,
): { context: string; goesOn: boolean } {
  if (stdout.trim() === '') return { context: '', goesOn: false };
  if (!stdout.startsWith('{')) return { context: PLAIN.includes(event) ? stdout : '', goesOn: false };
  const answer = JSON.parse(stdout);
  checkShape(answer, shapeOf(host, event), event);
  const { hookSpecificOutput: own, decision, reason } = answer;
  if (own) assert.equal(own.hookEventName, event, 'hookEventName is required');
  if (decision === 'block') assert.match(reason ?? '', /\S/, 'a block needs a reason');
  const context: string = own?.additionalContext ?? reason ?? '';
  assert.ok(context.length <= MOST_CHARACTERS, `${context.length} characters`);
  return { context, goesOn: decision === 'block' || (event === 'Stop' && context !== '') };
}

/** Plain letters and `|` are whole names; all else is a regular expression that matches anywhere. */
export function isMatch(matcher: string | undefined, value: string): boolean {
  if (matcher === undefined || matcher === '' || matcher === '*') return true;
  if (/^[A-Za-z0-9_|]+$/.test(matcher)) return matcher.split('|').includes(value);
  return new RegExp(matcher).test(value);
}

/** What the hooks of one event did. */
export interface Fired {
  /** What the model reads, a line each. */
  lines: string[];
  /** The agent goes on, at the end of its turn. */
  goesOn: boolean;
  /** Exit code 2: the reason. */
  blocked: string[];
  /** What the host shows to its user: other exit codes, timeouts, a stdin that was not read. */
  notices: string[];
}

export interface HostOptions {
  host?: HostName;
  session?: string;
  env?: Record<string, string>;
  project?: string;
  /** Without: the file that `bgjob skill --hooks` wrote. */
  hooks?: HooksFile;
}

export class FakeHost {
  /** Bytes that the hooks and the monitor gave to the model. */
  toldBytes = 0;
  /** Hooks that were run, and lines of theirs that the model read. */
  hookRuns = 0;
  readonly told: string[] = [];
  session: string;
  readonly agent: Agent;
  private readonly rig: Rig;
  private readonly host: HostName;
  private readonly options: HostOptions;
  private readonly envFile: string;
  private readonly monitors: FakeMonitor[] = [];
  private prompts = 0;
  private batches = 0;

  constructor(rig: Rig, options: HostOptions = {}) {
    this.rig = rig;
    this.options = options;
    this.host = options.host ?? 'claude';
    this.session = options.session ?? 'e1a2b3c4-0000-4000-8000-000000000001';
    this.envFile = join(rig.dir, `env-${this.session}`);
    // the host sets no BGJOB_MAX_WAIT: its environment file does
    this.agent = new Agent(rig, { env: { ...this.env(), BGJOB_MAX_WAIT: '' } });
  }

  get project(): string {
    return this.options.project ?? this.rig.project;
  }
  /** The folder of the plugin, or that of Codex. */
  get root(): string {
    return join(this.rig.dir, this.host === 'claude' ? '.claude/skills/bgjob' : '.codex');
  }
  private get hooks(): HooksFile {
    const path = join(this.root, this.host === 'claude' ? 'hooks/hooks.json' : 'hooks.json');
    return this.options.hooks ?? JSON.parse(fs.readFileSync(path, 'utf8'));
  }

  /** The variables that the host gives to a tool, a hook and a monitor. */
  private env(): Record<string, string> {
    const own: Record<string, string> =
      this.host === 'claude'
        ? { CLAUDECODE: '1', CLAUDE_CODE_SESSION_ID: this.session, CLAUDE_PROJECT_DIR: this.project }
        : { CODEX_THREAD_ID: this.session };
    return { ...own, ...this.options.env };
  }

  /** Runs the hooks of an event, all at once. */
  async fire(event: string, fields: Record<string, unknown> = {}): Promise<Fired> {
    const input = {
      session_id: this.session,
      transcript_path: join(this.rig.dir, 'transcript.jsonl'),
      cwd: this.project,
      permission_mode: 'default',
      hook_event_name: event,
      ...(this.host === 'claude'
        ? { prompt_id: `p${this.prompts}` }
        : { turn_id: `t${this.prompts}`, model: 'm' }),
      ...fields,
    };
    const value = String(fields[MATCHED[event] ?? ''] ?? '');
    const groups = (this.hooks.hooks[event] ?? []).filter(
      ({ matcher }) => !(event in MATCHED) || isMatch(matcher, value),
    );
    const handlers = new Map<string, Handler>();
    // the same hook twice is run once
    for (const { hooks } of groups)
      for (const hook of hooks)
        if (hook.type === 'command') handlers.set(JSON.stringify([hook.command, hook.args]), hook);
    const fired: Fired = { lines: [], goesOn: false, blocked: [], notices: [] };
    await Promise.all(
      [...handlers.values()].map((hook) => this.runHook(hook, event, JSON.stringify(input), fired)),
    );
    this.told.push(...fired.lines);
    this.toldBytes += Buffer.byteLength(fired.lines.join('\n'));
    return fired;
  }

  /** A hook that was started; `kill` it to see what becomes of its answer. */
  startHook(hook: Handler, event: string, input: string, more: Record<string, string> = {}): Call {
    const root = (text: string) => text.replaceAll(`\${CLAUDE_PLUGIN_ROOT}`, this.root);
    const [program, ...args] = hook.args
      ? [root(hook.command), ...hook.args.map(root)]
      : ['sh', '-c', root(hook.command)];
    const files = event === 'SessionStart' && this.host === 'claude' ? { CLAUDE_ENV_FILE: this.envFile } : {};
    const limitMs = Math.min(CALL_MS, (hook.timeout ?? 600) * 1000 * SLOW);
    const env = { ...this.env(), ...files, CLAUDE_PLUGIN_ROOT: this.root, ...more };
    return this.rig.start(program!, args, { cwd: this.project, env, input, limitMs });
  }

  private async runHook(hook: Handler, event: string, input: string, fired: Fired): Promise<void> {
    this.hookRuns++;
    const call = this.startHook(hook, event, input);
    call.child.stdin!.on('error', () => fired.notices.push('it did not read its stdin'));
    const ended = await call.answer.catch(() => undefined);
    if (!ended) {
      fired.notices.push(`${event}: it was killed at its timeout`);
      return;
    }
    const { code, stdout, stderr } = ended;
    if (code === 2) fired.blocked.push(stderr);
    else if (code !== 0) fired.notices.push(`${event}: exit code ${code}: ${stderr.split('\n')[0]}`);
    if (code !== 0) return;
    const { context, goesOn } = readAnswer(this.host, event, stdout);
    fired.goesOn ||= goesOn;
    if (context !== '') fired.lines.push(...context.trimEnd().split('\n'));
  }

  /** A session begins: startup, resume, clear or compact. `clear` gives it another id. */
  async start(source: string, session = this.session): Promise<string[]> {
    this.session = session;
    return this.silent(await this.fire('SessionStart', { source }));
  }
  /** The user types; what the model reads beside it. */
  async prompt(text = 'go on'): Promise<string[]> {
    this.prompts++;
    return this.silent(await this.fire('UserPromptSubmit', { prompt: text }));
  }
  /** One call of the shell tool, and what the hooks say after it. */
  async tool(line: string): Promise<ToolAnswer & { told: string[] }> {
    const file = fs.existsSync(this.envFile) ? fs.readFileSync(this.envFile, 'utf8') : '';
    const env = Object.entries(this.env()).map(([name, value]) => `export ${name}='${value}'\n`);
    const answer = await this.agent.call(`${env.join('')}${file}${line}`, this.project);
    return { ...answer, told: await this.afterTool(line, answer.output) };
  }
  /** The same for a tool that starts no process, as an edit of a file. */
  async otherTool(): Promise<string[]> {
    this.agent.calls++;
    return this.afterTool('', '', 'Edit');
  }
  private async afterTool(command: string, stdout: string, tool = 'Bash'): Promise<string[]> {
    const call = { tool_name: tool, tool_input: { command }, tool_use_id: `u${++this.batches}` };
    const response = { tool_response: { stdout, stderr: '', interrupted: false, isImage: false } };
    const use = this.silent(await this.fire('PostToolUse', { ...call, ...response }));
    if (this.host === 'codex') return use;
    return [
      ...use,
      ...this.silent(await this.fire('PostToolBatch', { tool_calls: [{ ...call, ...response }] })),
    ];
  }
  /** The turn ends; whether the agent goes on, and what it reads. Asked again until it may end. */
  async stop(): Promise<{ lines: string[]; goesOn: boolean }> {
    const first = await this.fire('Stop', { stop_hook_active: false, last_assistant_message: 'done' });
    this.silent(first);
    if (!first.goesOn) return first;
    const again = await this.fire('Stop', { stop_hook_active: true, last_assistant_message: 'done' });
    assert.deepEqual(this.silent(again), [], 'a second answer at the end of a turn');
    return first;
  }

  /** The turn of the host was not disturbed. */
  private silent({ lines, blocked, notices }: Fired): string[] {
    assert.deepEqual({ blocked, notices }, { blocked: [], notices: [] });
    return lines;
  }

  /** Starts the monitors that the plugin names, as Claude Code does in a session with a terminal. */
  monitor(): FakeMonitor {
    const path = join(this.root, 'monitors/monitors.json');
    const [one, ...others] = JSON.parse(fs.readFileSync(path, 'utf8'));
    assert.deepEqual(others, []);
    for (const field of ['name', 'command', 'description']) assert.equal(typeof one[field], 'string', field);
    const options = { cwd: this.project, env: this.env(), limitMs: CALL_MS * 5 };
    const monitor = new FakeMonitor(this.rig.start('sh', ['-c', one.command], options));
    this.monitors.push(monitor);
    return monitor;
  }

  /** Prints what a story took, and fails if that was too much. */
  tell(story: string, most: { calls: number; bytes: number }): void {
    const lines = this.monitors.flatMap((monitor) => monitor.lines);
    const monitorBytes = Buffer.byteLength(lines.join('\n'));
    const bytes = this.agent.bytes + this.toldBytes + monitorBytes;
    const by = `${this.toldBytes} by ${this.hookRuns} hooks, ${monitorBytes} by monitors`;
    console.log(`story (${story}): ${this.agent.calls} calls, ${bytes} bytes read (${by})`);
    assert.ok(this.agent.calls <= most.calls, `${this.agent.calls} calls`);
    assert.ok(bytes <= most.bytes, `${bytes} bytes`);
  }
}

/** A timeout of a hook is a deadline on a slow machine, too: it is given this many times as long. */
const SLOW = 10;

/** Reads a monitor's stdout; each line is a notice. */
export class FakeMonitor {
  constructor(private readonly call: Call) {}

  get lines(): string[] {
    const lines = this.call.stdout().split('\n').slice(0, -1);
    for (const line of lines) assert.ok(line.length <= MOST_LINE, `${line.length} characters`);
    return lines;
  }
  untilLines(count: number): Promise<string[]> {
    return until(
      () => this.lines,
      (lines) => lines.length >= count,
      `${count} lines of the monitor`,
    );
  }
  get pid(): number {
    return this.call.child.pid!;
  }
  /** The host ends, and with it the reader: the monitor must end by itself. */
  async readerDies(): Promise<void> {
    this.call.child.stdout!.destroy();
    await this.call.answer;
  }
}

/** A host with the hooks that bgjob installs, at the start of a session. */
export async function begin(rig: Rig, options: HostOptions = {}): Promise<FakeHost> {
  const { host = 'claude' } = options;
  const { code, stderr } = await rig.bgjob([
    'skill',
    ...(host === 'claude' ? ['--user', '--hooks'] : ['--codex']),
  ]);
  assert.equal(code, 0, stderr);
  const one = new FakeHost(rig, options);
  assert.deepEqual(await one.start('startup'), []);
  return one;
}

/** Waits until the end of a job is published, without a call that tells it. */
export async function untilEnded(rig: Rig, id: number, home = rig.home): Promise<void> {
  await until(
    () => fs.readdirSync(join(home, 'ended')),
    (names) => names.some((name) => name.includes(`.${id}.`)),
    `the end of ${id}`,
  );
}
/** The same, and no process of bgjob works on it any more. */
export async function endedAndLeft(rig: Rig, id: number): Promise<void> {
  await untilEnded(rig, id);
  await rig.untilLeft(id);
}

/** Times are of no interest. */
export const plain = (lines: string[]): string[] =>
  lines.map((line) => line.replace(/( after|,) (?:[\d.]+[hms])+( after its start)?/, ''));
export const ended = (id: number, name: string, how: string) =>
  `bgjob: job ${id} "${name}" ended: ${how} (bgjob tail ${id})`;

/** A job of the session that has failed, of which no call was told. */
export async function endedJob(rig: Rig, agent: FakeHost): Promise<number> {
  const env = { CLAUDE_CODE_SESSION_ID: agent.session };
  const id = await rig.run(['-n', 'short', '--', 'false'], { env });
  await endedAndLeft(rig, id);
  return id;
}
