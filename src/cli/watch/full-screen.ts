/**
 * The whole terminal: the alternate screen, raw keys, no cursor. At the end everything is as before, whatever
 * ends the view: a signal, ^Z and fg, an exception, a closed terminal. Each frame is compared with the one
 * before; only the lines that differ are written, in one write, so that nothing flickers.
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

import { isUtf8, toAscii } from '../output/state-style.ts';

const RESET = '\x1b[0m';
const WRAP_OFF = '\x1b[?7l';
const WRAP_ON = '\x1b[?7h';
/** An Esc without a sequence after it within this time is the key, milliseconds. */
const ESCAPE_MS = 50;
/** After ^Z without a shell that knows jobs the view continues by itself, milliseconds. */
const RESUME_MS = 100;

/** A key: its name (`up`, `return`, `a`), and its text where it has one. */
export interface Key {
  name: string;
  text: string;
}
/** What ends the view from outside. */
export type ScreenEnd = 'SIGINT' | 'SIGTERM' | 'SIGHUP' | 'closed';

export interface ScreenUse {
  /** Writes to the terminal; throws where it is gone. */
  write(text: string): void;
  onKey(key: Key): void;
  /** The window has another size: a new frame is needed. */
  onDamage(): void;
  onEnd(why: ScreenEnd): void;
}

export class Screen {
  private readonly use: ScreenUse;
  private readonly input = process.stdin as ReadStream;
  private shown: string[] | undefined;
  private isOpen = false;
  private readonly undo: (() => void)[] = [];
  private readonly toShow = isUtf8(process.env) ? (line: string) => line : toAscii;

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
      this.on(process, signal, () => this.use.onEnd(signal));
    this.on(this.input, 'end', () => this.use.onEnd('closed'));
    this.on(this.input, 'error', () => this.use.onEnd('closed'));
    emitKeypressEvents(this.input, { escapeCodeTimeout: ESCAPE_MS } as never);
    this.on(this.input, 'keypress', (text, key) => this.typed(text, key));
    this.enter();
    this.input.resume();
  }

  /** Puts the terminal back as it was. */
  close(): void {
    this.restore();
    for (const act of this.undo.splice(0)) act();
    this.input.pause();
  }

  /** Columns and rows for frames. */
  get size(): { columns: number; rows: number } {
    const [columns, rows] = isatty(1) ? (process.stdout as WriteStream).getWindowSize() : [0, 0];
    return { columns: columns || 80, rows: rows || 24 };
  }

  /** Shows these lines from the top: at most as many as there are rows, none wider than the window. */
  draw(lines: string[]): void {
    if (!this.isOpen) return;
    const { rows } = this.size;
    const frame = Array.from({ length: rows }, (_, row) => this.toShow(lines[row] ?? ''));
    let text = this.shown ? '' : eraseScreen;
    // erased first: behind the last column it would erase a character
    for (const [row, line] of frame.entries())
      if (line !== (this.shown?.[row] ?? '')) text += cursorTo(0, row) + eraseEndLine + line + RESET;
    this.shown = frame;
    if (text !== '') this.write(beginSynchronizedOutput + text + endSynchronizedOutput);
  }

  /** As ^Z: puts the terminal back, and stops the whole process group. */
  suspend(): void {
    this.stopBy(0);
  }

  private damage(): void {
    this.shown = undefined;
    this.use.onDamage();
  }

  private enter(): void {
    if (this.isOpen) return;
    // first: in the background this stops the process before anything is drawn
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
      this.use.onEnd('closed');
    }
  }

  private readonly stop = (): void => this.stopBy(process.pid);

  private stopBy(pid: number): void {
    this.restore();
    // without a listener the signal stops the process
    process.removeListener('SIGTSTP', this.stop);
    process.kill(pid, 'SIGTSTP');
    setTimeout(() => this.resume(), RESUME_MS);
  }

  /** The process was continued: the shell had the terminal meanwhile, and changed its modes. */
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
    else if (key.ctrl && key.name === 'c') this.use.onEnd('SIGINT');
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

/** The sleep of a view between two frames: a key, or a change of the window, ends it. */
export class WakeableSleep {
  private current: AbortController | undefined;
  private isWoken = false;
  wake(): void {
    this.isWoken = true;
    this.current?.abort();
  }
  /** Sleeps by `sleep`; true if `wake` was called. */
  async for(sleep: (abort: AbortSignal) => Promise<unknown>): Promise<boolean> {
    this.current = new AbortController();
    if (this.isWoken) this.current.abort();
    await sleep(this.current.signal);
    const wasWoken = this.isWoken;
    this.isWoken = false;
    return wasWoken;
  }
}
