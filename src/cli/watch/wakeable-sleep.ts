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
