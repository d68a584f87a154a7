/** The settings of the crash matrix in which a schedule fires: each process that has to do with it is killed, and its time comes once all the same. */
import * as fs from 'node:fs';
import { join } from 'node:path';
import type { Rig } from '../rig/rig.ts';
import { until } from '../rig/until.ts';
import { killedIn, type Lane, type Setting, setting, type Told } from './settings.ts';
import { type Point, runTraced, type Traced } from './stopper.ts';
import { assertNothingLeft, assertWhole, Broken } from './truth.ts';

const NAME = 'once';

/** A schedule that is due once, at a second of now + `ms`; its job says for which time it was started. */
class Once {
  readonly words: string[];
  private readonly path: string;
  private readonly rig: Rig;
  constructor(rig: Rig, ms: number) {
    this.rig = rig;
    this.path = join(fs.mkdtempSync(join(rig.dir, 'once-')), 'ran');
    const at = new Date(Date.now() + ms);
    const [day, month] = [at.getUTCDate(), at.getUTCMonth() + 1];
    const expression = [at.getUTCSeconds(), at.getUTCMinutes(), at.getUTCHours(), day, month, '*'].join(' ');
    const line = `echo "$BGJOB_SCHEDULED_AT" >>'${this.path}'`;
    this.words = ['cron', 'add', expression, '--tz', 'UTC', '-n', NAME, '--', '/bin/sh', '-c', line];
  }
  get ran(): string[] {
    return fs.existsSync(this.path) ? fs.readFileSync(this.path, 'utf8').trim().split('\n') : [];
  }

  /** Whatever was killed: the next command brings it back, and it is started for its time, once; then it is removed. */
  async judge({ answer, hits }: Traced): Promise<string> {
    const { rig } = this;
    const boot = await rig.bgjob(['boot']);
    if (boot.code !== 0) throw new Broken('everything goes on', `boot: ${boot.stderr}`);
    const isThere = (await rig.json(['cron', 'ls'])).some(({ name }) => name === NAME);
    if (!isThere && answer.stdout !== '' && this.ran.length === 0)
      throw new Broken('everything goes on', 'a name was printed, and there is no schedule');
    if (isThere) await this.untilRan();
    await rig.bgjob(['cron', 'rm', NAME]);
    await assertNothingLeft(rig);
    for (const { state, origin, id } of await assertWhole(rig))
      if (origin?.kind === 'schedule' && !['exited', 'lost', 'starting'].includes(state))
        throw new Broken('everything goes on', `job ${id} is ${state}`);
    const { ran } = this;
    if (new Set(ran).size !== ran.length || ran.length > 1)
      throw new Broken(
        'no job is started twice',
        `for ${ran.join(', ')}; killed: ${hits.map(({ role }) => role)}`,
      );
    return ran.length > 0 ? 'started' : isThere ? 'lost' : 'not added';
  }

  private async untilRan(): Promise<void> {
    const { rig } = this;
    const events = await until(
      () => rig.json(['cron', 'ls', NAME]),
      (all) => all.length > 0,
      'a word on it',
    );
    if (events.length !== 1 || events[0].did !== 'started')
      throw new Broken('everything goes on', JSON.stringify(events));
    // its supervisor may have been killed before it started it: then it is lost, and told so
    await until(
      async () => this.ran.length > 0 || (await rig.show(events[0].job)).endedAt !== null,
      (done) => done,
      'the job',
      40_000,
    );
  }
}

/** Ends what is traced once the time has come and is noted: a scheduler leaves when nothing is left to do. */
async function untilOver(rig: Rig, tracing: Promise<Traced>): Promise<Traced> {
  let isOver = false;
  const over = tracing.finally(() => {
    isOver = true;
  });
  const noted = async () =>
    fs.existsSync(join(rig.home, 'schedules', NAME)) && (await rig.json(['cron', 'ls', NAME])).length > 0;
  await until(
    async () => isOver || (await noted()),
    (done) => done,
    'a word on it',
  );
  if (!isOver) await rig.bgjob(['cron', 'rm', NAME]);
  return over;
}

/** Its adder is traced, and what that starts. */
async function add(lane: Lane, plan: Point[]): Promise<Told> {
  const once = new Once(lane.rig, 5000);
  const traced = await untilOver(lane.rig, runTraced(lane.rig, 'adder', plan, once.words));
  if (killedIn(traced).length === 0 && traced.answer.code !== 0)
    throw new Broken('everything goes on', `cron add: ${traced.answer.stderr}`);
  return { traced, end: await once.judge(traced) };
}

/** The scheduler is traced, which nobody had started before. */
async function fire(lane: Lane, plan: Point[]): Promise<Told> {
  const { rig } = lane;
  const once = new Once(rig, 5000);
  await rig.bgjob(once.words);
  const [own] = (await rig.json(['ls', '-a', '-n', '1000'])).filter(
    (job) => job.origin?.kind === 'own' && job.endedAt === null,
  );
  await rig.bgjob(['kill', String(own.id)]);
  const traced = await untilOver(rig, runTraced(rig, 'scheduler', plan, ['--schedules', rig.home]));
  return { traced, end: await once.judge({ ...traced, answer: { ...traced.answer, stdout: '' } }) };
}

export const CRON_SETTINGS: Setting[] = [
  setting('cron add', ['adder', "adder's fork"], add),
  setting('a schedule fires', ['scheduler', "scheduler's fork"], fire),
];
