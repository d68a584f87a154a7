/** `watch` on the screen: keys in, frames out. */
import { homedir } from 'node:os';
import { KEY_TEXT } from '../messages/lists.ts';
import { layoutBoard, renderBoard } from './frame.ts';
import { type Key, Screen, type ScreenEnd, WakeableSleep } from './full-screen.ts';
import { helpPages } from './keys.ts';
import { LogTail } from './log-tail.ts';
import { Pager } from './log-view.ts';
import type { JobListing, WatchModel, WatchRow } from './model.ts';

/** The list is read again after this, because ages grow; then a log that is shown. Milliseconds. */
const POLL_MS = 1000;
const LOG_POLL_MS = 120;
const LOG_END_POLL_MS = 250;
/** A log that takes long to read is read seldom: it takes at most one part in so many of the time. */
const LOG_SHARE = 8;
/** So much of the log is read for the list. */
const LOG_END = { lines: 200, bytes: 32 * 1024 };
const LOG_END_CLIP = 500;
/** A message stays for so long, milliseconds. */
const MESSAGE_MS = 8000;

export interface Terminal {
  write(text: string): void;
  color: boolean;
}

/** The live view of jobs, until a key or a signal ends it. */
export async function viewJobs(model: WatchModel, terminal: Terminal): Promise<ScreenEnd> {
  const view = new View(model, terminal);
  return view.run();
}

/** Whether a verb is meant for a job. */
interface Question {
  verb: 'kill' | 'restart';
  id: number;
}
/** Cells that are read only for rows that are shown. */
interface SlowCells {
  lastLine: string;
  ports: string;
  usage: [cpu: string, memory: string];
}

class View {
  private readonly model: WatchModel;
  private readonly terminal: Terminal;
  private readonly screen: Screen;
  private readonly sleep = new WakeableSleep();
  private end: ScreenEnd | undefined;
  private listing: JobListing = { rows: [], counts: [], rest: [], none: '' };
  private readonly cells = new Map<number, SlowCells>();
  private rows: WatchRow[] = [];
  private selectedId: number | undefined;
  private selected = 0;
  private top = 0;
  private filter = '';
  private failuresOnly = false;
  private isTyping = false;
  private question: Question | undefined;
  private message: { text: string; failed: boolean; at: number } | undefined;
  private pager: Pager | undefined;
  /** The end of the log of the selected job. */
  private logEnd: LogTail | undefined;
  /** The page of help that is shown. */
  private help: number | undefined;
  private isStale = true;
  private isDamaged = true;

  constructor(model: WatchModel, terminal: Terminal) {
    this.model = model;
    this.terminal = terminal;
    this.screen = new Screen({
      write: (text) => terminal.write(text),
      onKey: (key) => {
        this.press(key);
        this.redraw();
      },
      onDamage: () => this.redraw(),
      onEnd: (why) => {
        this.end ??= why;
        this.sleep.wake();
      },
    });
  }

  async run(): Promise<ScreenEnd> {
    this.screen.open();
    try {
      for (let [nextPoll, nextLog] = [0, 0]; !this.end; ) {
        if (this.isStale || performance.now() >= nextPoll) {
          this.isStale = false;
          this.listing = await this.model.read();
          this.cells.clear();
          this.settleQuestion();
          this.isDamaged = true;
          nextPoll = performance.now() + POLL_MS - 1;
        }
        if (this.isDamaged || performance.now() >= nextLog) {
          const begun = performance.now();
          if (this.isDamaged) this.arrange();
          if (this.refreshLog()) this.isDamaged = true;
          if (this.isDamaged && !this.end) this.draw();
          const took = performance.now() - begun;
          nextLog = performance.now() + Math.max(this.logPollMs(), took * LOG_SHARE);
          this.isDamaged = false;
        }
        let changed = false;
        const mostMs = Math.max(1, Math.min(nextPoll, nextLog) - performance.now());
        await this.sleep.for(async (abort) => {
          changed = await this.model.wait(mostMs, abort);
        });
        if (changed) this.isStale = true;
      }
    } finally {
      this.screen.close();
    }
    return this.end!;
  }

  private redraw(): void {
    this.isDamaged = true;
    this.sleep.wake();
  }

  /** How soon a shown log is asked for more. One of a job that has ended seldom grows. */
  private logPollMs(): number {
    const id = this.pager?.id ?? this.logEnd?.id;
    const isLive = this.listing.rows.find((row) => row.id === id)?.isLive === true;
    if (!isLive) return POLL_MS;
    return this.pager ? LOG_POLL_MS : LOG_END_POLL_MS;
  }

  /** Reads the log that is shown, if it changed; returns whether it did. */
  private refreshLog(): boolean {
    if (this.pager) return this.pager.refresh();
    const row = this.rows[this.selected];
    const isShown = row !== undefined && layoutBoard(this.screen.size, this.rows.length).log > 0;
    if (!isShown) this.logEnd = undefined;
    else {
      if (this.logEnd?.id !== row.id)
        this.logEnd = new LogTail(this.model, row.id, LOG_END, {
          ...{ styled: this.terminal.color, clipAt: LOG_END_CLIP, byLine: false },
        });
      if (row.isSplit) this.logEnd.choose(this.model.newestStream(row).stream);
    }
    return this.logEnd?.refresh() === true;
  }

  private draw(): void {
    const { size } = this.screen;
    const { color } = this.terminal;
    if (this.message && performance.now() - this.message.at > MESSAGE_MS) this.message = undefined;
    if (this.help !== undefined) {
      const pages = helpPages(size, color);
      this.help = Math.min(this.help, pages.length - 1);
      this.screen.draw(pages[this.help]!);
    } else if (this.pager) {
      const { id } = this.pager;
      const row = this.listing.rows.find((one) => one.id === id);
      const text = this.questionText() ?? this.message?.text;
      const message = text === undefined ? null : { text, isQuestion: this.question !== undefined };
      this.screen.draw(this.pager.render(row, message, size, color));
    } else this.screen.draw(this.drawBoard());
  }

  private drawBoard(): string[] {
    const home = homedir();
    const { project, everywhere } = this.model;
    const row = this.rows[this.selected];
    const isErr = this.logEnd?.stream === 'err';
    return renderBoard(
      {
        title: project.startsWith(`${home}/`) ? `~${project.slice(home.length)}` : project,
        listing: this.listing,
        rows: this.rows,
        top: this.top,
        selected: this.selected,
        cellsOf: (one) => this.cellsOf(one),
        log: {
          stream: row?.isSplit ? (isErr ? 'stderr' : 'stdout') : '',
          lines: this.logEnd?.ending.lines ?? [],
        },
        everywhere,
        failuresOnly: this.failuresOnly,
        filter: this.filter,
        message: this.messageLine(),
      },
      this.screen.size,
      this.terminal.color,
    );
  }

  /** Read once for each reading of the list. */
  private cellsOf(row: WatchRow): SlowCells {
    const known = this.cells.get(row.id);
    if (known) return known;
    const { model } = this;
    const cells = {
      ...{ lastLine: model.lastLine(row), ports: model.portsCell(row), usage: model.usageCells(row) },
    };
    this.cells.set(row.id, cells);
    return cells;
  }

  private messageLine() {
    if (this.isTyping) return { text: `/${this.filter}_`, kind: 'typed' as const };
    const question = this.questionText();
    if (question !== undefined) return { text: question, kind: 'question' as const };
    if (!this.message) return null;
    return { text: this.message.text, kind: this.message.failed ? ('failed' as const) : ('info' as const) };
  }

  /** Applies the filter; the selected job stays selected wherever it stands now. */
  private arrange(): void {
    const wanted = this.filter.toLowerCase().split(/\s+/);
    const texts = ({ id, name, state, command }: WatchRow) =>
      `${id} ${name ?? ''} ${state} ${command}`.toLowerCase();
    this.rows = this.listing.rows.filter(
      (row) =>
        (!this.failuresOnly || row.tone === 'bad') && wanted.every((word) => texts(row).includes(word)),
    );
    // until a key moves it the selection stays at the top
    const at = this.rows.findIndex(({ id }) => id === this.selectedId);
    this.select(this.selectedId === undefined ? 0 : at >= 0 ? at : this.selected);
  }

  /** How many jobs the window shows. */
  private get listRoom(): number {
    return layoutBoard(this.screen.size, this.rows.length).jobs;
  }

  private select(index: number): void {
    this.selected = Math.max(0, Math.min(this.rows.length - 1, index));
    if (this.selectedId !== undefined) this.selectedId = this.rows[this.selected]?.id;
    const room = this.listRoom;
    this.top = Math.min(Math.max(0, this.rows.length - room), this.top);
    if (this.selected < this.top) this.top = this.selected;
    if (this.selected >= this.top + room) this.top = this.selected - room + 1;
  }

  private press(key: Key): void {
    if (this.help !== undefined) {
      const pages = helpPages(this.screen.size, false).length;
      this.help = this.help + 1 < pages ? this.help + 1 : undefined;
    } else if (this.question) {
      const { verb } = this.question;
      const row = this.questioned();
      this.question = undefined;
      if (key.name === 'y' && row)
        this.act(verb, row, `${verb === 'kill' ? 'killing' : 'restarting'} ${row.label}...`);
    } else if (this.isTyping) this.type(key);
    else if (this.pager) this.pressInLog(this.pager, key);
    else if (key.text === '?') this.help = 0;
    else this.pressInList(key);
  }

  private type({ name, text }: Key): void {
    if (name === 'return' || name === 'enter') this.isTyping = false;
    else if (name === 'escape') {
      this.isTyping = false;
      this.filter = '';
    } else if (name === 'backspace') this.filter = [...this.filter].slice(0, -1).join('');
    else this.filter += text;
  }

  private pressInList({ name, text }: Key): void {
    const row = this.rows[this.selected];
    this.selectedId = row?.id;
    const page = Math.max(1, this.listRoom - 1);
    if (name === 'up' || name === 'k') this.select(this.selected - 1);
    else if (name === 'down' || name === 'j') this.select(this.selected + 1);
    else if (name === 'pageup') this.select(this.selected - page);
    else if (name === 'pagedown' || name === 'space') this.select(this.selected + page);
    else if (name === 'home' || text === 'g') this.select(0);
    else if (name === 'end' || text === 'G') this.select(this.rows.length - 1);
    else if (text === '/') {
      this.isTyping = true;
      this.message = undefined;
    } else if (name === 'escape') [this.filter, this.failuresOnly] = ['', false];
    else if (text === 'F') this.failuresOnly = !this.failuresOnly;
    else if (name === 'a') {
      this.model.everywhere = !this.model.everywhere;
      this.isStale = true;
    } else if (name === 'q') this.end ??= 'SIGINT';
    else if (row && (name === 'return' || name === 'enter' || name === 'l' || name === 'right'))
      this.pager = new Pager(this.model, row, this.terminal.color);
    else if (row) this.pressOn(row, name);
  }

  private pressInLog(pager: Pager, key: Key): void {
    const row = this.listing.rows.find(({ id }) => id === pager.id);
    const done = pager.press(key, row);
    if (done === 'back') this.pager = undefined;
    else if (typeof done === 'object') this.show(done.message, false);
    else if (done === 'done') this.message = undefined;
    else if (key.text === '?') this.help = 0;
    else if (row) this.pressOn(row, key.name);
  }

  /** The job of the question, as it is now. */
  private questioned(): WatchRow | undefined {
    return this.listing.rows.find(({ id }) => id === this.question?.id);
  }

  private questionText(): string | undefined {
    const row = this.questioned();
    if (!this.question || !row) return undefined;
    const { label, state, isLive, isWaiting } = row;
    if (this.question.verb === 'restart') return KEY_TEXT.restart(label, state, isLive);
    if (isWaiting) return KEY_TEXT.cancel(label, state);
    return KEY_TEXT.kill(label, isLive ? state : `${state}, ended`);
  }

  /** Nothing is asked any more about a job that is gone, or that has nothing left to kill. */
  private settleQuestion(): void {
    if (!this.question) return;
    const row = this.questioned();
    if (row && (this.question.verb === 'restart' || row.mayKill)) return;
    this.question = undefined;
    if (row) this.show(KEY_TEXT.notKilled(row.label, row.state), false);
  }

  /** A verb for the selected job; one that stops it is confirmed first. */
  private pressOn(row: WatchRow, name: string): void {
    const { id, label, whyNoRestart } = row;
    if (name === 'x' && !row.mayKill) this.show(KEY_TEXT.notKilled(label, row.state), false);
    else if (name === 'r' && whyNoRestart !== null)
      this.show(KEY_TEXT.notRestarted(label, whyNoRestart), false);
    else if (name === 'x') this.question = { verb: 'kill', id };
    else if (name === 'r') this.question = { verb: 'restart', id };
    else if (name === 'p') this.act(row.isPaused ? 'resume' : 'pause', row, `${label}...`);
  }

  private act(verb: string, row: WatchRow, text: string): void {
    this.show(text, false);
    this.model.act(verb, row).then(
      ({ text: result, failed, id }) => {
        this.show(result, failed);
        // the new job takes the place of the old one
        if (id !== undefined && this.selectedId === row.id) this.selectedId = id;
        if (id !== undefined && this.pager?.id === row.id)
          this.pager = new Pager(this.model, { ...row, id }, this.terminal.color);
      },
      (thrown: unknown) => this.show(String(thrown), true),
    );
  }

  private show(text: string, failed: boolean): void {
    this.message = { text, failed, at: performance.now() };
    this.isStale = true;
    this.redraw();
  }
}
