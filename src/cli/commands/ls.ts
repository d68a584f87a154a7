/** `bgjob ls`: the live jobs and those that ended lately. */
import { fail, ok, type Result } from '../../base/failure.ts';
import { safe } from '../../base/text.ts';
import type { Home } from '../../job/home.ts';
import { type JobView, STATE_WORDS, stateWord } from '../../job/job.ts';
import { projectKey } from '../../job/markers.ts';
import { isName } from '../../job/project.ts';
import { Lineup } from '../../process/lineup.ts';
import { observe } from '../../process/observe.ts';
import { SUCCESS, verb } from '../command.ts';
import { QueuedList } from '../inline.ts';
import {
  BLIND,
  cellsOf,
  headsOf,
  listJobs,
  lookAround,
  objectsOf,
  plainTable,
  STATE_COLUMN,
  showsPorts,
} from '../listing.ts';
import { requireQueue } from '../select.ts';
import { parseTags } from '../tags.ts';
import { tellUnseen } from '../unseen.ts';
import { jobs, queueOf } from '../wording.ts';

function parseStates(states: string[]): Result<Set<string>> {
  const asked = states.flatMap((text) => text.split(','));
  const wrong = asked.find((word) => !(STATE_WORDS as readonly string[]).includes(word));
  if (wrong !== undefined)
    return fail({ code: 'usage', message: `--state: "${safe(wrong)}" is none of ${STATE_WORDS.join(', ')}` });
  return ok(new Set(asked));
}

/** The queues that were named; fails if one of them is not there. */
function queuesNamed(home: Home | undefined, words: string[]): Result<string[]> {
  const names = words.flatMap((text) => text.split(','));
  for (const name of names) {
    const found = requireQueue(home, name);
    if (!found.ok) return found;
  }
  return ok(names);
}

export const ls = verb({
  name: 'ls',
  operands: '',
  arity: [0, 0],
  summary: 'the live jobs of this project, and those that ended lately',
  description: [
    'Every live job, and the jobs that ended in the last hour (20 at most), of this project. The newest come first.',
    'A project is the nearest folder above that holds .git, else the directory itself.',
    'Of those that wait in a queue the first ten are shown; --queue shows those of one queue that run, and then those that',
    'wait, in their order. With -q and --json come all of them.',
  ],
  examples: [
    ['bgjob ls -a', 'of all projects'],
    ['bgjob ls -q --state running', 'ids of what runs, for a script'],
    ['bgjob ls --unseen', 'what ended since anybody looked, for a prompt'],
    ['bgjob ls -n 100', 'the last hundred that ended, however long ago'],
    ['bgjob ls --queue api', 'what runs in a queue, and who is next'],
  ],
  options: {
    all: { kind: 'flag', short: '-a', text: 'of all projects' },
    number: {
      kind: 'count',
      short: '-n',
      value: 'N',
      text: 'up to N ended jobs, however long ago they ended, and N that wait in a queue',
    },
    state: { kind: 'list', value: 'STATE', text: `only these: ${STATE_WORDS.join(', ')}` },
    queue: { kind: 'list', short: '-Q', value: 'NAME', text: 'only live jobs of this queue, in their order' },
    tag: { kind: 'list', value: 'TAG', text: 'only jobs with this label' },
    name: {
      kind: 'list',
      value: 'NAME',
      text: 'only jobs of this name, the newest also if it is older',
    },
    unseen: { kind: 'flag', text: 'what ended and nobody was told yet; silent if nothing did' },
    ports: {
      kind: 'flag',
      text: 'the ports on which they listen (shown on a terminal anyway)',
    },
    quiet: { kind: 'flag', short: '-q', text: 'ids alone' },
  },
  async run(context, { options }) {
    const { output } = context;
    const states = parseStates(options.state);
    if (!states.ok) return states;
    const tags = parseTags(options.tag);
    if (!tags.ok) return tags;
    const wrong = options.name.flatMap((text) => text.split(',')).find((name) => !isName(name));
    if (wrong !== undefined)
      return fail({ code: 'usage', message: `--name: "${safe(wrong)}" is not a name`, hint: 'bgjob ls -a' });
    const opened = context.home();
    if (!opened.ok) return opened;
    const home = opened.value;
    const queues = queuesNamed(home, options.queue);
    if (!queues.ok) return queues;
    if (!home) {
      if (!output.json && !options.quiet && !options.unseen) output.note('no jobs yet: bgjob run -- command');
      return ok(SUCCESS);
    }
    const here = context.here();
    const names = options.name.flatMap((text) => text.split(','));
    const isHere = (view: JobView) =>
      options.all || !('spec' in view) || here.places.includes(view.spec.project);
    const isAsked = (view: JobView) =>
      (queues.value.length === 0 || queues.value.includes(queueOf(view) ?? '')) &&
      (states.value.size === 0 || states.value.has(stateWord(view))) &&
      (names.length === 0 || ('spec' in view && names.includes(view.spec.name ?? ''))) &&
      tags.value.every((tag) => 'spec' in view && view.spec.tags.includes(tag));
    const isFiltered = states.value.size + names.length + tags.value.length + queues.value.length > 0;
    if (options.unseen) {
      await tellUnseen(output, home, {
        here: options.all ? null : here,
        most: options.number,
        isWanted: isFiltered ? isAsked : null,
        form: options.quiet ? 'ids' : 'sentences',
      });
      return ok(SUCCESS);
    }
    const lineup = new Lineup(home);
    const mayWait = states.value.size === 0 || states.value.has('queued');
    const inLine = new QueuedList(lineup, {
      keys: options.all ? null : new Set(here.places.map(projectKey)),
      queues: queues.value,
      most: mayWait ? options.number : 0,
      alone: isFiltered,
      whole: mayWait && (output.json || options.quiet),
      byRecord: names.length + tags.value.length > 0,
    });
    const plan = { everywhere: options.all, most: options.number, named: names, queued: inLine.queued };
    const listing = listJobs(home, here, plan);
    const mayHaveEnded =
      states.value.size === 0 ? queues.value.length === 0 : [...states.value].some(isEndWord);
    const ids =
      queues.value.length === 0 ? listing.ids : [...inLine.ids, ...(mayHaveEnded ? listing.ids : [])];
    let others = mayWait ? inLine.others : 0;
    // one at a time: a list of thousands is not held in memory
    function* views(): Generator<JobView> {
      for (const id of new Set(ids)) {
        const view = observe(home!, id);
        if (!view) continue;
        if (!isHere(view)) others++;
        else if (isAsked(view) && inLine.isShown(view)) yield view;
      }
    }
    if (options.quiet && !output.json) {
      for (const { id } of views()) output.line(String(id));
      return ok(SUCCESS);
    }
    const withPorts = showsPorts(output, home, options.ports);
    if (output.json) {
      output.objects(objectsOf(home, views(), await lookAround(home, withPorts), lineup));
      return ok(SUCCESS);
    }
    const list = [...views()];
    // processes are looked for only where some may be seen
    const mayLeave = withPorts || list.some(({ kind }) => kind === 'ended');
    const sight = mayLeave ? await lookAround(home, withPorts) : BLIND;
    const rows = list.map((view) => ({ view, cells: cellsOf(home, view, sight, lineup) }));
    if (rows.length === 0) output.note(isFiltered ? 'no such jobs here' : 'no jobs here');
    else if (output.isTerminal(1) || output.hasColor(1)) {
      const { renderTable, toneOf } = await import('./../terminal.ts');
      const toned = rows.map(({ view, cells }) => ({ cells, tone: toneOf(stateWord(view), exitCode(view)) }));
      const heads = headsOf(withPorts);
      output.line(renderTable(heads, toned, STATE_COLUMN, output.width(), output.hasColor(1)));
    } else {
      const cells = rows.map((row) => row.cells);
      for (const line of plainTable(headsOf(withPorts), cells)) output.line(line);
    }
    const rested = listing.rest();
    if (mayHaveEnded) others += rested.others;
    // what runs, or has a name, is shown however old it is
    const mayBeOlder = names.length === 0 && mayHaveEnded;
    const rest = [
      ...(mayWait ? inLine.notes(isFiltered) : []),
      ...(rested.older > 0 && mayBeOlder ? [`${jobs(rested.older)} older: -n ${rested.ended}`] : []),
      ...(others > 0 ? [`${jobs(others)} of other projects: -a`] : []),
    ];
    if (rest.length > 0) output.note(`(${rest.join('; ')})`);
    return ok(SUCCESS);
  },
});

/** What may have ended long ago. */
const isEndWord = (word: string): boolean =>
  !['queued', 'starting', 'running', 'stopping', 'paused'].includes(word);

const exitCode = (view: JobView): number | null =>
  view.kind === 'ended' && view.status.outcome.kind === 'exited' ? view.status.outcome.code : null;
