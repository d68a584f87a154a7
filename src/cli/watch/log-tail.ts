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
  /** There is newer output, which is not read as long as a reader looks at lines that would be lost. */
  isBehind = false;
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
    [this.stream, this.ending, this.stamp, this.isBehind] = [stream, NOTHING, undefined, false];
  }

  /**
   * Reads the log again if it changed; returns whether it did. `kept`: the offset of a line that must not be
   * lost; null: there is none.
   */
  refresh(kept: number | null = null): boolean {
    if (this.isBehind && kept !== null) return false;
    const stamp = this.model.logStamp(this.id, this.stream);
    if (stamp === this.stamp) return false;
    this.stamp = stamp;
    const read = this.model.readLog(this.id, this.stream, this.most, this.color, this.clipAt);
    if (!read) return false;
    this.isBehind = kept !== null && (read.starts[0] ?? Number.POSITIVE_INFINITY) > kept;
    if (this.isBehind) {
      this.stamp = undefined;
      return true;
    }
    this.ending = { ...read, lines: read.lines.map(expandTabs) };
    return true;
  }
}
