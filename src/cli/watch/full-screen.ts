/**
 * The whole terminal for a while: the alternate screen, raw keys, no cursor; and everything as it was at the end, whatever ends it:
 * a signal, ^Z and fg, an exception, a terminal that is closed. A frame is compared with the one before, and only lines that differ
 * are written, in one piece: nothing flickers, and nothing is written where nothing changes.
 */
import { emitKeypressEvents, type Key as ReadlineKey } from 'node:readline';
import { isatty, type ReadStream, type WriteStream } from 'node:tty';
import {
  beginSynchronizedOutput,
  cursorHide,
  cursorShow,
  cursorTo,
  endSynchronizedOutput,
  enterAlternativeScreen,
  eraseEndLine,
  eraseScreen,
  exitAlternativeScreen,
} from 'ansi-escapes';

const RESET = '\x1b[0m';
const WRAP_OFF = '\x1b[?7l';
const WRAP_ON = '\x1b[?7h';
/** An Esc that no sequence follows within this time is the key, milliseconds. */
const ESCAPE_MS = 50;
/** Where nobody continues us after ^Z (no shell that knows jobs), we do, milliseconds. */
const RESUME_MS = 100;

/** A key as it was typed: its name (`up`, `return`, `a`), and its text where it has one. */
export interface Key {
  name: string;
  text: string;
}
/** What ends the use of the screen from outside. */
export type Leave = 'SIGINT' | 'SIGTERM' | 'SIGHUP' | 'closed';

export interface ScreenUse {
  /** Writes to the terminal; throws where it is gone. */
  write(text: string): void;
  onKey(key: Key): void;
  /** The window has another size, or was covered: a new frame is needed. */
  onDamage(): void;
  onLeave(why: Leave): void;
}

export class Screen {
  private readonly use: ScreenUse;
  private readonly input = process.stdin as ReadStream;
  private shown: string[] | undefined;
  private isOpen = false;
  private readonly undo: (() => void)[] = [];

  constructor(use: ScreenUse) {
    this.use = use;
  }

  /** Takes the terminal. */
  open(): void {
    this.on(process, 'exit', () => this.restore());
    this.on(process, 'SIGWINCH', () => this.damage());
    this.on(process, 'SIGCONT', () => this.resume());
    this.on(process, 'SIGTSTP', this.stop);
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
      this.on(process, signal, () => this.use.onLeave(signal));
    this.on(this.input, 'end', () => this.use.onLeave('closed'));
    this.on(this.input, 'error', () => this.use.onLeave('closed'));
    emitKeypressEvents(this.input, { escapeCodeTimeout: ESCAPE_MS } as never);
    this.on(this.input, 'keypress', (text, key) => this.typed(text, key));
    this.enter();
    this.input.resume();
  }

  /** Gives it back as it was. */
  close(): void {
    this.restore();
    for (const act of this.undo.splice(0)) act();
    this.input.pause();
  }

  /** Columns and rows for frames; the last column stays free, where erasing the rest of a line would take a character with it. */
  get size(): { columns: number; rows: number } {
    const [columns, rows] = isatty(1) ? (process.stdout as WriteStream).getWindowSize() : [0, 0];
    return { columns: Math.max(1, (columns || 80) - 1), rows: rows || 24 };
  }

  /** Shows these lines from the top; no more than there are rows, none wider than the window. */
  draw(lines: string[]): void {
    if (!this.isOpen) return;
    const { rows } = this.size;
    const frame = Array.from({ length: rows }, (_, row) => lines[row] ?? '');
    let text = this.shown ? '' : eraseScreen;
    for (const [row, line] of frame.entries())
      if (line !== (this.shown?.[row] ?? '')) text += cursorTo(0, row) + line + RESET + eraseEndLine;
    this.shown = frame;
    if (text !== '') this.write(beginSynchronizedOutput + text + endSynchronizedOutput);
  }

  /** As ^Z does it: the screen as it was, and the whole line of the shell stands still. */
  suspend(): void {
    this.stopBy(0);
  }

  private damage(): void {
    this.shown = undefined;
    this.use.onDamage();
  }

  private enter(): void {
    if (this.isOpen) return;
    // first of all: in the background this stops us, before anything is drawn
    this.input.setRawMode(true);
    this.isOpen = true;
    this.shown = undefined;
    this.write(enterAlternativeScreen + cursorHide + WRAP_OFF);
  }

  private restore(): void {
    if (!this.isOpen) return;
    this.isOpen = false;
    this.write(RESET + WRAP_ON + cursorShow + exitAlternativeScreen);
    try {
      this.input.setRawMode(false);
    } catch {
      // the terminal is gone
    }
  }

  private write(text: string): void {
    try {
      this.use.write(text);
    } catch {
      this.isOpen = false;
      this.use.onLeave('closed');
    }
  }

  private readonly stop = (): void => this.stopBy(process.pid);

  private stopBy(pid: number): void {
    this.restore();
    // without a listener it does what it does to any program
    process.removeListener('SIGTSTP', this.stop);
    process.kill(pid, 'SIGTSTP');
    setTimeout(() => this.resume(), RESUME_MS);
  }

  /** Somebody let us go on: the shell had the terminal meanwhile, and left it as it likes it. */
  private resume(): void {
    if (!process.listeners('SIGTSTP').includes(this.stop)) process.on('SIGTSTP', this.stop);
    if (this.isOpen) {
      this.input.setRawMode(false);
      this.isOpen = false;
    }
    this.enter();
    this.use.onDamage();
  }

  private typed(text: string | undefined, key: ReadlineKey): void {
    if (key.ctrl && key.name === 'z') this.suspend();
    else if (key.ctrl && key.name === 'c') this.use.onLeave('SIGINT');
    else if (key.ctrl && key.name === 'l') this.damage();
    // Esc itself comes as Alt
    else if (!key.ctrl && (!key.meta || key.name === 'escape'))
      this.use.onKey({ name: key.name ?? text ?? '', text: text !== undefined && text >= ' ' ? text : '' });
  }

  private on(emitter: NodeJS.EventEmitter, event: string, act: (...args: never[]) => void): void {
    const listener = act as () => void;
    emitter.on(event, listener);
    this.undo.push(() => emitter.removeListener(event, listener));
  }
}
