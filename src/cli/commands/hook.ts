/**
 * `bgjob hook`: called by the host of an agent at an event. It tells the agent of ends and of jobs that run.
 * The turn of the host comes first: whatever is wrong here, the exit code is 0, and stdout holds an answer in
 * the host's form, or nothing.
 */
import { ok } from '../../job/failure.ts';
import { parseSession, sessionOfHost } from '../../job/session.ts';
import { SUCCESS, verb } from '../command/command.ts';
import { answerOf, type HookCall, hookNotice } from '../hook/answer.ts';
import { AGENT_HOSTS } from '../hook/hooks-json.ts';
import { parseHookInput, readStdin } from '../hook/input.ts';
import { giveMaxWait } from '../hook/max-wait.ts';
import { hookForPrograms } from '../messages/lists.ts';
import { objectText } from '../output/output.ts';

/** How long the host may take to write its JSON, milliseconds. */
const STDIN_MS = 700;

export const hook = verb({
  name: 'hook',
  operands: 'EVENT',
  arity: [0, Number.POSITIVE_INFINITY],
  hidden: true,
  exitsZero: true,
  summary: 'tell a coding agent what ended, in a hook of its host',
  description: [
    'Claude Code and Codex call it, after bgjob skill --hooks. EVENT is the name that the host has for it.',
    "It reads the host's JSON from stdin, and prints JSON in the host's form, or nothing.",
    '',
    'UserPromptSubmit, PostToolBatch and PostToolUse: the ends that ls --unseen would list, the latest',
    'five, each told once. SessionStart after resume, clear or compaction: the jobs that run. For Claude',
    'Code it also sets BGJOB_MAX_WAIT for the commands of the session, below the limit of its shell tool.',
    'Stop: once for each prompt, the jobs that the session started since then and that still run, without',
    'those started with --until-port, --until-url, --until-cmd or --reuse.',
    '',
    'The exit code is always 0. No answer allows, refuses or changes a command of the agent.',
  ],
  examples: [
    ['bgjob hook UserPromptSubmit --host claude <in.json', 'what a host calls'],
    ['bgjob ls --unseen', 'the same ends, for a person'],
  ],
  options: { host: { kind: 'text', value: 'claude|codex', text: 'whose form the answer has' } },
  async run(context, { options, words }) {
    const { output, env } = context;
    // it must end soon, and recovery may take long
    context.leavesHome = true;
    const [event] = words;
    const host = AGENT_HOSTS.find((name) => name === options.host);
    if (event === undefined || !host || process.stdin.isTTY) {
      output.note(hookForPrograms());
      return ok(SUCCESS);
    }
    const input = parseHookInput(await readStdin(STDIN_MS));
    if (!input || (input.event !== null && input.event !== event)) return ok(SUCCESS);
    if (event === 'SessionStart' && host === 'claude') giveMaxWait(env, context.configOrNone().maxWaitMs);
    const opened = context.home();
    if (!opened.ok || !opened.value) return ok(SUCCESS);
    const hostSession = sessionOfHost(host, input.sessionId);
    const call: HookCall = {
      home: opened.value,
      input,
      session: parseSession(env['BGJOB_SESSION'] ?? '') ?? hostSession,
      hostSession,
      cwd: input.cwd?.startsWith('/') ? input.cwd : context.here().project,
    };
    const notice = hookNotice(event, call);
    if (!notice) return ok(SUCCESS);
    const errno = output.tryLine(objectText(answerOf(host, event, notice.lines)));
    if (errno === undefined) output.whenDelivered(notice.delivered);
    else notice.lost();
    return ok(SUCCESS);
  },
});
