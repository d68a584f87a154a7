/** The last lines of one log of a job, read again only when it has changed. They stay when the log is gone. */
import type { Stream } from '../../job/log/log.ts';
import type { JobId } from '../../job/spec.ts';
import { expandTabs } from '../output/styled.ts';
import type { LogAmount, LogEnding, WatchModel } from './model.ts';

const NOTHING: LogEnding = { lines: [], starts: [], bytes: 0, isWhole: true };

export class LogTail {
  stream: Stream = 'log';
  /** No tabs; styles as in base/text/sgr.ts. */
  ending = NOTHING;
  private stamp: string | undefined;
  private readonly model: WatchModel;
  readonly id: JobId;
  private readonly most: LogAmount;
  private readonly clipAt: number;
  private readonly color: boolean;

  constructor(model: WatchModel, id: JobId, most: LogAmount, clipAt: number, color: boolean) {
    this.model = model;
    this.id = id;
    this.most = most;
    this.clipAt = clipAt;
    this.color = color;
  }

  /** Shows this log from the next read on. */
  choose(stream: Stream): void {
    if (stream === this.stream) return;
    [this.stream, this.ending, this.stamp] = [stream, NOTHING, undefined];
  }

  /** Reads the log again if it changed; returns whether it did. */
  refresh(): boolean {
    const stamp = this.model.logStamp(this.id, this.stream);
    if (stamp === this.stamp) return false;
    this.stamp = stamp;
    const read = this.model.readLog(this.id, this.stream, this.most, this.color, this.clipAt);
    if (!read) return false;
    this.ending = { ...read, lines: read.lines.map(expandTabs) };
    return true;
  }
}
