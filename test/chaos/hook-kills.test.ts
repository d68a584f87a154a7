/** A hook is killed before each of its calls to the kernel: the agent still hears of the end (see cli/stories/told). */
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { begin, ended, endedJob, plain, readAnswer } from '../rig/host.ts';
import { processesNaming } from '../rig/processes.ts';
import { rigTest } from '../rig/rig.ts';
import { until } from '../rig/until.ts';

/**
 * Kills this process before its call of node:fs with the number KILL_AT, or KILL_AFTER calls after the one that writes the answer;
 * without them it notes all calls.
 */
const SUICIDE = `
const fs = require('node:fs');
const calls = [];
for (const [name, call] of Object.entries(fs))
  if (/Sync$/.test(name))
    fs[name] = function (...args) {
      calls.push(name + (args[0] === 1 ? ' 1' : ''));
      const answer = calls.indexOf('writeSync 1');
      const isThere = answer >= 0 && String(calls.length - 1 - answer) === process.env.KILL_AFTER;
      if (isThere || String(calls.length) === process.env.KILL_AT) process.kill(process.pid, 'SIGKILL');
      return call.apply(this, args);
    };
process.on('exit', () => fs.writeFileSync(process.env.CALLS, calls.join()));
`;

rigTest('a hook is killed at any call to the kernel, or its reader: told once or more', async (rig) => {
  const agent = await begin(rig);
  const file = JSON.parse(fs.readFileSync(join(agent.root, 'hooks/hooks.json'), 'utf8'));
  const [{ hooks }] = file.hooks.UserPromptSubmit;
  const fields = { session_id: agent.session, cwd: rig.project, hook_event_name: 'UserPromptSubmit' };
  const bin = join(rig.dir, 'suicide');
  fs.mkdirSync(bin);
  fs.writeFileSync(join(bin, 'suicide.js'), SUICIDE);
  const words = [process.execPath, '--require', `${bin}/suicide.js`, '--', rig.program];
  fs.writeFileSync(join(bin, 'bgjob'), `#!/bin/sh\nexec ${words.join(' ')} "$@"\n`, { mode: 0o755 });
  const env = { PATH: `${bin}:${rig.env['PATH']}`, CALLS: join(rig.dir, 'calls') };
  const outcomes: string[] = [];
  /** One hook that dies, or whose reader does, and the prompt after it. */
  const round = async (victim: string, kill: Record<string, string> = {}): Promise<void> => {
    const id = await endedJob(rig, agent);
    const call = agent.startHook(hooks[0], 'UserPromptSubmit', JSON.stringify(fields), { ...env, ...kill });
    if (victim === 'reader') call.child.stdout!.destroy();
    if (victim === 'shell') call.child.kill('SIGKILL');
    const { stdout } = await call.answer;
    await until(
      () => processesNaming(rig.dir).filter(({ command }) => command.includes('hook UserPromptSubmit')),
      (left) => left.length === 0,
      'the end of the hook',
    );
    const line = ended(id, 'short', 'exited 1');
    const heard = plain(readAnswer('claude', 'UserPromptSubmit', stdout).context.split('\n')).includes(line);
    const again = plain(await agent.prompt()).includes(line);
    assert.ok(heard || again, `${victim}: it was not told`);
    if (victim === 'reader') assert.ok(again, 'the reader was gone');
    outcomes.push(`${victim}: ${heard && again ? 'twice' : again ? 'later' : 'once'}`);
    assert.deepEqual(await agent.prompt(), [], victim);
  };
  await round('none');
  const calls = fs.readFileSync(env.CALLS, 'utf8').split(',');
  const answer = calls.indexOf('writeSync 1');
  assert.ok(answer > 20, calls.join());
  await round('shell');
  await round('reader');
  for (const at of [1, answer >> 1, answer - 3]) await round(`call ${at}`, { KILL_AT: String(at) });
  for (let at = 0; at < calls.length - answer; at++) await round(`answer +${at}`, { KILL_AFTER: String(at) });
  console.log(`story (e: a hook is killed before a call): ${outcomes.join(', ')}`);
});
