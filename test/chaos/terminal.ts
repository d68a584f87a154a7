/** A real terminal of the test's own: a shell line runs in it, Ctrl-C can be typed, and its window can be closed. */
import { spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import { missing } from '../rig/needs.ts';
import { parentOf } from '../rig/processes.ts';
import type { Call, Rig } from '../rig/rig.ts';
import { until } from '../rig/until.ts';

/** USR1 types Ctrl-C, USR2 closes the window. At the end it says how the line ended: its exit code, or minus its signal. */
const PROGRAM = `
import os, pty, signal, sys
pid, fd = pty.fork()
if pid == 0: os.execvp('bash', ['bash', '-c', sys.argv[1]])
signal.signal(signal.SIGUSR1, lambda *_: os.write(fd, b'\\x03'))
signal.signal(signal.SIGUSR2, lambda *_: os.close(fd))
os.write(1, b'ready\\n')
while True:
    try: data = os.read(fd, 65536)
    except OSError: break
    if not data: break
    os.write(1, data)
print('\\nended %d' % os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
`;

/** Why there is no terminal here; false if there is one. */
export const noTerminal = (): string | false =>
  missing('python3') ||
  (spawnSync('python3', ['-c', 'import pty, os; pty.fork()']).status !== 0 && 'python3 has no pty here');

export class Terminal {
  private readonly call: Call;
  constructor(rig: Rig, line: string) {
    this.call = rig.start('python3', ['-c', PROGRAM, line], { env: { TERM: 'xterm' } });
  }
  /** What was shown so far. */
  get text(): string {
    return this.call.stdout();
  }
  /** The process of the line: the leader of the terminal's session. */
  async leader(): Promise<number> {
    await until(
      () => this.text,
      (text) => text.startsWith('ready\n'),
      'a terminal',
    );
    const { pid: own } = this.call.child;
    const pid = Number.parseInt(fs.readFileSync(`/proc/${own}/task/${own}/children`, 'utf8'), 10);
    if (parentOf(pid) !== this.call.child.pid) throw new Error('no line in the terminal');
    return pid;
  }
  interrupt(): void {
    this.call.child.kill('SIGUSR1');
  }
  hangUp(): void {
    this.call.child.kill('SIGUSR2');
  }
  /** How the line ended. */
  async end(): Promise<number> {
    const { stdout, stderr } = await this.call.answer;
    const ended = /\nended (-?\d+)\n$/.exec(stdout);
    if (!ended) throw new Error(`the terminal broke: ${stdout}${stderr}`);
    return Number(ended[1]);
  }
}
