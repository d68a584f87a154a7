/** Many processes that begin the same work at the same instant: what is exclusive must be so between processes. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';

export interface Member<T> {
  pid: number;
  results: T[];
}

/** Each of `size` processes does `what` to `path` so many `times`; see crowd.fixture.ts. */
export async function crowd<T>(
  what: string,
  path: string,
  size: number,
  times: number,
): Promise<Member<T>[]> {
  const members = Array.from({ length: size }, () => {
    const args = [join(__dirname, 'rig.crowd.fixture.js'), what, path, String(times)];
    const child = spawn(process.execPath, args, { stdio: ['pipe', 'pipe', 'inherit'] });
    let out = '';
    child.stdout.setEncoding('utf8').on('data', (text) => (out += text));
    return { child, ready: once(child.stdout, 'data'), over: once(child, 'close'), answer: () => out };
  });
  await Promise.all(members.map(({ ready }) => ready));
  for (const { child } of members) child.stdin.end();
  await Promise.all(members.map(({ over }) => over));
  return members.map(({ answer }) => JSON.parse(answer().slice('ready\n'.length)));
}
