/**
 * The frame of an open log: its last lines, wrapped. The view follows the log unless it was scrolled back.
 */
import { Chalk } from 'chalk';
import { renderSize } from '../../base/clock.ts';
import type { Stream } from '../../job/log/log.ts';
import { beginningHint } from '../messages/wait.ts';
import { cut, wrap } from '../output/columns.ts';
import { keyLine } from './frame.ts';
import type { WatchModel, WatchRow } from './model.ts';

/** So much of the log can be scrolled; `tail` shows the rest. */
const MOST_LINES = 5000;
const MOST_BYTES = 512 * 1024;
const TAB = '        ';

const KEYS: [string, string][] = [
  ['↑↓', 'scroll'],
  ['G', 'follow'],
  ['x', 'kill'],
  ['r', 'restart'],
  ['e', 'stderr'],
  ['q', 'back'],
];

export class Pager {
  readonly id: number;
  private readonly model: WatchModel;
  private stream: Stream = 'log';
  private read = { stamp: '-', size: 0, lines: [] as string[] };
  private wrapped: { columns: number; from: string[]; lines: string[] } | undefined;
  /** Lines below the window; 0: it follows. */
  private below = 0;
  private page = 1;

  constructor(model: WatchModel, row: WatchRow) {
    this.model = model;
    this.id = row.id;
  }

  /** Reads the log again if it changed; returns whether it did. */
  refresh(): boolean {
    const stamp = this.model.logStamp(this.id, this.stream);
    if (stamp === this.read.stamp) return false;
    const { lines, bytes: size } = this.model.logLines(this.id, this.stream, MOST_LINES, MOST_BYTES);
    const before = this.wrapped?.lines.length ?? 0;
    this.read = { stamp, size, lines: lines.map((line) => line.replaceAll('\t', TAB)) };
    // a view that was scrolled back stays where it is
    if (this.below > 0 && this.wrapped) this.below += this.wrap(this.wrapped.columns).length - before;
    return true;
  }

  /** Moves by so many lines, or pages; up is back. */
  scroll(by: number, unit: 'lines' | 'pages' = 'lines'): void {
    this.below = Math.max(0, this.below - by * (unit === 'pages' ? this.page : 1));
  }
  follow(): void {
    this.below = 0;
  }
  toStart(): void {
    this.below = Number.MAX_SAFE_INTEGER;
  }
  /** The other stream, where there are two. */
  toggle(): void {
    this.stream = this.stream === 'log' ? 'err' : 'log';
    this.read = { stamp: '-', size: 0, lines: [] };
    this.below = 0;
  }

  /** `row`: undefined if the job is gone. */
  render(
    row: WatchRow | undefined,
    message: string | null,
    { columns, rows }: { columns: number; rows: number },
    color: boolean,
  ): string[] {
    const chalk = new Chalk({ level: color ? 1 : 0 });
    const room = Math.max(1, rows - 3);
    this.page = Math.max(1, room - 1);
    const lines = this.wrap(columns);
    this.below = Math.min(this.below, Math.max(0, lines.length - room));
    const end = lines.length - this.below;
    const shown = lines.slice(Math.max(0, end - room), end);
    const where = this.below > 0 ? `${this.below} lines below` : row?.isLive ? 'following' : 'end';
    const size = renderSize(this.read.size);
    const head = row
      ? `${row.label}  ${row.state}  ${this.stream === 'err' ? 'stderr  ' : ''}${size}  ${where}`
      : `job ${this.id} was removed`;
    const blank = lines.length === 0 ? ['', '  no output yet'] : shown;
    const isAll = this.read.size <= MOST_BYTES && this.read.lines.length < MOST_LINES;
    const cutOff = isAll || this.below + room < lines.length ? '' : beginningHint(this.id);
    return [
      chalk.bold(cut(head, columns)),
      ...blank,
      ...new Array<string>(Math.max(0, room - blank.length)).fill(''),
      message === null
        ? chalk.dim(cut(cutOff || (row?.command ?? ''), columns))
        : chalk.bold(cut(message, columns)),
      keyLine(
        KEYS.filter(([key]) => key !== 'e' || row?.isSplit),
        columns,
        color,
      ),
    ];
  }

  private wrap(columns: number): string[] {
    if (this.wrapped?.columns !== columns || this.wrapped.from !== this.read.lines) {
      const lines = this.read.lines.flatMap((line) => wrap(line, columns));
      this.wrapped = { columns, from: this.read.lines, lines };
    }
    return this.wrapped.lines;
  }
}
