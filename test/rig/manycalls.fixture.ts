/**
 * Calls the built program many times in this one process: its code is evaluated anew for each call, and what it would write and the
 * code with which it would end are caught. See manycalls.ts.
 */
import fs from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { Script } from 'node:vm';

const dist = join(dirname(dirname(fs.realpathSync(process.argv[2]!))), 'dist');
const cli = join(dist, 'cli.js');
const script = new Script(fs.readFileSync(cli, 'utf8'), { filename: cli });

async function call(args: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  for (const path of Object.keys(require.cache)) if (path.startsWith(dist)) delete require.cache[path];
  process.argv = [process.execPath, cli, ...args];
  const written: Record<number, Buffer[]> = { 1: [], 2: [] };
  const { writeSync } = fs;
  const { exit } = process;
  try {
    fs.writeSync = ((fd: number, bytes: Uint8Array, offset?: number | null, length?: number | null) => {
      if (!(fd in written)) return writeSync(fd, bytes, offset, length);
      const rest = bytes.subarray(offset ?? 0);
      written[fd]!.push(Buffer.from(rest));
      return rest.length;
    }) as typeof fs.writeSync;
    const code = await new Promise<number>((resolve) => {
      process.exit = resolve as typeof process.exit;
      const module = { exports: {} };
      script.runInThisContext().call(module.exports, module.exports, createRequire(cli), module, cli, dist);
    });
    const [stdout, stderr] = [1, 2].map((fd) => Buffer.concat(written[fd]!).toString());
    return { code, stdout: stdout!, stderr: stderr! };
  } finally {
    fs.writeSync = writeSync;
    process.exit = exit;
  }
}

async function main(): Promise<void> {
  const answers = [];
  for (const args of JSON.parse(fs.readFileSync(0, 'utf8'))) answers.push(await call(args));
  fs.writeSync(1, JSON.stringify(answers));
}

void main();
