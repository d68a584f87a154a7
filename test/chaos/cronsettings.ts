/** The settings of the crash matrix in which a schedule fires: each process that has to do with it is killed, and each of its times comes once all the same. */
import * as fs from 'node:fs';
import { join } from 'node:path';
import type { Answer, Rig } from '../rig/rig.ts';
import { assertEachTold, type Told as Event, eventsOf, startedBy, untilEvents } from '../rig/schedules.ts';
import { until } from '../rig/until.ts';
import { cleanAfter } from './cleanrounds.ts';
import { isLive } from './death.ts';
import { killedIn, type Lane, NEVER, type Setting, setting, type Told } from './settings.ts';
import { type Point, runTraced, type Traced } from './stopper.ts';
import { assertNothingLeft, assertWhole, Broken } from './truth.ts';

const NAME = 'often';
/** Its first time comes that long after it was added, however slow that was. */
const EVERY_MS = 2000;
/** What the program says of a time that is late: it is not made up for. */
const LATE_MS = 60_000;

/** A schedule that is due again and again; its jobs say for which time they were started. */
class Often {
  readonly words: string[];
  private readonly path: string;
  private readonly rig: Rig;
  constructor(rig: Rig) {
    this.rig = rig;
    this.path = join(fs.mkdtempSync(join(rig.dir, 'often-')), 'ran');
    const line = `echo "$BGJOB_SCHEDULED_AT" >>'${this.path}'`;
    const options = ['--overlap', 'allow', '-n', NAME];
    this.words = ['cron', 'add', `@every ${EVERY_MS}ms`, ...options, '--', '/bin/sh', '-c', line];
  }
  private get ran(): string[] {
    return fs.existsSync(this.path) ? fs.readFileSync(this.path, 'utf8').trim().split('\n') : [];
  }
  private get isThere(): boolean {
    return fs.existsSync(join(this.rig.home, 'schedules', NAME, 'record.json'));
  }
  private get isPaused(): boolean {
    return fs.existsSync(join(this.rig.home, 'schedules', NAME, 'paused'));
  }
  private get journal(): number {
    return (
      fs.statSync(join(this.rig.home, 'schedules', NAME, 'history'), { throwIfNoEntry: false })?.size ?? 0
    );
  }

  /** Pauses it once another time has its word, if what is traced has not ended by then: a scheduler leaves when all are paused. */
  async untilOver(tracing: Promise<Traced>): Promise<Traced> {
    let isOver = false;
    const over = tracing.finally(() => {
      isOver = true;
    });
    over.catch(() => {});
    const before = this.journal;
    await until(
      () => isOver || this.journal > before,
      (done) => done,
      'a word on a time',
    );
    if (!isOver) await this.pause();
    return over;
  }

  pause(): Promise<Answer> {
    return this.rig.bgjob(['cron', 'pause', NAME]);
  }

  /** Whatever was killed: the next command brings it back, it goes on, and each time has one word; then it is removed. */
  async judge({ answer, hits }: Traced): Promise<string> {
    const { rig } = this;
    const boot = await rig.bgjob(['boot']);
    if (boot.code !== 0) throw new Broken('everything goes on', `boot: ${boot.stderr}`);
    if (!this.isThere) {
      if (answer.stdout !== '' || this.ran.length > 0)
        throw new Broken('everything goes on', 'a name was printed, or it ran, and there is no schedule');
      await assertNothingLeft(rig);
      await assertWhole(rig);
      return 'not added';
    }
    if (this.isPaused) {
      // no scheduler is there to say it
      await this.assertTold(hits);
      await rig.bgjob(['cron', 'resume', NAME]);
    }
    const since = Date.now();
    await untilEvents(rig, NAME, (all) => startedBy(all).some(({ at }) => Date.parse(at) > since));
    await this.pause();
    const started = await this.assertTold(hits);
    await rig.bgjob(['cron', 'rm', NAME]);
    return started.every(({ at }) => this.ran.includes(at)) ? 'started' : 'lost';
  }

  /** Of a paused schedule; the events of its jobs. */
  private async assertTold(hits: Point[]): Promise<Event[]> {
    const { rig } = this;
    await assertNothingLeft(rig);
    const jobs = new Map((await assertWhole(rig)).map((job) => [job.id, job]));
    const events = await eventsOf(rig, NAME);
    for (const event of events) this.assertWord(event, jobs);
    assertEachTold(events, EVERY_MS);
    const { ran } = this;
    const killed = `killed: ${hits.map(({ role }) => role)}`;
    if (new Set(ran).size !== ran.length)
      throw new Broken('no job is started twice', `for ${ran.join(', ')}; ${killed}`);
    const unknown = ran.filter((at) => !startedBy(events).some((event) => event.at === at));
    if (unknown.length > 0)
      throw new Broken('everything goes on', `for ${unknown.join(', ')} it ran without a word; ${killed}`);
    return startedBy(events);
  }

  /** A time that was told started ran, or its supervisor was killed before; one that was missed was late, or another had come. */
  private assertWord(event: Event, jobs: Map<number, { state: string }>): void {
    const { at, did, why, job, notedAt } = event;
    const wrong = (what: string) => new Broken('everything goes on', `${what}: ${JSON.stringify(event)}`);
    if (did === 'started') {
      const state = jobs.get(job!)?.state;
      const isOver = this.ran.includes(at) ? ['exited', 'lost'] : ['lost', 'starting'];
      if (!isOver.includes(String(state))) throw wrong(`its job is ${state}`);
    } else if (did === 'skipped' && why === 'it was paused') return;
    else if (did !== 'missed') throw wrong('no word for such a time');
    else if (/scheduler ended/.test(why!) && Date.parse(notedAt) - Date.parse(at) <= LATE_MS)
      throw wrong('it could have been started');
  }
}

/** Its adder is traced, and what that starts. */
async function add({ rig }: Lane, plan: Point[]): Promise<Told> {
  const often = new Often(rig);
  const traced = await often.untilOver(runTraced(rig, 'adder', plan, often.words));
  if (killedIn(traced).length === 0 && traced.answer.code !== 0)
    throw new Broken('everything goes on', `cron add: ${traced.answer.stderr}`);
  return { traced, end: await often.judge(traced) };
}

/** The first scheduler of a schedule is traced. `pauses`: the schedule is paused just before the kill. */
const firing =
  (pauses: boolean): Setting['round'] =>
  async ({ rig }, plan) => {
    const often = new Often(rig);
    await rig.bgjob(often.words);
    const [own] = (await rig.json(['ls', '-a', '-n', '1000'])).filter(
      (job) => job.origin?.kind === 'own' && isLive(job),
    );
    await rig.bgjob(['kill', String(own.id)]);
    const points = pauses ? plan.map((point) => pausedAt(often, point)) : plan;
    const traced = await often.untilOver(runTraced(rig, 'scheduler', points, ['--schedules', rig.home]));
    return { traced, end: await often.judge({ ...traced, answer: { ...traced.answer, stdout: '' } }) };
  };

/** A point that is never reached is not looked for. */
const pausedAt = (often: Often, point: Point): Point =>
  point === NEVER ? point : { ...point, look: () => often.pause() };

export const CRON_SETTINGS: Setting[] = [
  setting('cron add', ['adder', "adder's fork"], cleanAfter('schedules', add)),
  setting('a schedule fires', ['scheduler', "scheduler's fork"], cleanAfter('schedules', firing(false))),
  setting('a paused schedule fires', ['scheduler'], cleanAfter('schedules', firing(true))),
];
