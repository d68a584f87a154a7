/**
 * Requests and answers over a session with the control program: one line each, answered in order, each answer
 * ended by a line of one dot. If the session ends, or gives no answer for long, all open requests fail as
 * `unreachable`: nothing is known of what became of them.
 */
import { callAfter } from '../../base/clock.ts';
import { type FarSession, TargetError } from './engine.ts';

export interface FarAnswer {
  lines: string[];
  bytes: Buffer;
}

interface Request {
  resolve(answer: FarAnswer): void;
  reject(error: TargetError): void;
}

export class FarChannel {
  isOpen = true;
  private readonly requests: Request[] = [];
  private buffer: Buffer = Buffer.alloc(0);
  private lines: string[] = [];
  private bytes: Buffer = Buffer.alloc(0);
  private missing = 0;
  private cancel: () => void = () => {};

  constructor(
    private readonly session: FarSession,
    private readonly answerMs: number,
  ) {
    session.onData((bytes) => this.take(bytes));
    void session.ended.then((said) => this.fail(said));
  }

  request(text: string): Promise<FarAnswer> {
    if (!this.isOpen) return Promise.reject(new TargetError('unreachable', 'connection-lost', ''));
    return new Promise((resolve, reject) => {
      this.requests.push({ resolve, reject });
      if (this.requests.length === 1) this.arm();
      this.session.write(text);
    });
  }

  close(): void {
    this.fail('');
    this.session.close();
  }

  /** Each byte that comes is a sign of life. */
  private arm(): void {
    this.cancel();
    this.cancel = this.requests.length === 0 ? () => {} : callAfter(this.answerMs, () => this.close());
  }

  private fail(said: string): void {
    this.isOpen = false;
    this.cancel();
    const error = new TargetError('unreachable', 'connection-lost', said);
    for (const { reject } of this.requests.splice(0)) reject(error);
  }

  private take(bytes: Buffer): void {
    this.buffer = this.buffer.length === 0 ? bytes : Buffer.concat([this.buffer, bytes]);
    for (;;) {
      if (this.missing > 0) {
        if (this.buffer.length < this.missing) break;
        this.bytes = Buffer.concat([this.bytes, this.buffer.subarray(0, this.missing)]);
        this.buffer = this.buffer.subarray(this.missing);
        this.missing = 0;
      }
      const end = this.buffer.indexOf(0x0a);
      if (end < 0) break;
      const line = this.buffer.toString('utf8', 0, end);
      this.buffer = this.buffer.subarray(end + 1);
      if (line === '.') this.answer();
      else if (line.startsWith('bytes ')) this.missing = Number(line.slice(6)) || 0;
      else if (line !== '') this.lines.push(line);
    }
    this.arm();
  }

  private answer(): void {
    const { lines, bytes } = this;
    this.lines = [];
    this.bytes = Buffer.alloc(0);
    this.requests.shift()?.resolve({ lines, bytes });
  }
}
