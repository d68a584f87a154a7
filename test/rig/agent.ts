/**
 * A coding agent with a Bash tool, for the stories: each call is a `bash -c` of its own, with stdout and stderr in one pipe that is
 * read to its end; calls and bytes are counted. A mortal session is killed with its whole process group after each call.
 */
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { join } from 'node:path';
import type { Rig } from './rig.ts';
import { CALL_MS } from './until.ts';

export interface ToolAnswer {
  code: number;
  /** What the agent reads. */
  output: string;
  /** Milliseconds. */
  tookMs: number;
}

export interface Session {
  /** Its process group is killed after each call. */
  mortal?: boolean;
  /** The tool's own limit: a call that takes longer has failed, milliseconds. */
  limitMs?: number;
  env?: Record<string, string>;
}

/** A session's shell: runs the call, notes its exit code, lets go of the pipe, and is there until it is killed. */
const SESSION = 'bash -c "$1" 2>&1; echo $? >"$2"; exec sleep 1000 >&- 2>&-';

export class Agent {
  calls = 0;
  bytes = 0;
  private readonly rig: Rig;
  private readonly session: Session;
  constructor(rig: Rig, session: Session = {}) {
    this.rig = rig;
    this.session = session;
  }

  /** One call of the tool. */
  async call(line: string, cwd = this.rig.project): Promise<ToolAnswer> {
    const codeFile = join(this.rig.dir, `call-${++this.calls}`);
    const started = Date.now();
    const shell = ['bash', '-c', SESSION, 'session', line, codeFile];
    const { limitMs = CALL_MS, env = {} } = this.session;
    const { child, stdout, answer } = this.rig.start('setsid', shell, {
      ...{ cwd, limitMs },
      env: { BGJOB_MAX_WAIT: '100s', ...env },
    });
    // a job, a supervisor that held the pipe would be noticed here: the session itself goes on
    await Promise.race([new Promise((resolve) => child.stdout!.once('end', resolve)), answer]);
    const tookMs = Date.now() - started;
    const isOver = fs.existsSync(codeFile);
    process.kill(this.session.mortal || !isOver ? -child.pid! : child.pid!, 'SIGKILL');
    await answer;
    assert.ok(isOver, `longer than the tool allows: ${line}`);
    const output = stdout();
    this.bytes += Buffer.byteLength(output);
    return { code: Number(fs.readFileSync(codeFile, 'utf8')), output, tookMs };
  }

  /** Prints what a story took, and fails if that was too much. */
  tell(story: string, most: { calls: number; bytes?: number }): void {
    console.log(`story (${story}): ${this.calls} calls, ${this.bytes} bytes read`);
    assert.ok(this.calls <= most.calls, `${this.calls} calls`);
    assert.ok(this.bytes <= (most.bytes ?? Number.POSITIVE_INFINITY), `${this.bytes} bytes`);
  }
}
