/**
 * Many calls of the built program in one process, one after the other: the program is evaluated anew for each, with words and variables of
 * its own, and what it writes and how it exits is taken down. Starting Node costs more than most answers. See inprocess.ts.
 */
import fs from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { Script } from 'node:vm';
import type { Question } from './inprocess.ts';
import type { Answer } from './rig.ts';

const cli = join(dirname(dirname(fs.realpathSync(process.argv[2]!))), 'dist', 'cli.js');
const script = new Script(fs.readFileSync(cli, 'utf8'), { filename: cli });
const questions: Question[] = JSON.parse(fs.readFileSync(0, 'utf8'));
const environment = { ...process.env };

const real = { writeSync: fs.writeSync, closeSync: fs.closeSync, exit: process.exit };
/** Thrown where the program would end. */
const END = new Error('the program has ended');
process.on('unhandledRejection', (thrown) => {
  if (thrown !== END) throw thrown;
});

// what Node itself warns of is no matter of these calls
process.removeAllListeners('warning');
const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGPIPE'] as const;

function ask({ args, env }: Question): Promise<Answer> {
  for (const name of Object.keys(process.env)) delete process.env[name];
  Object.assign(process.env, environment, env);
  process.argv = [process.argv[0]!, process.argv[1]!, ...args];
  // whatever it loads lazily is loaded anew, too: it may have looked at the variables
  for (const path of Object.keys(require.cache))
    if (path.startsWith(dirname(cli))) delete require.cache[path];
  // the last call left its handlers: its process would have ended
  for (const signal of SIGNALS) process.removeAllListeners(signal);
  const written: Record<1 | 2, Buffer[]> = { 1: [], 2: [] };
  return new Promise((resolve) => {
    fs.writeSync = ((fd: number, bytes: Uint8Array, offset: number | null = 0) => {
      const from = offset ?? 0;
      if (fd !== 1 && fd !== 2) return Reflect.apply(real.writeSync, fs, [fd, bytes, offset]);
      written[fd].push(Buffer.from(bytes.subarray(from)));
      return bytes.length - from;
    }) as typeof fs.writeSync;
    // the program closes its stdout at the end
    fs.closeSync = (fd: number) => (fd === 1 ? undefined : real.closeSync(fd));
    process.exit = ((code: number) => {
      const text = (fd: 1 | 2) => Buffer.concat(written[fd]).toString();
      resolve({ code, stdout: text(1), stderr: text(2) });
      throw END;
    }) as typeof process.exit;
    const module = { exports: {} };
    script
      .runInThisContext()
      .call(module.exports, module.exports, createRequire(cli), module, cli, dirname(cli));
  });
}

async function main(): Promise<void> {
  const answers: Answer[] = [];
  for (const question of questions) answers.push(await ask(question));
  Object.assign(fs, { writeSync: real.writeSync, closeSync: real.closeSync });
  Object.assign(process, { exit: real.exit });
  fs.writeSync(1, JSON.stringify(answers));
  process.exit(0);
}

void main();
