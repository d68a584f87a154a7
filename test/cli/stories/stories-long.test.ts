/**
 * Story (c): a build that takes longer than the agent's tool allows, in exactly two waits: under a tool that
 * ends every call after 120 s,
 * with a bgjob that was told to answer within 100 s. By default the test says when those 100 s are over, and
 * the build ends when somebody
 * waits for the second time; with BGJOB_STORY_BUILD_SECONDS=150 it is the real one, and with other numbers
 * all times are in proportion.
 */
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { Agent } from '../../rig/agent.ts';
import { LongTimers } from '../../rig/longtimers.ts';
import { type Rig, rigTest } from '../../rig/rig.ts';
import { until } from '../../rig/until.ts';
import { waiterOf } from '../../rig/waiters.ts';

const STEPS = 20;
/** The step at which the first wait is over. */
const REACHED = 13;

/**
 * What an agent does; returns what it reads at the end of its first wait. `during`: what happens while it
 * waits.
 */
async function story(rig: Rig, agent: Agent, during: (wait: 1 | 2) => Promise<void>): Promise<string> {
  const started = await agent.call('bgjob run -n build -- sh build.sh');
  assert.deepEqual([started.code, started.output], [0, '1\n']);
  const [first] = await Promise.all([agent.call('bgjob wait build'), during(1)]);
  assert.equal(first.code, 75, first.output);
  assert.match(first.output, /^build 1 running .*, last output .* ago: "\[\d+\/20\] compiling"\n/);
  assert.match(first.output, /\nstill running; it goes on. Next: bgjob wait build\n/);
  const [second] = await Promise.all([agent.call('bgjob wait build'), during(2)]);
  assert.deepEqual([second.code, second.output.split(' after ')[0]], [0, 'build 1 exited 0']);
  assert.equal(fs.readFileSync(join(rig.project, 'result'), 'utf8'), 'built\n');
  agent.tell('c', { calls: 3, bytes: 400 });
  return first.output;
}

/** A build whose steps go on when these lines of shell return. */
const build = (step: string): string =>
  `for n in $(seq ${STEPS}); do echo "[$n/${STEPS}] compiling"; ${step}; done; echo built >result`;

/** The seconds of a build in real time, if that is asked for. */
const REAL_S = Number(process.env['BGJOB_STORY_BUILD_SECONDS'] ?? 0);

for (const mortal of [false, true]) {
  const told = mortal ? ', the session killed after each call' : '';

  rigTest(`(c) a build longer than the tool's limit: exactly two waits${told}`, async (rig) => {
    const script = build(`[ $n -ne ${REACHED} ] || until [ -e go ]; do sleep 0.02; done`);
    fs.writeFileSync(join(rig.project, 'build.sh'), script);
    const timers = new LongTimers(rig.dir);
    const agent = new Agent(rig, {
      mortal,
      limitMs: 120_000,
      env: { BGJOB_MAX_WAIT: '100s', ...timers.env },
    });
    const first = await story(rig, agent, async (wait) => {
      await waiterOf(rig, 1);
      // its output may come before the state that says so
      await rig.untilState(1, 'running');
      await until(
        () => rig.log(1),
        (text) => text.includes(`[${REACHED}/`),
        'the build to be in its midst',
      );
      if (wait === 1) timers.pass();
      else fs.writeFileSync(join(rig.project, 'go'), '');
    });
    assert.match(first, /"\[13\/20\] compiling"/);
  });

  if (REAL_S > 0)
    rigTest(`(c) the same in real time, ${REAL_S} s${told}`, async (rig) => {
      fs.writeFileSync(join(rig.project, 'build.sh'), build(`sleep ${REAL_S / STEPS}`));
      const maxWait = `${Math.round(REAL_S * (100 / 150) * 1000)}ms`;
      const limitMs = REAL_S * (120 / 150) * 1000;
      const agent = new Agent(rig, { mortal, limitMs, env: { BGJOB_MAX_WAIT: maxWait } });
      await story(rig, agent, async () => {});
    });
}
