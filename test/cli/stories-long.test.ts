/**
 * Story (c): a build that takes longer than the agent's tool allows, in exactly two waits. With BGJOB_STORY_BUILD_SECONDS=150 it is the
 * real one, under a tool that ends every call after 120 s; by default all times are a twentieth of that.
 */
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { Agent } from '../rig/agent.ts';
import { rigTest } from '../rig/rig.ts';

const BUILD_MS = Number(process.env['BGJOB_STORY_BUILD_SECONDS'] ?? 7.5) * 1000;
/** The build takes 150 s where the tool allows 120 s, and bgjob was told to answer within 100 s. */
const LIMIT_MS = BUILD_MS * (120 / 150);
const MAX_WAIT = `${Math.round(BUILD_MS * (100 / 150))}ms`;
const STEPS = 20;

for (const mortal of [false, true])
  rigTest(
    `(c) a build longer than the tool's limit: exactly two waits${mortal ? ', the session killed after each call' : ''}`,
    async (rig) => {
      const build = `for n in $(seq ${STEPS}); do echo "[$n/${STEPS}] compiling"; sleep ${BUILD_MS / 1000 / STEPS}; done; echo built >result`;
      fs.writeFileSync(join(rig.project, 'build.sh'), build);
      const agent = new Agent(rig, { mortal, limitMs: LIMIT_MS, env: { BGJOB_MAX_WAIT: MAX_WAIT } });
      const started = await agent.call('bgjob run -n build -- sh build.sh');
      assert.deepEqual([started.code, started.output], [0, '1\n']);
      const first = await agent.call('bgjob wait build');
      assert.equal(first.code, 75, first.output);
      assert.match(first.output, /^build 1 running .*, last output .* ago: "\[\d+\/20\] compiling"\n/);
      assert.match(first.output, /\nnot finished, and not to be restarted: wait again with bgjob wait 1\n/);
      const second = await agent.call('bgjob wait build');
      assert.deepEqual([second.code, second.output.split(' after ')[0]], [0, 'build 1 exited 0']);
      assert.equal(fs.readFileSync(join(rig.project, 'result'), 'utf8'), 'built\n');
      agent.tell(`c, ${BUILD_MS / 1000} s`, { calls: 3, bytes: 400 });
    },
    { timeout: 60_000 + 3 * BUILD_MS },
  );
