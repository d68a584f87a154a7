/** A second installation of bgjob with a Node of its own, which a test can take away, damage and put back. */
import * as fs from 'node:fs';
import { join } from 'node:path';
import { type Call, type CallOptions, type Rig, ROOT } from './rig.ts';

export class Installed {
  readonly dir: string;
  readonly node: string;

  constructor(
    private readonly rig: Rig,
    name: string,
  ) {
    this.dir = join(rig.dir, name);
    this.node = join(this.dir, 'node');
    fs.mkdirSync(this.dir);
    for (const part of ['bin', 'dist', 'package.json'])
      fs.cpSync(join(ROOT, part), join(this.dir, part), { recursive: true });
    try {
      fs.linkSync(process.execPath, this.node);
    } catch {
      fs.copyFileSync(process.execPath, this.node, fs.constants.COPYFILE_FICLONE);
    }
  }

  file(name: string): string {
    return join(this.dir, name);
  }

  /** Calls it with its own Node. */
  start(args: string[], options: CallOptions = {}): Call {
    return this.rig.start(this.node, ['--', this.file('bin/bgjob'), ...args], options);
  }

  /** `bgjob run ARGS`; the id. */
  async run(args: string[]): Promise<number> {
    const { code, stdout, stderr } = await this.start(['run', ...args]).answer;
    if (code !== 0) throw new Error(`run was refused (${code}): ${stderr}`);
    return Number(stdout);
  }

  /** Takes away a part of it: `node`, `dist`, `dist/supervisor.js`. */
  remove(part: string): void {
    fs.rmSync(this.file(part), { recursive: true });
  }
}
