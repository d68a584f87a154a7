/**
 * What schedules and triggers have on the disk is damaged after all processes were killed: a record, a
 * journal, a claim, what was told,
 * the payload of a job. Then the home is used again. No command hangs or crashes, the other schedule and the
 * other trigger go on,
 * no service is started again and again, and none is left. Compiled code that is damaged or of others changes
 * nothing at all.
 */
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { bearer, send } from '../rig/http.ts';
import { processesNaming } from '../rig/processes.ts';
import { type Answer, type Rig, withRig } from '../rig/rig.ts';
import { type Added, addTrigger } from '../rig/triggers.ts';
import { until } from '../rig/until.ts';
import { reseal } from './homes.ts';
import { type Mutation, mutate } from './mutate.ts';
import type { Part, Round, Row } from './part.ts';

/** Of schedules and triggers, and of what they started. */
const DAMAGED = /^(schedules|triggers)\/[^~]|^jobs\/\d+\/payload$|^cache\//;
const CODES = [0, 1, 3, 75, 124, 125];
/** One of each, and some that ended with their parts of the home. */
const MOST_SERVICES = 8;

type Chance = () => number;
const pick = <T>(chance: Chance, from: readonly T[]): T => from[Math.floor(chance() * from.length)]!;

const isIn = (path: string): boolean => fs.lstatSync(path, { throwIfNoEntry: false }) !== undefined;

/** Two schedules and two triggers with a history. Scheduler and listener do not run. */
async function makeModel(rig: Rig): Promise<{ files: string[]; triggers: Record<string, Added> }> {
  for (const name of ['one', 'two'])
    assert.equal((await rig.bgjob(['cron', 'add', '0 0 1 1 *', '-n', name, '--', 'true'])).code, 0);
  const triggers: Record<string, Added> = {};
  for (const name of ['left', 'right'])
    triggers[name] = await addTrigger(rig, [name, 'cat "$BGJOB_PAYLOAD"']);
  for (const name of ['one', 'two']) assert.equal((await rig.bgjob(['cron', 'run', name])).code, 0);
  for (const [name, { url, secret }] of Object.entries(triggers)) {
    assert.equal((await send(url, { headers: bearer(secret), body: 'body\n' })).status, 202);
    assert.equal((await rig.bgjob(['wait', '--trigger', name])).code, 0);
  }
  await rig.bgjob(['cron', 'pause', 'two']);
  await rig.bgjob(['cron', 'resume', 'two']);
  rig.killAll();
  const files = (fs.readdirSync(rig.home, { recursive: true }) as string[]).filter((name) => {
    const stat = fs.lstatSync(join(rig.home, name));
    return DAMAGED.test(name) && (stat.isSymbolicLink() || (stat.isFile() && stat.size > 0));
  });
  return { files, triggers };
}

/** Damages a file, or the text of a link. */
function damage(path: string, chance: Chance): string {
  const isLink = fs.lstatSync(path).isSymbolicLink();
  const bytes = isLink ? Buffer.from(fs.readlinkSync(path)) : fs.readFileSync(path);
  const odd = chance();
  if (odd < 0.15) {
    fs.unlinkSync(path);
    if (odd < 0.05) fs.mkdirSync(path);
    else if (odd < 0.1) execFileSync('mkfifo', [path]);
    return 'is no file any more';
  }
  const { what, bytes: now }: Mutation = mutate(bytes, chance, [process.pid, 1], reseal);
  if (!isLink) {
    fs.writeFileSync(path, now);
    return what;
  }
  const text = now.toString('latin1').replaceAll('\0', '').slice(0, 1000) || 'x';
  fs.unlinkSync(path);
  fs.symlinkSync(text, path);
  return `link: ${what}`;
}

/** One round in a copy of the home. */
async function tryDamage(
  rig: Rig,
  triggers: Record<string, Added>,
  copy: string,
  file: string,
  what: string,
): Promise<void> {
  const env = { BGJOB_HOME: copy };
  const call = async (...args: string[]): Promise<{ code: number; stdout: string }> => {
    const { code, stdout, stderr } = await rig.bgjob(args, { env });
    const whole = `${args.join(' ')} with ${file}, ${what}: ${code} ${stderr}`;
    assert.ok(CODES.includes(code), whole);
    assert.doesNotMatch(stderr, /bug in bgjob|^ +at |node:internal|Error:/m, whole);
    return { code, stdout };
  };
  const damaged = /^(?:schedules|triggers)\/([^/]+)/.exec(file)?.[1];
  for (const args of [['cron', 'ls'], ['trigger', 'ls', '--json'], ['doctor'], ['ls', '-a']])
    await call(...args);
  for (const name of ['one', 'two']) {
    await call('cron', 'ls', name);
    const { code, stdout } = await call('cron', 'run', name);
    if (name === damaged) continue;
    assert.equal(code, 0, `cron run ${name}: ${file}, ${what}`);
    const id = /^\d+$/m.exec(stdout)?.[0] ?? '';
    assert.equal((await call('wait', id)).code, 0, `${name}: ${file}, ${what}`);
  }
  for (const [name, { url, secret }] of Object.entries(triggers)) {
    await call('trigger', 'ls', name);
    await call('wait', '--trigger', name, '--timeout', '0.1s');
    if (name === damaged) continue;
    const { json } = await until(
      () => send(url, { headers: bearer(secret), body: 'again\n' }).catch(() => undefined),
      (answer) => answer?.status === 202,
      `a delivery of ${name}: ${file}, ${what}`,
    ).then((answer) => answer!);
    assert.equal((await call('wait', String(json.id))).code, 0);
    assert.equal(fs.readFileSync(join(copy, 'jobs', String(json.id), 'out/log'), 'utf8'), 'again\n');
  }
  await call('gc', '--ended');
  const listed = (await call('ls', '-a', '-n', '1000', '--json')).stdout.split('\n').filter(Boolean);
  const services = listed.filter((line) => /^(scheduler|listener)-/.test(JSON.parse(line).name ?? ''));
  assert.ok(services.length <= MOST_SERVICES, `${services.length} services: ${file}, ${what}`);
  for (const [verb, folder] of [
    ['cron', 'schedules'],
    ['trigger', 'triggers'],
  ] as const)
    for (const name of fs.readdirSync(join(copy, folder)).filter((one) => /^\w+$/.test(one))) {
      await call(verb, 'rm', name);
      const path = join(copy, folder, name);
      // what cannot be read is put away by hand
      if (isIn(path)) fs.rmSync(path, { recursive: true });
    }
  await call('ls');
  await until(
    () => processesNaming(copy),
    (found) => found.length === 0,
    `nobody left: ${file}, ${what}`,
  );
}

const damageServices = (round: Round): Promise<Row[]> =>
  withRig(async (rig) => {
    rig.damaged = true;
    const { files, triggers } = await makeModel(rig);
    const kindOf = (file: string) =>
      file.replace(/\/(one|two|left|right)\//, '/NAME/').replace(/\b(kept|told|at)\..*|\d+/g, '$1N');
    const kinds = [...new Set(files.map(kindOf))];
    const count = round.whole ? kinds.length * 4 : 2;
    for (let n = 0; n < count; n++) {
      const kind = round.whole ? kinds[n % kinds.length]! : pick(round.chance, kinds);
      const file = pick(
        round.chance,
        files.filter((one) => kindOf(one) === kind),
      );
      const copy = join(rig.dir, `copy${n}`);
      assert.equal(spawnSync('cp', ['-a', rig.home, copy]).status, 0);
      const what = damage(join(copy, file), round.chance);
      await tryDamage(rig, triggers, copy, file, what);
      fs.rmSync(copy, { recursive: true });
    }
    return [
      { what: 'homes with a damaged file of a schedule or trigger', figure: String(count) },
      { what: 'kinds of files', figure: kinds.join(' ') },
    ];
  });

/** How long ago a job ended is another time with each call. */
const withoutAges = (answer: Answer): string => JSON.stringify(answer).replace(/[\d.]+\w+ ago/g, 'AGE ago');

/** Verbs that always answer the same of an ended job. */
const VERBS = [
  ['status', '1'],
  ['path', '1'],
  ['wait', '1'],
  ['tail', '1'],
];

const damageCode = (round: Round): Promise<Row[]> =>
  withRig(async (rig) => {
    rig.damaged = true;
    await rig.runOut(['--', 'echo', 'said']);
    const dir = join(rig.dir, '.cache/bgjob');
    const right = new Map<string, string>();
    for (const args of VERBS) {
      // the first call leaves the code
      await rig.bgjob(args);
      right.set(args[0]!, withoutAges(await rig.bgjob(args)));
    }
    const names = fs.readdirSync(dir);
    const whole = new Map(names.map((name) => [name, fs.readFileSync(join(dir, name))]));
    for (const [verb] of VERBS)
      assert.ok(
        names.some((name) => name.startsWith(`${verb}.`)),
        `code of ${verb}`,
      );
    const count = round.whole ? 120 : 8;
    for (let n = 0; n < count; n++) {
      const args = pick(round.chance, VERBS);
      const name = names.find((one) => one.startsWith(`${args[0]}.`))!;
      const path = join(dir, name);
      fs.rmSync(path, { recursive: true, force: true });
      let what = 'of another verb';
      const odd = round.chance();
      if (odd < 0.1) fs.writeFileSync(path, whole.get(pick(round.chance, names))!, { mode: 0o600 });
      else if (odd < 0.2) {
        what = 'a FIFO';
        execFileSync('mkfifo', [path]);
      } else if (odd < 0.3) {
        what = 'a link';
        fs.symlinkSync(pick(round.chance, ['/dev/zero', '/dev/tty', rig.file(1, 'spec.json'), dir]), path);
      } else if (odd < 0.35) {
        what = 'a directory';
        fs.mkdirSync(path);
      } else {
        const mutation = mutate(whole.get(name)!, round.chance, [], reseal);
        what = mutation.what;
        fs.writeFileSync(path, mutation.bytes, { mode: 0o600 });
      }
      const answer = await rig.bgjob(args);
      assert.equal(withoutAges(answer), right.get(args[0]!), `${args.join(' ')} with compiled code: ${what}`);
    }
    return [{ what: 'starts with damaged or foreign compiled code', figure: String(count) }];
  });

export const serviceHomes: Part = {
  name: 'homes of services',
  run: async (round) => [...(await damageServices(round)), ...(await damageCode(round))],
};
