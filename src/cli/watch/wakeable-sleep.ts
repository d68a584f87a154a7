/** A view sleeps between two frames; a key, or the window, wakes it. */

/** Sleeps that a key ends. */
export class WakeableSleep {
  private current: AbortController | undefined;
  private isWoken = false;
  wake(): void {
    this.isWoken = true;
    this.current?.abort();
  }
  /** True if somebody woke us. */
  async nap(sleep: (abort: AbortSignal) => Promise<unknown>): Promise<boolean> {
    this.current = new AbortController();
    if (this.isWoken) this.current.abort();
    await sleep(this.current.signal);
    const wasWoken = this.isWoken;
    this.isWoken = false;
    return wasWoken;
  }
}
