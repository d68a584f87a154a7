/**
 * A file of a home is damaged while jobs wait in a queue of it: what waits to be started, how many may, what
 * was answered, hints. Then the
 * queue goes on. No command hangs or crashes, nobody is started again and again, every other job runs, and no
 * process is left.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { listWithChecksum, withChecksum } from '../../src/base/checksum.ts';
import { processesNaming } from '../rig/processes.ts';
import { type Rig, withRig } from '../rig/rig.ts';
import { until } from '../rig/until.ts';
import { type Mutation, mutate } from './mutate.ts';
import type { Part, Round } from './part.ts';

/** Of the whole home: where one of these is damaged, a command may refuse all of it. */
const OF_ALL = /^(format|token|config\.json)$/;
/** Written as by one who knows the format these may say anything: then what they say is done. */
const FORGEABLE = /^(config\.json|queues\/|rounds\/|jobs\/\d+\/env\.json)/;
/** Code that V8 compiled is checked by V8. */
const NOT_DAMAGED = /^cache\/code\.|^jobs\/\d+\/out\//;
const CODES = [0, 1, 3, 75, 124, 125];
/** A job has two attempts, and three owners in a row may die. */
const MOST_OWNERS = 8;

interface Model {
  /** Jobs that wait; none of them depends on another. */
  waiting: number[];
  /** What may be damaged, below the home. */
  files: string[];
}

/** A home with ended jobs, and a queue in which jobs of all kinds wait. */
async function makeModel(rig: Rig): Promise<Model> {
  await rig.runOut(['--', 'true']);
  await rig.runOut(['--on-exit', 'true', '--', 'false']);
  await rig.bgjob(['wait', '--all']);
  fs.writeFileSync(
    join(rig.home, 'config.json'),
    '{"grace": "4s", "maxLog": "1M", "retention": {"keep": 500}}\n',
  );
  await rig.bgjob(['queue', 'set', 'q', '--slots', '2']);
  await rig.bgjob(['queue', 'pause', 'q']);
  const waiting: number[] = [];
  const add = async (words: string[], input = ''): Promise<void> => {
    const { code, stdout, stderr } = await rig.bgjob(['run', '-Q', 'q', ...words], { input });
    assert.equal(code, 0, stderr);
    waiting.push(...(stdout.match(/^\d+$/gm) ?? []).map(Number));
  };
  await add(['--', 'true']);
  await add(['--retry', '1', '--backoff', '0', '--', 'false']);
  await add(['-n', 'named', '--keep-env', '--on-exit', 'true', '--', 'true']);
  await add(['--stdin', '-', '--', 'cat'], 'input\n');
  await add(['-'], 'exit 0\n');
  await add(['--batch', '-'], 'true\ntrue\n');
  await until(
    () => processesNaming(rig.home),
    (found) => found.length === 0,
    'a quiet home',
  );
  const files = (fs.readdirSync(rig.home, { recursive: true }) as string[]).filter((name) => {
    const stat = fs.lstatSync(join(rig.home, name));
    return stat.isFile() && stat.size > 0 && !NOT_DAMAGED.test(name);
  });
  return { waiting, files };
}

/** As the program writes it. */
export function reseal(record: any): string {
  if (Array.isArray(record))
    return record.every((one) => typeof one === 'string') ? listWithChecksum(record) : JSON.stringify(record);
  const { sum: _, ...rest } = record;
  return withChecksum(rest);
}

function draw(bytes: Buffer, file: string, chance: () => number): Mutation {
  for (;;) {
    const mutation = mutate(bytes, chance, [process.pid, 1], reseal);
    if (!mutation.forged || FORGEABLE.test(file)) return mutation;
  }
}

/** One round in a copy of the home; returns the state of the damaged job. */
async function tryDamage(
  rig: Rig,
  { waiting }: Model,
  copy: string,
  file: string,
  what: string,
): Promise<string> {
  const env = { BGJOB_HOME: copy };
  const call = async (...args: string[]): Promise<string> => {
    const { code, stdout, stderr } = await rig.bgjob(args, { env });
    const whole = `${args.join(' ')} with ${file}, ${what}: ${code} ${stderr}`;
    assert.ok(CODES.includes(code), whole);
    assert.doesNotMatch(stderr, /bug in bgjob|^ +at |node:internal|Error:/m, whole);
    return stdout;
  };
  for (const args of [['ls', '-a'], ['queue'], ['doctor'], ['ls', '--json']]) await call(...args);
  await call('queue', 'resume', 'q');
  const damaged = Number(/^jobs\/(\d+)\//.exec(file)?.[1] ?? 0);
  const mayRefuse = OF_ALL.test(file);
  // a name that is damaged, or an environment of several, is of more than one
  const isShared = /^(names|queues)\//.test(file);
  const others = waiting.filter((id) => id !== damaged);
  if (!mayRefuse) await call('wait', ...others.map(String));
  await call('wait', '--all', '--timeout', '1s');
  await call('gc');
  const states = new Map<number, string>();
  for (const line of (await call('ls', '-a', '-n', '100', '--json')).split('\n').filter(Boolean)) {
    const { id, state } = JSON.parse(line);
    states.set(id, state);
  }
  for (const id of mayRefuse ? [] : others) {
    const state = states.get(id);
    assert.ok(
      state === 'exited' || (isShared && state === 'start-failed'),
      `${id} is ${state}: ${file}, ${what}`,
    );
  }
  for (const id of waiting) {
    const owners = fs.readdirSync(join(copy, 'jobs', String(id))).filter((name) => /^owner\.\d+$/.test(name));
    assert.ok(owners.length <= MOST_OWNERS, `${id} had ${owners.length} owners: ${file}, ${what}`);
  }
  await until(
    () => processesNaming(copy),
    (found) => found.length === 0,
    `nobody left: ${file}, ${what}`,
  );
  return states.get(damaged) ?? (damaged === 0 ? 'none' : 'not told');
}

const damageHomes = (round: Round) =>
  withRig(async (rig) => {
    rig.damaged = true;
    const model = await makeModel(rig);
    const kindOf = (file: string) => file.replace(/\d+/g, 'N');
    const kinds = [...new Set(model.files.map(kindOf))];
    const states = new Map<string, number>();
    const count = round.whole ? kinds.length * 4 : 4;
    for (let n = 0; n < count; n++) {
      // each kind in its turn; in the short round a few of them, by chance
      const kind = kinds[round.whole ? n % kinds.length : Math.floor(round.chance() * kinds.length)]!;
      const alike = model.files.filter((file) => kindOf(file) === kind);
      const file = alike[Math.floor(round.chance() * alike.length)]!;
      const copy = join(rig.dir, `copy${n}`);
      assert.equal(spawnSync('cp', ['-a', rig.home, copy]).status, 0);
      const bytes = fs.readFileSync(join(copy, file));
      const { what, bytes: damaged } = draw(bytes, file, round.chance);
      fs.writeFileSync(join(copy, file), damaged);
      const state = await tryDamage(rig, model, copy, file, what);
      states.set(state, (states.get(state) ?? 0) + 1);
      fs.rmSync(copy, { recursive: true });
    }
    return [
      { what: 'homes with a damaged file', figure: String(count) },
      { what: 'kinds of files', figure: String(kinds.length) },
      ...[...states].map(([state, figure]) => ({
        what: `the damaged job: ${state}`,
        figure: String(figure),
      })),
    ];
  });

export const homes: Part = { name: 'homes', run: damageHomes };
