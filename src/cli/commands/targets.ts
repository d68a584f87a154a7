/** `bgjob targets`: the machines on which jobs can run, and a check of one. */
import { hurryTarget } from '../../engine/launch/target-service.ts';
import type { SlurmFacts } from '../../engine/targets/engine.ts';
import { fail, ok, type Result } from '../../job/failure.ts';
import { type Exit, SUCCESS, verb } from '../command/command.ts';
import type { Context } from '../command/context.ts';
import { slurmRows } from '../messages/lists.ts';
import { factRows, NO_TARGETS, TARGET_HEADS, targetCells, targetOnlyLocal } from '../messages/targets.ts';
import { plainTable } from '../output/columns.ts';
import { findTarget } from '../targets/on-option.ts';
import { listTargets } from '../targets/target-list.ts';

function list(context: Context): Result<Exit> {
  const { output } = context;
  const config = context.config();
  if (!config.ok) return config;
  const home = context.home();
  if (!home.ok) return home;
  const rows = listTargets(home.value, config.value);
  if (output.json)
    output.objects(
      rows.map(({ target: { name, engine, host, ssh, cwd, dir, slots, slurm }, jobs, contact }) => ({
        ...{ v: 1, name, engine, host: host || null, ssh, cwd, dir, slots, jobs },
        ...{
          partition: slurm?.partition ?? null,
          options: slurm?.options ?? null,
          setup: slurm?.setup ?? null,
        },
        silentSince: contact?.silence ? new Date(contact.silence.since).toISOString() : null,
        silentWhy: contact?.silence?.why ?? null,
      })),
    );
  else if (rows.length === 0) output.note(NO_TARGETS);
  else for (const line of plainTable(TARGET_HEADS, rows.map(targetCells))) output.line(line);
  return ok(SUCCESS);
}

/** Connects as the service does, and writes a file there. */
async function check(context: Context, word: string): Promise<Result<Exit>> {
  const { output } = context;
  const config = context.config();
  if (!config.ok) return config;
  const found = findTarget(word, config.value, 'targets');
  if (!found.ok) return found;
  const target = found.value;
  if (target === null) return fail(targetOnlyLocal());
  const home = context.home();
  if (!home.ok) return home;
  const { askTarget } =
    require('../../engine/targets/engine-of.ts') as typeof import('../../engine/targets/engine-of.ts');
  // without a home no job is there, and the name of the folder does not matter
  return askTarget(home.value ?? { token: 'check' }, target, async (engine) => {
    const facts = await engine.connect();
    await engine.probe();
    const slurm = await engine.slurmFacts();
    if (slurm?.answers === false)
      return fail({ code: 'target-refused', target, trouble: 'slurm-down', said: '' });
    if (home.value) hurryTarget(home.value, target.name);
    const { name, engine: kind, host } = target;
    if (output.json) {
      const { host: farHost, readyMs, ...rest } = facts;
      const given = { name, engine: kind, host: host || null, farHost, readyMs: Math.round(readyMs) };
      output.object({ v: 1, ...given, ...rest, slurm: slurm && factsObject(slurm) });
    } else
      for (const [label, text] of [
        ...factRows(facts),
        ...(slurm ? slurmRows(slurm, target.slurm!.partition) : []),
      ])
        output.line(`${label.padEnd(11)}${text}`);
    return ok(SUCCESS);
  });
}

const factsObject = ({ version, cluster, accounting, maxArray, minJobAge, partitions }: SlurmFacts) => ({
  ...{ version, cluster, accounting, maxArray, minJobAge, partitions },
});

export const targets = verb({
  name: 'targets',
  operands: '[TARGET]',
  arity: [0, 1],
  brief: '',
  summary: 'list the machines on which jobs can run; check one',
  description: [
    'A target is a machine that ssh reaches, or a Slurm cluster: a name in config.json, ssh:[user@]host, or',
    'slurm[:partition] where the commands of Slurm are on this machine. bgjob run --on TARGET starts a job',
    'there. Nothing is installed there: sh is enough.',
    '',
    'With TARGET: connects as a job would, and says how long that took, what is there, and whether the',
    'folder for the records can be written. Of Slurm it says the release, and the partitions. A password is',
    'never asked for: ssh needs a key or an agent.',
  ],
  examples: [
    ['bgjob targets', 'the targets of config.json, and how many jobs each has'],
    ['bgjob targets ssh:me@gpu1', 'can it be reached, and what can it do'],
    ['bgjob targets slurm', 'does Slurm answer, and which partitions are there'],
  ],
  options: {},
  run: (context, { words }) =>
    words[0] === undefined ? Promise.resolve(list(context)) : check(context, words[0]),
});
