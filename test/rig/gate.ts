/** A gate before which jobs wait without a poll: a FIFO from which they read, and that ends for all of them when it is opened. */
import { spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import { join } from 'node:path';
import type { Rig } from './rig.ts';

const { O_RDWR, O_NONBLOCK } = fs.constants;

export class Gate {
  /** A shell line that waits there, and passes at once when it is open. */
  readonly line: string;
  private readonly path: string;
  private readonly fd: number;

  constructor(rig: Rig, name = 'gate') {
    this.path = join(rig.dir, name);
    if (spawnSync('mkfifo', [this.path]).status !== 0) throw new Error(`mkfifo ${this.path}`);
    // a writer: whoever opens it to read does not wait for one, but for what comes
    this.fd = fs.openSync(this.path, O_RDWR | O_NONBLOCK);
    this.line = `{ read -r _ <${this.path}; } 2>/dev/null || :`;
  }

  /** Lets all pass that wait, and all that come later. */
  open(): void {
    // first the name, or who comes in between would wait for another writer
    fs.unlinkSync(this.path);
    fs.closeSync(this.fd);
  }
}
