/** `bgjob ls`: the live jobs and those that ended lately. */
import * as fs from 'node:fs';
import { renderDuration, systemClock } from '../../base/clock.ts';
import { errnoOf, fail, ok, type Result } from '../../base/failure.ts';
import { safe } from '../../base/text.ts';
import type { Home } from '../../job/home.ts';
import { type JobView, STATE_WORDS, stateWord } from '../../job/job.ts';
import { endedNames, idOfName, listLive, newestNames, projectKey, projectOfName } from '../../job/markers.ts';
import { listIds } from '../../job/store.ts';
import { leftoversOf, markedProcesses } from '../../process/leftovers.ts';
import { observe } from '../../process/observe.ts';
import type { Here } from '../../process/resolve.ts';
import { SUCCESS, verb } from '../command.ts';
import { commandLine, jobObject, jobs, stateText, tookMs } from '../wording.ts';

const RECENT_MS = 3_600_000;
const RECENT_MOST = 20;

interface Listing {
  ids: number[];
  /** Counts what is not listed: ended jobs here, and those of other projects. Only who asks pays for it. */
  rest(): { older: number; others: number };
}

/** Ids that have no marker: a power cut, or a hand, took it. Only the whole list looks for them. */
function unmarked(home: Home, live: number[], ended: string[]): number[] {
  const marked = new Set([...live, ...ended.map(idOfName)]);
  return listIds(home).filter((id) => !marked.has(id));
}

function collect(home: Home, here: Here, everywhere: boolean, most: number | null): Listing {
  const live = listLive(home);
  const ended = endedNames(home);
  const keys = new Set(here.places.map(projectKey));
  const isNear = (name: string) => everywhere || keys.has(projectOfName(name));
  const since = most === null ? systemClock.now() - RECENT_MS : 0;
  const chosen = newestNames(ended, most ?? RECENT_MOST, since, isNear);
  const strays = everywhere ? unmarked(home, live, ended) : [];
  const ids = new Set([...live, ...strays, ...chosen.flatMap((name) => idOfName(name) ?? [])]);
  return {
    ids: [...ids].sort((a, b) => b - a),
    rest: () => {
      const near = ended.filter(isNear).length;
      return { older: near - chosen.length, others: ended.length - near };
    },
  };
}

function idleMs(home: Home, view: JobView, now: number): number | null {
  if (view.kind !== 'live' || view.status.phase === 'starting') return null;
  try {
    return now - Math.max(fs.statSync(home.job(view.id).log).mtimeMs, view.status.startedAt);
  } catch (thrown) {
    errnoOf(thrown);
    return null;
  }
}

function logOf(home: Home, view: JobView, leftovers: number): { logPath: string; logBytes?: number } {
  const logPath = home.job(view.id).log;
  // what nobody writes to any more has the size that it had at the end
  const known = view.kind === 'ended' && leftovers === 0 ? view.state?.logBytes : null;
  if (known != null) return { logPath, logBytes: known };
  const stat = fs.statSync(logPath, { throwIfNoEntry: false });
  return { logPath, ...(stat && { logBytes: stat.size }) };
}

function* objectsOf(
  home: Home,
  views: Iterable<JobView>,
  leftoversOf: (view: JobView) => number,
): Generator<object> {
  const now = systemClock.now();
  for (const view of views) {
    const leftovers = leftoversOf(view);
    yield jobObject(view, now, { leftovers, ...logOf(home, view, leftovers) });
  }
}

const HEADS = ['ID', 'NAME', 'STATE', 'AGE', 'TOOK', 'IDLE', 'COMMAND'];
const STATE_COLUMN = 2;

function cellsOf(home: Home, view: JobView, leftovers: number): string[] {
  const now = systemClock.now();
  const created = 'spec' in view ? view.spec.createdAt : null;
  const duration = (ms: number | null) => (ms === null ? '-' : renderDuration(ms));
  const name = 'spec' in view ? view.spec.name : null;
  const age = created === null ? null : now - created;
  const times = [age, tookMs(view, now), idleMs(home, view, now)].map(duration);
  return [
    String(view.id),
    name === null ? '-' : safe(name),
    stateText(view, leftovers),
    ...times,
    commandLine(view),
  ];
}

function plainTable(rows: string[][]): string[] {
  const all = [HEADS, ...rows];
  const widths = HEADS.map((_, n) => Math.max(...all.map((cells) => cells[n]!.length)));
  return all.map((cells) =>
    cells
      .map((cell, n) => cell.padEnd(widths[n]!))
      .join('  ')
      .trimEnd(),
  );
}

function parseStates(states: string[]): Result<Set<string>> {
  const asked = states.flatMap((text) => text.split(','));
  const wrong = asked.find((word) => !(STATE_WORDS as readonly string[]).includes(word));
  if (wrong !== undefined)
    return fail({ code: 'usage', message: `--state: "${safe(wrong)}" is none of ${STATE_WORDS.join(', ')}` });
  return ok(new Set(asked));
}

export const ls = verb({
  name: 'ls',
  operands: '',
  arity: [0, 0],
  summary: 'the live jobs of this project, and those that ended lately',
  description: [
    'Every live job, and the jobs that ended in the last hour (20 at most), of this project. The newest come first.',
    'A project is the nearest folder above that holds .git, else the directory itself.',
  ],
  examples: [
    ['bgjob ls -a', 'of all projects'],
    ['bgjob ls -q --state running', 'ids of what runs, for a script'],
    ['bgjob ls -n 100', 'the last hundred that ended, however long ago'],
  ],
  options: {
    all: { kind: 'flag', short: '-a', text: 'of all projects' },
    number: {
      kind: 'count',
      short: '-n',
      value: 'N',
      text: 'up to N ended jobs, however long ago they ended',
    },
    state: { kind: 'list', value: 'STATE', text: `only these: ${STATE_WORDS.join(', ')}` },
    tag: { kind: 'list', value: 'TAG', text: 'only jobs with this label' },
    quiet: { kind: 'flag', short: '-q', text: 'ids alone' },
  },
  async run(context, { options }) {
    const { output } = context;
    const states = parseStates(options.state);
    if (!states.ok) return states;
    const opened = context.home();
    if (!opened.ok) return opened;
    const home = opened.value;
    if (!home) {
      if (!output.json && !options.quiet) output.note('no jobs yet: bgjob run -- command');
      return ok(SUCCESS);
    }
    const here = context.here();
    const listing = collect(home, here, options.all, options.number);
    const isAsked = (view: JobView) =>
      (states.value.size === 0 || states.value.has(stateWord(view))) &&
      options.tag.every((tag) => 'spec' in view && view.spec.tags.includes(tag));
    let others = 0;
    // one at a time: a list of thousands is not held in memory
    function* views(): Generator<JobView> {
      for (const id of listing.ids) {
        const view = observe(home!, id);
        if (!view) continue;
        const isHere = options.all || !('spec' in view) || here.places.includes(view.spec.project);
        if (!isHere) others++;
        else if (isAsked(view)) yield view;
      }
    }
    if (options.quiet && !output.json) {
      for (const { id } of views()) output.line(String(id));
      return ok(SUCCESS);
    }
    const marked = await markedProcesses(home);
    const leftovers = (view: JobView) => (view.kind === 'ended' ? leftoversOf(home, view, marked) : 0);
    if (output.json) {
      output.objects(objectsOf(home, views(), leftovers));
      return ok(SUCCESS);
    }
    const rows = [...views()].map((view) => ({ view, cells: cellsOf(home, view, leftovers(view)) }));
    if (rows.length === 0) output.note('no such jobs here');
    else if (output.isTerminal(1) || output.hasColor(1)) {
      const { renderTable, toneOf } = await import('./../terminal.ts');
      const toned = rows.map(({ view, cells }) => ({ cells, tone: toneOf(stateWord(view), exitCode(view)) }));
      output.line(renderTable(HEADS, toned, STATE_COLUMN, output.width(), output.hasColor(1)));
    } else for (const line of plainTable(rows.map(({ cells }) => cells))) output.line(line);
    const { older, others: ended } = listing.rest();
    others += ended;
    const rest = [
      ...(older > 0 ? [`${jobs(older)} older: -n ${older + RECENT_MOST}`] : []),
      ...(others > 0 ? [`${jobs(others)} of other projects: -a`] : []),
    ];
    if (rest.length > 0) output.note(`(${rest.join('; ')})`);
    return ok(SUCCESS);
  },
});

const exitCode = (view: JobView): number | null =>
  view.kind === 'ended' && view.status.outcome.kind === 'exited' ? view.status.outcome.code : null;
