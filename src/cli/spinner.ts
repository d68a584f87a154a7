/** The spinner of a terminal; loads ora, so it is a file of its own that only a terminal loads. */
import ora, { type Ora } from 'ora';
import { renderDuration, systemClock } from '../base/clock.ts';

export class Spinner {
  private readonly ora: Ora;
  private readonly ticker: NodeJS.Timeout;

  /** Undefined on a terminal that reports no size: ora would clear lines without end there, and nothing else would run. */
  static start(text: string): Spinner | undefined {
    return process.stderr.columns > 0 ? new Spinner(text) : undefined;
  }

  private constructor(text: string) {
    const begun = systemClock.monotonic();
    // stdin stays untouched: it may be read by whoever comes after us
    this.ora = ora({ text, stream: process.stderr, discardStdin: false }).start();
    this.ticker = setInterval(() => {
      this.ora.text = `${text} ${renderDuration(systemClock.monotonic() - begun)}`;
    }, 1000);
  }
  /** Clears the line, so that others can write. */
  pause(): void {
    this.ora.stop();
  }
  resume(): void {
    this.ora.start();
  }
  stop(): void {
    clearInterval(this.ticker);
    this.ora.stop();
  }
}
