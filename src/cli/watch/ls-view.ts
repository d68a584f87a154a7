/** `ls --watch` on the screen: lines, drawn anew until q or ^C. */
import { type Leave, Screen } from './full-screen.ts';
import { WakeableSleep } from './wakeable-sleep.ts';

/** From look to look where nothing wakes us: ages go on. Milliseconds. */
const POLL_MS = 1000;

/** Draws the lines of a page until somebody ends that. */
export async function viewPage({
  page,
  wait,
  write,
}: {
  page(): Promise<{ lines: string[]; notes: string[] }>;
  wait(ms: number, abort: AbortSignal): Promise<void>;
  write(text: string): void;
}): Promise<Leave> {
  const naps = new WakeableSleep();
  let left: Leave | undefined;
  const leave = (why: Leave) => {
    left ??= why;
    naps.wake();
  };
  const screen = new Screen({
    write,
    onKey: ({ name }) => name === 'q' && leave('SIGINT'),
    onDamage: () => naps.wake(),
    onLeave: leave,
  });
  screen.open();
  try {
    while (!left) {
      const { lines, notes } = await page();
      const { rows } = screen.size;
      const room = Math.max(1, rows - notes.length - 1);
      const hidden = lines.length - room;
      const more = hidden > 0 ? [`(${hidden + 1} more rows: bgjob watch scrolls)`] : [];
      screen.draw([...lines.slice(0, hidden > 0 ? room - 1 : room), ...more, ...notes]);
      await naps.nap((abort) => wait(POLL_MS, abort));
    }
  } finally {
    screen.close();
  }
  return left;
}
