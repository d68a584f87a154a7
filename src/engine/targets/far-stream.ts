/**
 * The log stream of a target: bytes of the logs with their offsets, and ends. Where perl or python3 is there, a
 * program on the far side sends what is new; else the control program is asked, once a second or less often:
 * that costs starts of programs there, and promises no lag.
 */
import { callAfter, sleep } from '../../base/clock.ts';
import {
  type FarSession,
  type FarStream,
  type FollowEvents,
  type Following,
  TargetError,
  type Watched,
} from './engine.ts';
import { FarChannel } from './far-channel.ts';
import { parseFarEnd } from './far-records.ts';

/** A heartbeat comes every two seconds. */
const SILENT_MS = 30_000;

interface Frame {
  uid: string;
  stream: FarStream;
  offset: number;
  length: number;
}

/** Follows by a program that sends by itself. */
export class PushedStream implements Following {
  private buffer: Buffer = Buffer.alloc(0);
  private frame: Frame | undefined;
  private isOver = false;
  private cancel: () => void = () => {};

  constructor(
    readonly grade: Following['grade'],
    private readonly session: FarSession,
    private readonly events: FollowEvents,
    private readonly silentMs = SILENT_MS,
  ) {
    session.onData((bytes) => this.take(bytes));
    void session.ended.then((said) => this.lose(said));
    this.arm();
  }

  watch(jobs: Watched[]): void {
    this.session.write(jobs.map(({ uid, out, err }) => `W ${uid} ${out} ${err ?? '-'}\n`).join(''));
  }

  drop(uids: string[]): void {
    this.session.write(uids.map((uid) => `X ${uid}\n`).join(''));
  }

  close(): void {
    this.isOver = true;
    this.cancel();
    this.session.close();
  }

  private arm(): void {
    this.cancel();
    if (!this.isOver) this.cancel = callAfter(this.silentMs, () => this.lose(''));
  }

  private lose(said: string): void {
    if (this.isOver) return;
    this.close();
    this.events.lost(new TargetError('unreachable', 'connection-lost', said));
  }

  private take(bytes: Buffer): void {
    if (this.isOver) return;
    this.arm();
    this.buffer = this.buffer.length === 0 ? bytes : Buffer.concat([this.buffer, bytes]);
    while (!this.isOver) {
      if (this.frame) {
        const { uid, stream, offset, length } = this.frame;
        if (this.buffer.length < length) return;
        const part = this.buffer.subarray(0, length);
        this.buffer = this.buffer.subarray(length);
        this.frame = undefined;
        this.events.bytes(uid, stream, offset, part);
      } else {
        const end = this.buffer.indexOf(0x0a);
        if (end < 0) return;
        const line = this.buffer.toString('latin1', 0, end);
        this.buffer = this.buffer.subarray(end + 1);
        this.takeLine(line);
      }
    }
  }

  private takeLine(line: string): void {
    const log = /^L (\S+) (out|err) (\d+) (\d+)$/.exec(line);
    if (log) {
      const [, uid, stream, offset, length] = log;
      this.frame = {
        uid: uid!,
        stream: stream as FarStream,
        offset: Number(offset),
        length: Number(length),
      };
      return;
    }
    // an end that is damaged is no end: `look` finds that the job is lost
    const end = line.startsWith('E ') ? parseFarEnd(line.slice(2)) : undefined;
    if (end) this.events.ended(end.uid, end);
    else if (line === 'H') this.events.heartbeat();
  }
}

/** The least time between two rounds of questions. A round takes a quarter of the time at most. */
const ROUND_MS = 1000;
/** So many bytes in one answer. */
const PART = 1 << 20;

/** Follows by asking the control program. */
export class PolledStream implements Following {
  readonly grade = 'sh';
  private readonly jobs = new Map<string, Watched & { ended: boolean }>();
  private readonly channel: FarChannel;
  private isOver = false;
  private wake: () => void = () => {};

  constructor(
    session: FarSession,
    private readonly events: FollowEvents,
    answerMs: number,
  ) {
    this.channel = new FarChannel(session, answerMs);
    void this.run();
  }

  watch(jobs: Watched[]): void {
    for (const job of jobs) this.jobs.set(job.uid, { ...job, ended: false });
    this.wake();
  }

  drop(uids: string[]): void {
    for (const uid of uids) this.jobs.delete(uid);
  }

  close(): void {
    this.isOver = true;
    this.channel.close();
    this.wake();
  }

  private async run(): Promise<void> {
    try {
      while (!this.isOver) {
        const begun = performance.now();
        // the bytes that came before an end are sent before it
        const ends = (await this.round()).filter(({ uid }) => this.jobs.get(uid)?.ended === false);
        if (ends.length > 0) await this.round();
        for (const end of ends) {
          const job = this.jobs.get(end.uid);
          if (job) job.ended = true;
          if (job && !this.isOver) this.events.ended(end.uid, end);
        }
        if (!this.isOver) this.events.heartbeat();
        const woken = new Promise<void>((resolve) => {
          this.wake = resolve;
        });
        await Promise.race([woken, sleep(Math.max(ROUND_MS, 3 * (performance.now() - begun)))]);
      }
    } catch (thrown) {
      if (!(thrown instanceof TargetError)) throw thrown;
      if (this.isOver) return;
      this.close();
      this.events.lost(thrown);
    }
  }

  private async round() {
    if (this.jobs.size === 0) {
      await this.channel.request('L\n');
      return [];
    }
    const { lines } = await this.channel.request('Z\n');
    for (const line of lines) {
      const log = /^z ([A-Za-z0-9-]+)(\.err)? (\d+)$/.exec(line);
      const job = log && this.jobs.get(log[1]!);
      if (!job) continue;
      const stream = log[2] ? 'err' : 'out';
      for (let offset = job[stream]; offset !== null && offset < Number(log[3]) && !this.isOver; ) {
        const { bytes } = await this.channel.request(`R ${job.uid} ${stream} ${offset} ${PART}\n`);
        if (bytes.length === 0 || this.jobs.get(job.uid) !== job) break;
        this.events.bytes(job.uid, stream, offset, bytes);
        offset += bytes.length;
        job[stream] = offset;
      }
    }
    return lines.flatMap((line) => (line.startsWith('e ') ? (parseFarEnd(line.slice(2)) ?? []) : []));
  }
}
