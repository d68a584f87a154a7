/** The settings of the crash matrix in which a delivery comes: each process that has to do with it is killed, and its job runs once all the same. */
import * as fs from 'node:fs';
import { join } from 'node:path';
import { attemptQuietly } from '../../src/base/result.ts';
import { bearer, send } from '../rig/http.ts';
import type { Rig } from '../rig/rig.ts';
import { recordOf } from '../rig/triggers.ts';
import { until } from '../rig/until.ts';
import { cleanAfter } from './cleanrounds.ts';
import { isLive } from './death.ts';
import { killedIn, type Lane, type Setting, setting, type Told } from './settings.ts';
import { type Point, runTraced, type Traced } from './stopper.ts';
import { assertNothingLeft, assertWhole, Broken } from './truth.ts';

const NAME = 'hook';
const DELIVERY = 'the one';

interface Answered {
  status: number;
  id: number | null;
}

/** A trigger whose job says for which delivery it was started. */
class Hook {
  readonly words: string[];
  private readonly path: string;
  private readonly rig: Rig;
  constructor(rig: Rig) {
    this.rig = rig;
    this.path = join(fs.mkdtempSync(join(rig.dir, 'hook-')), 'ran');
    const line = `echo "$BGJOB_DELIVERY" >>'${this.path}'`;
    this.words = ['trigger', 'add', NAME, '--', '/bin/sh', '-c', line];
  }
  get ran(): number {
    return fs.existsSync(this.path) ? fs.readFileSync(this.path, 'utf8').split('\n').length - 1 : 0;
  }
  get isThere(): boolean {
    return fs.existsSync(join(this.rig.home, 'triggers', NAME, 'record.json'));
  }

  /** Delivers it; by no command of bgjob, which would start another listener. Status 0: nobody is there. */
  async deliver(): Promise<Answered> {
    const none = { status: 0, id: null };
    // an adder that fails removes it again, perhaps at this very moment
    const record = attemptQuietly(() => recordOf(this.rig, NAME));
    if (!record) return none;
    const { host, port, secret } = record;
    const headers = { ...bearer(secret), 'X-GitHub-Delivery': DELIVERY };
    return send(`http://${host}:${port}/${NAME}`, { headers, body: DELIVERY }).then(
      ({ status, json }) => ({ status, id: json?.id ?? null }),
      () => none,
    );
  }

  /** Delivers it until it is answered, or what is traced has ended; then the trigger goes, and with it its listener. */
  async untilOver(tracing: Promise<Traced>): Promise<{ traced: Traced; answer: Answered }> {
    let isOver = false;
    const over = tracing.finally(() => {
      isOver = true;
    });
    over.catch(() => {});
    const answer = await until(
      () => this.deliver(),
      ({ status }) => isOver || status === 202 || status === 409,
      'an answer',
    );
    if (!isOver && (await this.deliver()).status === 202)
      throw new Broken('no job is started twice', 'a replay was accepted');
    if (!isOver) await this.remove();
    return { traced: await over, answer };
  }

  private async remove(): Promise<void> {
    // its journal is read before that: it goes with it
    this.events = await this.rig.json(['trigger', 'ls', NAME]);
    await this.rig.bgjob(['trigger', 'rm', NAME]);
  }
  private events: any[] = [];

  /** Whatever was killed: the next command brings it back, and the delivery has one job; then the trigger is removed. */
  async judge(traced: Traced, first: Answered): Promise<string> {
    const { rig } = this;
    const boot = await rig.bgjob(['boot']);
    if (boot.code !== 0) throw new Broken('everything goes on', `boot: ${boot.stderr}`);
    const { stdout } = traced.answer;
    if (!this.isThere && first.id === null && stdout !== '')
      throw new Broken('everything goes on', 'a secret was printed, and there is no trigger');
    let { id } = first;
    if (this.isThere) {
      const again = await until(
        () => this.deliver(),
        ({ status }) => status === 202 || status === 409,
        'an answer of the next',
      );
      if (id !== null && (again.status !== 409 || again.id !== id))
        throw new Broken(
          'no job is started twice',
          `${JSON.stringify(first)}, then ${JSON.stringify(again)}`,
        );
      id = again.id;
      await this.remove();
    }
    if (id !== null) await this.assertRan(id);
    await assertNothingLeft(rig);
    await assertWhole(rig);
    const { ran, events } = this;
    const started = events.filter(({ did }) => did === 'started').map(({ job }) => job);
    if (id !== null && started.join() !== String(id))
      throw new Broken('everything goes on', `job ${id}, and noted is ${JSON.stringify(events)}`);
    if (ran > 1) throw new Broken('no job is started twice', `${ran} times; killed: ${killedIn(traced)}`);
    return ran > 0 ? 'started' : id === null ? 'not added' : 'lost';
  }

  /** A job that was told of ran, or its start was killed, and it says so. */
  private async assertRan(id: number): Promise<void> {
    const { rig } = this;
    await until(
      async () => this.ran > 0 || !isLive((await rig.show(id)) ?? { state: 'running' }),
      (done) => done,
      `job ${id}`,
    );
    await rig.bgjob(['wait', String(id)]);
  }
}

/** Its adder is traced, and what that starts. */
async function add({ rig }: Lane, plan: Point[]): Promise<Told> {
  const hook = new Hook(rig);
  const { traced, answer } = await hook.untilOver(runTraced(rig, 'adder', plan, hook.words));
  if (killedIn(traced).length === 0 && traced.answer.code !== 0)
    throw new Broken('everything goes on', `trigger add: ${traced.answer.stderr}`);
  return { traced, end: await hook.judge(traced, answer) };
}

/** The listener is traced, which nobody had started before. */
async function deliver({ rig }: Lane, plan: Point[]): Promise<Told> {
  const hook = new Hook(rig);
  await rig.bgjob(hook.words);
  const [own] = (await rig.json(['ls', '-a', '-n', '1000'])).filter(
    (job) => job.origin?.kind === 'own' && isLive(job),
  );
  await rig.bgjob(['kill', String(own.id)]);
  const { host, port } = recordOf(rig, NAME);
  const { traced, answer } = await hook.untilOver(
    runTraced(rig, 'listener', plan, ['--triggers', rig.home, host, String(port)]),
  );
  return { traced, end: await hook.judge({ ...traced, answer: { ...traced.answer, stdout: '' } }, answer) };
}

export const TRIGGER_SETTINGS: Setting[] = [
  setting('trigger add', ['adder', "adder's fork"], cleanAfter('triggers', add)),
  setting('a delivery comes', ['listener', "listener's fork"], cleanAfter('triggers', deliver)),
];
