/** Hostile strings wherever a job, a record or a call can hold one: every verb shows them, and none steers a terminal. */
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { inOneProcess, type Question } from '../rig/inprocess.ts';
import { type Answer, type Rig, rigTest } from '../rig/rig.ts';

/** A title, a one-byte CSI, a colour, marks that turn the direction, separators, and a line of somebody else's. */
const NASTY = '\x1b]0;title\x07\u009b31m\x1b[31m\u202e\u2066\u061c\u2028\x7f\x85\b\r\nforged: 1 exited 0';
const STEERS = /[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufffd]/;
const OWN_COLORS = /\x1b\[(?:\d{1,2}(?:;\d{1,2})*)?m/g;

const SGR = { FORCE_COLOR: '1', NO_COLOR: '', TERM: 'xterm' };

/** Fails if anything in an answer steers a terminal, or seems to be a line of somebody else's. */
function assertSafe({ stdout, stderr }: Answer, { args, env }: Question): string {
  const text = env ? `${stdout}${stderr}`.replaceAll(OWN_COLORS, '') : `${stdout}${stderr}`;
  assert.doesNotMatch(text, STEERS, JSON.stringify([args, text]));
  assert.doesNotMatch(text, /^forged/m, JSON.stringify([args, text]));
  return text;
}

/** Calls each plain, in colour and in JSON, and looks at every byte that came back; one in a process of its own as well. */
async function showSafely(rig: Rig, calls: string[][], cwd = rig.project): Promise<string> {
  const questions = calls.flatMap((args): Question[] => {
    const json = args[0] === 'run' ? [args[0], '--json', ...args.slice(1)] : [...args, '--json'];
    return [{ args }, { args, env: SGR }, { args: json }];
  });
  const answers = await inOneProcess(rig, questions, { cwd });
  const [first] = questions;
  assertSafe(await rig.bgjob(first!.args, { cwd }), first!);
  return answers.map((answer, n) => assertSafe(answer, questions[n]!)).join('');
}

const READING = ['ls', 'status', 'show', 'tail', 'wait', 'kill'];

rigTest('hostile strings of a job reach no terminal', async (rig) => {
  const cwd = `${rig.project}/${NASTY.replaceAll('/', '')}`;
  fs.mkdirSync(`${cwd}/.git`, { recursive: true });
  const command = ['sh', '-c', 'printf %s "$1"; exit 3', 'sh', NASTY.replaceAll('\n', ' ')];
  await rig.bgjob(['run', '-w', '-e', `X=${NASTY}`, '--', ...command], { cwd });
  await rig.bgjob(['run', '-w', `true '${NASTY}'`], { cwd });
  const calls = ['1', '2'].flatMap((id) =>
    READING.map((verb) => (verb === 'ls' ? ['ls', '-a'] : [verb, id])),
  );
  calls.push(['tail', '-f', '1'], ['tail', '--full', '1'], ['path', '1'], ['gc', '--dry-run']);
  await showSafely(rig, calls, cwd);
  assert.match(await showSafely(rig, [['show', '1']], cwd), /title/);
  await showSafely(rig, [['status', '@last']]);
});

rigTest('hostile words of a call are told safely', async (rig) => {
  await rig.run(['true']);
  const calls = [
    [NASTY],
    ['help', NASTY],
    ['run', '-t', NASTY, 'true'],
    ['run', '-e', NASTY, 'true'],
    ['run', '--env-file', NASTY, 'true'],
    ['run', '-C', NASTY, 'true'],
    ['run', `--${NASTY}`, 'true'],
    ['run', `--wait=${NASTY}`, 'true'],
    ['run', '--', NASTY],
    ['tail', NASTY],
    ['tail', '1', NASTY],
    ['tail', '-n', NASTY, '1'],
    ['kill', '-s', NASTY, '1'],
    ['kill', NASTY, '1'],
    ['ls', '--state', NASTY],
    ['gc', '--older-than', NASTY],
    ['show', `-${NASTY}`],
    ['run', '-n', NASTY, 'true'],
    ['run', '--max-log', NASTY, 'true'],
    ['run', '--until', `(${NASTY}`, 'true'],
    ['run', '--until-url', NASTY, 'true'],
    ['run', '--until-port', NASTY, 'true'],
    ['tail', '--grep', NASTY, '1'],
    ['tail', '--grep', `(${NASTY}`, '1'],
    ['tail', '--since', NASTY, '1'],
    ['tail', '--new', '--reader', NASTY, '1'],
    ['wait', '--until', NASTY, '1'],
    ['wait', '--until-file', NASTY, '--timeout', '10ms', '1'],
    ['wait', '--fail-on', `[${NASTY}`, '1'],
    ['ls', '--name', NASTY],
    ['ls', '--tag', NASTY],
    ['status', NASTY],
    ['path', NASTY],
  ];
  await showSafely(rig, calls);
  const { stderr } = await rig.bgjob(['wait', '1'], { env: { BGJOB_MAX_WAIT: NASTY } });
  assert.doesNotMatch(stderr, STEERS);
  const home = await rig.bgjob(['run', 'true'], { env: { BGJOB_HOME: `/proc/${NASTY}` } });
  assert.doesNotMatch(home.stderr, STEERS);
});

rigTest('a home with a hostile name: what goes wrong in it is told safely', async (rig) => {
  const home = `${rig.dir}/${NASTY.replaceAll('/', '')}`;
  rig.env['BGJOB_HOME'] = home;
  await rig.bgjob(['run', '-w', '-n', 'web', '--split', '--', 'true']);
  const verbs = [
    ['ls'],
    ['show', '1'],
    ['status', 'web'],
    ['tail', '1'],
    ['gc'],
    ['kill', '1'],
    ['wait', '1'],
  ];
  await showSafely(rig, verbs);
  const [folder] = fs.readdirSync(`${home}/names`);
  const wrongs: [string, () => void][] = [
    [`${home}/names/${folder}`, () => fs.symlinkSync(home, `${home}/names/${folder}`)],
    [`${home}/jobs`, () => fs.symlinkSync(home, `${home}/jobs`)],
    [`${home}/trash`, () => fs.writeFileSync(`${home}/trash`, '')],
    [`${home}/format`, () => fs.writeFileSync(`${home}/format`, '9\n')],
    [`${home}/token`, () => fs.mkdirSync(`${home}/token`)],
  ];
  for (const [path, make] of wrongs) {
    fs.renameSync(path, `${path}.aside`);
    make();
    await showSafely(rig, [...verbs, ['run', '-n', 'web', 'true']]);
    fs.rmSync(path, { recursive: true });
    fs.renameSync(`${path}.aside`, path);
  }
  // a name that somebody else gave to what lies in the home
  for (const name of [`jobs/${NASTY}`, `live/${NASTY}`, `ended/${NASTY}`, `names/${NASTY}`])
    fs.mkdirSync(`${home}/${name}`);
  await showSafely(rig, [...verbs, ['ls', '-a', '-n', '9'], ['gc', '--ended']]);
});

rigTest('hostile records are told safely', async (rig) => {
  rig.damaged = true;
  const change = (id: number, file: string, alter: (record: any) => void) => {
    const record = JSON.parse(fs.readFileSync(rig.file(id, file), 'utf8'));
    alter(record);
    fs.writeFileSync(rig.file(id, file), JSON.stringify(record));
  };
  const outcomes = [
    { kind: 'killed', code: 143, signal: NASTY },
    { kind: 'skipped', why: NASTY },
    { kind: 'failed', why: NASTY, code: 126 },
    { kind: 'lost', why: NASTY },
    { kind: NASTY },
  ];
  for (const outcome of outcomes) {
    const id = Number((await rig.bgjob(['run', '-w', 'true'])).stdout.match(/\d+/)![0]);
    const stop = { by: NASTY, cause: 'kill', signal: NASTY, graceMs: 1, at: 1 };
    const spec = (one: any) =>
      Object.assign(one, { name: NASTY, words: [NASTY], line: NASTY, tags: [NASTY] });
    change(id, 'spec.json', spec);
    change(id, 'state.json', (state) => {
      Object.assign(state.status, { outcome, stop });
      if (state.spec) spec(state.spec);
    });
  }
  const last = outcomes.length + 1;
  await rig.bgjob(['run', '-w', 'true']);
  for (const file of ['spec.json', 'state.json'])
    change(last, file, (record) => {
      for (const one of [record, record.spec]) if (one?.machine) Object.assign(one, { machine: NASTY });
    });
  const ids = Array.from({ length: last }, (_, n) => String(n + 1));
  await showSafely(rig, [['ls', '-a'], ...ids.flatMap((id) => READING.slice(1).map((verb) => [verb, id]))]);
});
