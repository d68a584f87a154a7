/**
 * What a hook says at an event, and the form in which the host takes it. The forms are those that Claude Code
 * and Codex document. Codex refuses an answer with a field that it does not know, and at the end of a turn it
 * knows only a reason to go on. No answer allows, refuses or changes a command.
 */
import { systemClock } from '../../base/clock.ts';
import { observe } from '../../engine/observe/observe.ts';
import { hereOf } from '../../engine/observe/resolve.ts';
import { claimUnseen } from '../../engine/observe/unseen-ends.ts';
import type { Home } from '../../job/home/home.ts';
import { listLive } from '../../job/home/job-index.ts';
import {
  claimSaid,
  dropStamps,
  markLater,
  readPrompt,
  readSaid,
  recordPrompt,
  takeStamp,
} from '../../job/home/session-stamps.ts';
import { isSameSession, type Session } from '../../job/session.ts';
import type { LiveView } from '../../job/view.ts';
import { endNotice, moreEndsNotice, moreLiveNotice, runsNotice, stillRunsNotice } from '../messages/lists.ts';
import type { AgentHost } from './hooks-json.ts';
import type { HookInput } from './input.ts';

/** Null: nothing. `delivered` is called when the host has the text, `lost` when it has not. */
interface Notice {
  lines: string[];
  delivered(): void;
  lost(): void;
}

export interface HookCall {
  home: Home;
  input: HookInput;
  /** The session of the jobs: that of the host, or the one that BGJOB_SESSION names. */
  session: Session | null;
  /** The session of the host, in whose folder the line of sh looks; null: it has no usable id. */
  hostSession: Session | null;
  cwd: string;
}

const MOST_LINES = 5;
/** How long this call waits for another hook of the session, milliseconds. */
const WAIT_MS = 500;

/** Without the jobs that wait in a queue: there may be thousands. */
const liveViews = (home: Home): LiveView[] =>
  listLive(home)
    .flatMap((id) => observe(home, id) ?? [])
    .flatMap((view) => (view.kind === 'live' ? [view] : []));

const readerOf = ({ session, cwd }: HookCall) => ({ session, projects: hereOf(cwd).projects });

/** The ends that the session is to be told now. */
function endsNotice(call: HookCall, isPrompt = false): Notice | null {
  const { home, hostSession } = call;
  const reader = readerOf(call);
  const stamp = hostSession && takeStamp(home, hostSession, 'stamp');
  // in a home that cannot be written each tool of the turn would hear the same ends: the prompt does
  if (stamp?.isMade === false && !isPrompt) return null;
  const found = claimUnseen(home, { ...reader, most: MOST_LINES, isWanted: null }, WAIT_MS);
  const { ends, more, hasLater, told } = found;
  if (hostSession) markLater(home, hostSession, hasLater);
  const lines = ends.map(({ view, isForeign }) => endNotice(view, isForeign));
  // the hook tells the rest at the next event: no stamp may hide it
  const finish = (): void => (more === 0 ? stamp?.set() : stamp?.drop());
  if (lines.length === 0) {
    finish();
    return null;
  }
  if (more > 0) lines.push(moreEndsNotice(more));
  const delivered = (): void => {
    told();
    finish();
  };
  return { lines, delivered, lost: () => stamp?.drop() };
}

/** The jobs that run: those of the session in any project, then others of this project, the newest first. */
function runsLines(call: HookCall): string[] {
  const { home, session } = call;
  const { projects } = readerOf(call);
  const isOwn = (view: LiveView): boolean => isSameSession(view.spec.session, session);
  const jobs = liveViews(home)
    .filter((view) => view.spec.origin?.kind !== 'own')
    .filter((view) => isOwn(view) || projects.includes(view.spec.project))
    .sort((a, b) => Number(isOwn(b)) - Number(isOwn(a)) || b.id - a.id);
  const now = systemClock.now();
  const lines = jobs
    .slice(0, MOST_LINES)
    .map((view) => runsNotice(view, !isOwn(view) && view.spec.session !== null, now));
  const more = jobs.length - lines.length;
  return more > 0 ? [...lines, moreLiveNotice(more)] : lines;
}

/** After these the agent has forgotten what it started. */
const FORGETTING = ['resume', 'clear', 'compact', 'fork'];

function startNotice(call: HookCall): Notice | null {
  const { home, input, hostSession } = call;
  // it may be resumed in another project, or after the clock was set back
  if (hostSession) dropStamps(home, hostSession);
  // a compaction may come in the middle of a turn
  if (hostSession && input.source !== 'compact') recordPrompt(home, hostSession, systemClock.now());
  const lines = FORGETTING.includes(input.source ?? '') ? runsLines(call) : [];
  return lines.length === 0 ? null : { lines, delivered: () => {}, lost: () => {} };
}

function promptNotice(call: HookCall): Notice | null {
  const { home, hostSession } = call;
  if (hostSession) recordPrompt(home, hostSession, systemClock.now());
  return endsNotice(call, true);
}

/** The jobs that the session started since the last prompt and that still run, once for a prompt. */
function stopNotice({ home, input, session, hostSession }: HookCall): Notice | null {
  if (!session || !hostSession || input.isStopActive) return null;
  const stamp = takeStamp(home, hostSession, 'stop');
  const since = readPrompt(home, hostSession);
  const said = readSaid(home, hostSession);
  const isDone = input.prompt !== '' && said.prompt === input.prompt;
  const jobs = liveViews(home)
    .filter(({ id, spec }) => id > said.upTo && isSameSession(spec.session, session))
    .filter(({ spec }) => !spec.server && spec.createdAt >= since)
    .sort((a, b) => a.id - b.id);
  const last = jobs.at(-1);
  if (isDone || !last || !claimSaid(home, hostSession, last.id, input.prompt)) {
    stamp.set();
    return null;
  }
  const now = systemClock.now();
  const lines = jobs.slice(0, MOST_LINES).map((view) => stillRunsNotice(view, now));
  if (jobs.length > MOST_LINES) lines.push(moreLiveNotice(jobs.length - MOST_LINES));
  return { lines, delivered: stamp.set, lost: stamp.drop };
}

/** The text of a hook for each event of a host. */
const NOTICES: Record<string, (call: HookCall) => Notice | null> = {
  SessionStart: startNotice,
  UserPromptSubmit: promptNotice,
  PostToolUse: (call) => endsNotice(call),
  PostToolBatch: (call) => endsNotice(call),
  Stop: stopNotice,
};

/** Null: the hook says nothing. So it is for a subagent: its conversation is not that of the session. */
export const hookNotice = (event: string, call: HookCall): Notice | null =>
  call.input.isSubagent ? null : (NOTICES[event]?.(call) ?? null);

/** The answer in the form of the host. */
export function answerOf(host: AgentHost, event: string, lines: string[]): object {
  const text = lines.join('\n');
  if (event === 'Stop' && host === 'codex') return { decision: 'block', reason: text };
  return { hookSpecificOutput: { hookEventName: event, additionalContext: text } };
}
