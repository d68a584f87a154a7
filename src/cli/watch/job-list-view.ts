/** `watch` on the screen: keys in, frames out. */
import { homedir } from 'node:os';
import { renderBoard, roomFor } from './frame.ts';
import { type Key, type Leave, Screen } from './full-screen.ts';
import { Pager } from './log-view.ts';
import type { Sighted, Watching, WatchRow } from './model.ts';
import { WakeableSleep } from './wakeable-sleep.ts';

/** From look to look where nothing wakes us: ages go on. And at an open log. Milliseconds. */
const POLL_MS = 1000;
const LOG_MS = 120;
/** What was said stays for so long, milliseconds. */
const SAID_MS = 8000;

export interface Terminal {
  write(text: string): void;
  color: boolean;
}

/** The live view of jobs until somebody ends it. */
export async function viewJobs(watching: Watching, terminal: Terminal): Promise<Leave> {
  const view = new View(watching, terminal);
  return view.run();
}

interface Question {
  text: string;
  act: () => void;
}

class View {
  private readonly watching: Watching;
  private readonly terminal: Terminal;
  private readonly screen: Screen;
  private readonly naps = new WakeableSleep();
  private left: Leave | undefined;
  private sighted: Sighted = { rows: [], counts: [], rest: [] };
  private rows: WatchRow[] = [];
  private chosenId: number | undefined;
  private chosen = 0;
  private top = 0;
  private filter = '';
  private isTyping = false;
  private question: Question | undefined;
  private said: { text: string; failed: boolean; at: number } | undefined;
  private pager: Pager | undefined;
  private isStale = true;

  constructor(watching: Watching, terminal: Terminal) {
    this.watching = watching;
    this.terminal = terminal;
    this.screen = new Screen({
      write: (text) => terminal.write(text),
      onKey: (key) => {
        this.press(key);
        this.naps.wake();
      },
      onDamage: () => this.naps.wake(),
      onLeave: (why) => {
        this.left ??= why;
        this.naps.wake();
      },
    });
  }

  async run(): Promise<Leave> {
    this.screen.open();
    try {
      for (let nextPoll = 0; !this.left; ) {
        if (this.isStale || performance.now() >= nextPoll) {
          this.isStale = false;
          this.sighted = await this.watching.look();
          nextPoll = performance.now() + POLL_MS - 1;
        }
        this.pager?.refresh();
        if (!this.left) this.draw();
        const moved = { by: false };
        const mostMs = Math.max(
          1,
          this.pager ? Math.min(LOG_MS, nextPoll - performance.now()) : nextPoll - performance.now(),
        );
        await this.naps.nap(async (abort) => {
          moved.by = await this.watching.wait(mostMs, abort);
        });
        if (moved.by) this.isStale = true;
      }
    } finally {
      this.screen.close();
    }
    return this.left!;
  }

  private draw(): void {
    this.arrange();
    const { size } = this.screen;
    if (this.said && performance.now() - this.said.at > SAID_MS) this.said = undefined;
    if (this.pager) {
      const { id } = this.pager;
      const row = this.sighted.rows.find((one) => one.id === id);
      const said = this.question?.text ?? this.said?.text ?? null;
      this.screen.draw(this.pager.render(row, said, size, this.terminal.color));
      return;
    }
    const home = homedir();
    const project = this.watching.project;
    this.screen.draw(
      renderBoard(
        {
          title: project.startsWith(`${home}/`) ? `~${project.slice(home.length)}` : project,
          sighted: this.sighted,
          rows: this.rows,
          top: this.top,
          chosen: this.chosen,
          lastLine: (row) => this.watching.lastLine(row),
          ports: (row) => this.watching.portsCell(row),
          everywhere: this.watching.everywhere,
          filter: this.filter,
          said: this.saying(),
        },
        size,
        this.terminal.color,
      ),
    );
  }

  private saying() {
    if (this.isTyping) return { text: `/${this.filter}_`, kind: 'typed' as const };
    if (this.question) return { text: this.question.text, kind: 'asked' as const };
    if (!this.said) return null;
    return { text: this.said.text, kind: this.said.failed ? ('failed' as const) : ('told' as const) };
  }

  /** What the filter leaves; the chosen job stays chosen wherever it stands now. */
  private arrange(): void {
    const wanted = this.filter.toLowerCase().split(/\s+/);
    const texts = ({ id, name, state, command }: WatchRow) =>
      `${id} ${name ?? ''} ${state} ${command}`.toLowerCase();
    this.rows = this.sighted.rows.filter((row) => wanted.every((word) => texts(row).includes(word)));
    // until somebody moves it stays at the top
    const at = this.rows.findIndex(({ id }) => id === this.chosenId);
    this.choose(this.chosenId === undefined ? 0 : at >= 0 ? at : this.chosen);
  }

  private choose(index: number): void {
    this.chosen = Math.max(0, Math.min(this.rows.length - 1, index));
    if (this.chosenId !== undefined) this.chosenId = this.rows[this.chosen]?.id;
    const room = roomFor(this.screen.size.rows);
    this.top = Math.min(Math.max(0, this.rows.length - room), this.top);
    if (this.chosen < this.top) this.top = this.chosen;
    if (this.chosen >= this.top + room) this.top = this.chosen - room + 1;
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
    const row = this.rows[this.chosen];
    this.chosenId = row?.id;
    const page = roomFor(this.screen.size.rows) - 1;
    if (name === 'up' || name === 'k') this.choose(this.chosen - 1);
    else if (name === 'down' || name === 'j') this.choose(this.chosen + 1);
    else if (name === 'pageup') this.choose(this.chosen - page);
    else if (name === 'pagedown' || name === 'space') this.choose(this.chosen + page);
    else if (name === 'home' || text === 'g') this.choose(0);
    else if (name === 'end' || text === 'G') this.choose(this.rows.length - 1);
    else if (text === '/') {
      this.isTyping = true;
      this.said = undefined;
    } else if (name === 'escape') this.filter = '';
    else if (name === 'a') {
      this.watching.everywhere = !this.watching.everywhere;
      this.isStale = true;
    } else if (name === 'q') this.left ??= 'SIGINT';
    else if (row && (name === 'return' || name === 'enter' || name === 'l' || name === 'right'))
      this.pager = new Pager(this.watching, row);
    else if (row) this.pressOn(row, name);
  }

  private pressInLog(pager: Pager, { name, text }: Key): void {
    const row = this.sighted.rows.find(({ id }) => id === pager.id);
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

  /** What is done to a job; what stops one is asked first. */
  private pressOn(row: WatchRow, name: string): void {
    const state = row.isLive ? row.state : `${row.state}, ended`;
    if (name === 'x')
      this.question = {
        text: `kill ${row.label} (${state}) and all its processes? y/n`,
        act: () => this.act('kill', row, `killing ${row.label}...`),
      };
    else if (name === 'r')
      this.question = {
        text: row.isLive
          ? `stop ${row.label} (${state}) and start it again? y/n`
          : `start ${row.label} (${row.state}) once more? y/n`,
        act: () => this.act('restart', row, `restarting ${row.label}...`),
      };
    else if (name === 'p') this.act(row.isPaused ? 'resume' : 'pause', row, `${row.label}...`);
  }

  private act(verb: string, row: WatchRow, text: string): void {
    this.tell(text, false);
    this.watching.act(verb, row).then(
      ({ text: said, failed, id }) => {
        this.tell(said, failed);
        // the job goes on as this one
        if (id !== undefined && this.chosenId === row.id) this.chosenId = id;
        if (id !== undefined && this.pager?.id === row.id)
          this.pager = new Pager(this.watching, { ...row, id });
      },
      (thrown: unknown) => this.tell(String(thrown), true),
    );
  }

  private tell(text: string, failed: boolean): void {
    this.said = { text, failed, at: performance.now() };
    this.isStale = true;
    this.naps.wake();
  }
}
