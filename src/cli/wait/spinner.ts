/** A spinner with a text, on stderr. It loads ora, and is loaded only where stderr is a terminal. */
import { Chalk } from 'chalk';
import ora, { type Ora } from 'ora';
import { renderDuration, systemClock } from '../../base/clock.ts';

/** Between two texts, milliseconds. */
const TEXT_MS = 1000;
const LINE_MS = 250;
/** The spinner itself, and the last column, which wraps on some terminals. */
const OWN_COLUMNS = 3;

export class Spinner {
  private readonly ora: Ora;
  private ticker: NodeJS.Timeout | undefined;
  private isShown = false;
  private text = (): string => '';

  /** Undefined on a terminal that reports no size: there ora clears lines in an endless loop. */
  static start(text: string, color: boolean): Spinner | undefined {
    if (!(process.stderr.columns > 0)) return undefined;
    const begun = systemClock.monotonic();
    const spinner = new Spinner(text, color);
    spinner.show();
    spinner.text = () => `${text} ${renderDuration(systemClock.monotonic() - begun)}`;
    spinner.tick(TEXT_MS);
    return spinner;
  }

  /** A line that is rendered again and again for the present width; it appears after `quietMs`. */
  static startLines(line: (columns: number) => string, quietMs: number, color: boolean): Spinner | undefined {
    if (!(process.stderr.columns > 0)) return undefined;
    const { red } = new Chalk({ level: color ? 1 : 0 });
    const text = () => line(process.stderr.columns - OWN_COLUMNS).replace(/[\d,]+ failed/, (bad) => red(bad));
    const spinner = new Spinner(text(), color);
    spinner.text = text;
    spinner.ticker = setTimeout(() => {
      spinner.ora.text = text();
      spinner.show();
      spinner.tick(LINE_MS);
    }, quietMs);
    return spinner;
  }

  private constructor(text: string, color: boolean) {
    // stdin stays untouched: the next command of the shell may read it
    this.ora = ora({ text, stream: process.stderr, discardStdin: false, color: color && 'cyan' });
  }

  private show(): void {
    this.isShown = true;
    this.ora.start();
  }
  private tick(everyMs: number): void {
    this.ticker = setInterval(() => {
      this.ora.text = this.text();
    }, everyMs);
  }

  /** Clears the line, so that others can write. */
  pause(): void {
    if (this.isShown) this.ora.stop();
  }
  resume(): void {
    if (!this.isShown) return;
    this.ora.text = this.text();
    this.ora.start();
  }
  stop(): void {
    clearTimeout(this.ticker);
    this.ora.stop();
  }
}
