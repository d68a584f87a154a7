/** A terminal that can be looked at: tmux on a socket of the rig's own. Keys are typed into it, and its screen is read. */
import { spawnSync } from 'node:child_process';
import type { Rig } from './rig.ts';
import { until } from './until.ts';

export class Tmux {
  private readonly rig: Rig;
  private readonly socket: string;

  /** A window with a shell in it, in the rig's project. */
  constructor(rig: Rig, columns = 80, rows = 24, env: Record<string, string> = {}) {
    this.rig = rig;
    this.socket = `${rig.dir}/tmux`;
    this.call(
      [
        '-f',
        '/dev/null',
        'new-session',
        '-d',
        '-x',
        String(columns),
        '-y',
        String(rows),
        `exec env PS1='$ ' bash --norc --noprofile`,
      ],
      env,
    );
  }

  /** What is typed: names of keys (`Enter`, `C-c`), or texts. */
  type(...keys: string[]): void {
    for (const key of keys) this.call(['send-keys', key]);
  }
  /** Types a line of shell. */
  line(text: string): void {
    this.call(['send-keys', '-l', text]);
    this.type('Enter');
  }

  /** The lines of the screen; `withStyles`: with their escape sequences. */
  screen(withStyles = false): string[] {
    return this.call(['capture-pane', '-p', ...(withStyles ? ['-e'] : [])]).split('\n');
  }
  /**
   * Waits until each of these patterns matches a line of one screen. A view draws from the top, and a screen may
   * be seen while it does so: what a test reads below the first match has to be named, too.
   */
  async until(...patterns: RegExp[]): Promise<string[]> {
    return until(
      () => this.screen(),
      (lines) => patterns.every((pattern) => lines.some((line) => pattern.test(line))),
      `${patterns.join(' and ')} on the screen`,
    );
  }
  /** Waits until no line of the screen matches. */
  async untilNot(pattern: RegExp): Promise<string[]> {
    return until(
      () => this.screen(),
      (lines) => !lines.some((line) => pattern.test(line)),
      `no ${pattern} on the screen`,
    );
  }

  /** `alternate_on`, `cursor_flag`, `pane_pid` and the like. */
  ask(name: string): string {
    return this.call(['display-message', '-p', `#{${name}}`]).trim();
  }
  resize(columns: number, rows: number): void {
    this.call(['resize-window', '-x', String(columns), '-y', String(rows)]);
  }
  /** Closes the window, as a person does. */
  close(): void {
    this.call(['kill-server']);
  }

  private call(args: string[], env: Record<string, string> = {}): string {
    const { status, stdout, stderr } = spawnSync('tmux', ['-S', this.socket, ...args], {
      cwd: this.rig.project,
      env: { ...this.rig.env, TERM: 'xterm-256color', SHELL: '/bin/bash', ...env },
      encoding: 'utf8',
    });
    if (status !== 0) throw new Error(`tmux ${args.join(' ')}: ${stderr}`);
    return stdout;
  }
}
