/** `watch` on the screen: keys in, frames out. */
import { homedir } from 'node:os';
import { KEY_TEXT } from '../messages/lists.ts';
import { renderBoard, roomFor } from './frame.ts';
import { type Key, Screen, type ScreenEnd } from './full-screen.ts';
import { Pager } from './log-view.ts';
import type { JobListing, WatchModel, WatchRow } from './model.ts';
import { WakeableSleep } from './wakeable-sleep.ts';

/** The list is read again after this, because ages grow; an open log after a shorter time. Milliseconds. */
const POLL_MS = 1000;
const LOG_POLL_MS = 120;
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

interface Question {
  text: string;
  act: () => void;
}

class View {
  private readonly model: WatchModel;
  private readonly terminal: Terminal;
  private readonly screen: Screen;
  private readonly sleep = new WakeableSleep();
  private end: ScreenEnd | undefined;
  private listing: JobListing = { rows: [], counts: [], rest: [] };
  private rows: WatchRow[] = [];
  private selectedId: number | undefined;
  private selected = 0;
  private top = 0;
  private filter = '';
  private isTyping = false;
  private question: Question | undefined;
  private message: { text: string; failed: boolean; at: number } | undefined;
  private pager: Pager | undefined;
  private isStale = true;

  constructor(model: WatchModel, terminal: Terminal) {
    this.model = model;
    this.terminal = terminal;
    this.screen = new Screen({
      write: (text) => terminal.write(text),
      onKey: (key) => {
        this.press(key);
        this.sleep.wake();
      },
      onDamage: () => this.sleep.wake(),
      onEnd: (why) => {
        this.end ??= why;
        this.sleep.wake();
      },
    });
  }

  async run(): Promise<ScreenEnd> {
    this.screen.open();
    try {
      for (let nextPoll = 0; !this.end; ) {
        if (this.isStale || performance.now() >= nextPoll) {
          this.isStale = false;
          this.listing = await this.model.read();
          nextPoll = performance.now() + POLL_MS - 1;
        }
        this.pager?.refresh();
        if (!this.end) this.draw();
        let changed = false;
        const mostMs = Math.max(
          1,
          this.pager ? Math.min(LOG_POLL_MS, nextPoll - performance.now()) : nextPoll - performance.now(),
        );
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

  private draw(): void {
    this.arrange();
    const { size } = this.screen;
    if (this.message && performance.now() - this.message.at > MESSAGE_MS) this.message = undefined;
    if (this.pager) {
      const { id } = this.pager;
      const row = this.listing.rows.find((one) => one.id === id);
      const message = this.question?.text ?? this.message?.text ?? null;
      this.screen.draw(this.pager.render(row, message, size, this.terminal.color));
      return;
    }
    const home = homedir();
    const project = this.model.project;
    this.screen.draw(
      renderBoard(
        {
          title: project.startsWith(`${home}/`) ? `~${project.slice(home.length)}` : project,
          listing: this.listing,
          rows: this.rows,
          top: this.top,
          selected: this.selected,
          lastLine: (row) => this.model.lastLine(row),
          ports: (row) => this.model.portsCell(row),
          usage: (row) => this.model.usageCells(row),
          everywhere: this.model.everywhere,
          filter: this.filter,
          message: this.messageLine(),
        },
        size,
        this.terminal.color,
      ),
    );
  }

  private messageLine() {
    if (this.isTyping) return { text: `/${this.filter}_`, kind: 'typed' as const };
    if (this.question) return { text: this.question.text, kind: 'question' as const };
    if (!this.message) return null;
    return { text: this.message.text, kind: this.message.failed ? ('failed' as const) : ('info' as const) };
  }

  /** Applies the filter; the selected job stays selected wherever it stands now. */
  private arrange(): void {
    const wanted = this.filter.toLowerCase().split(/\s+/);
    const texts = ({ id, name, state, command }: WatchRow) =>
      `${id} ${name ?? ''} ${state} ${command}`.toLowerCase();
    this.rows = this.listing.rows.filter((row) => wanted.every((word) => texts(row).includes(word)));
    // until a key moves it the selection stays at the top
    const at = this.rows.findIndex(({ id }) => id === this.selectedId);
    this.select(this.selectedId === undefined ? 0 : at >= 0 ? at : this.selected);
  }

  private select(index: number): void {
    this.selected = Math.max(0, Math.min(this.rows.length - 1, index));
    if (this.selectedId !== undefined) this.selectedId = this.rows[this.selected]?.id;
    const room = roomFor(this.screen.size.rows);
    this.top = Math.min(Math.max(0, this.rows.length - room), this.top);
    if (this.selected < this.top) this.top = this.selected;
    if (this.selected >= this.top + room) this.top = this.selected - room + 1;
  }

  private press(key: Key): void {
    if (this.question) {
      const { act } = this.question;
      this.question = undefined;
      if (key.name === 'y') act();
    } else if (this.isTyping) this.type(key);
    else if (this.pager) this.pressInLog(this.pager, key);
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
    const page = roomFor(this.screen.size.rows) - 1;
    if (name === 'up' || name === 'k') this.select(this.selected - 1);
    else if (name === 'down' || name === 'j') this.select(this.selected + 1);
    else if (name === 'pageup') this.select(this.selected - page);
    else if (name === 'pagedown' || name === 'space') this.select(this.selected + page);
    else if (name === 'home' || text === 'g') this.select(0);
    else if (name === 'end' || text === 'G') this.select(this.rows.length - 1);
    else if (text === '/') {
      this.isTyping = true;
      this.message = undefined;
    } else if (name === 'escape') this.filter = '';
    else if (name === 'a') {
      this.model.everywhere = !this.model.everywhere;
      this.isStale = true;
    } else if (name === 'q') this.end ??= 'SIGINT';
    else if (row && (name === 'return' || name === 'enter' || name === 'l' || name === 'right'))
      this.pager = new Pager(this.model, row);
    else if (row) this.pressOn(row, name);
  }

  private pressInLog(pager: Pager, { name, text }: Key): void {
    const row = this.listing.rows.find(({ id }) => id === pager.id);
    if (name === 'q' || name === 'escape' || name === 'left' || name === 'h') this.pager = undefined;
    else if (name === 'up' || name === 'k') pager.scroll(-1);
    else if (name === 'down' || name === 'j') pager.scroll(1);
    else if (name === 'pageup' || name === 'b') pager.scroll(-1, 'pages');
    else if (name === 'pagedown' || name === 'space') pager.scroll(1, 'pages');
    else if (name === 'home' || text === 'g') pager.toStart();
    else if (name === 'end' || text === 'G') pager.follow();
    else if (name === 'e' && row?.isSplit) pager.toggle();
    else if (row) this.pressOn(row, name);
  }

  /** A verb for the selected job; one that stops it is confirmed first. */
  private pressOn(row: WatchRow, name: string): void {
    const state = row.isLive ? row.state : `${row.state}, ended`;
    if (name === 'x')
      this.question = {
        text: KEY_TEXT.kill(row.label, state),
        act: () => this.act('kill', row, `killing ${row.label}...`),
      };
    else if (name === 'r')
      this.question = {
        text: KEY_TEXT.restart(row.label, row.state, row.isLive),
        act: () => this.act('restart', row, `restarting ${row.label}...`),
      };
    else if (name === 'p') this.act(row.isPaused ? 'resume' : 'pause', row, `${row.label}...`);
  }

  private act(verb: string, row: WatchRow, text: string): void {
    this.show(text, false);
    this.model.act(verb, row).then(
      ({ text: result, failed, id }) => {
        this.show(result, failed);
        // the new job takes the place of the old one
        if (id !== undefined && this.selectedId === row.id) this.selectedId = id;
        if (id !== undefined && this.pager?.id === row.id) this.pager = new Pager(this.model, { ...row, id });
      },
      (thrown: unknown) => this.show(String(thrown), true),
    );
  }

  private show(text: string, failed: boolean): void {
    this.message = { text, failed, at: performance.now() };
    this.isStale = true;
    this.sleep.wake();
  }
}
