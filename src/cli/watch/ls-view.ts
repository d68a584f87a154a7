/** `ls --watch` on the screen: lines, drawn anew until q or ^C. */
import { moreRowsText } from '../messages/lists.ts';
import { wrap } from '../output/columns.ts';
import { Screen, type ScreenEnd, WakeableSleep } from './full-screen.ts';

/** The page is drawn again after this, because ages grow. */
const POLL_MS = 1000;

/** Draws the lines of a page until a key or a signal ends it. */
export async function viewPage({
  page,
  wait,
  write,
}: {
  page(): Promise<{ lines: string[]; notes: string[] }>;
  wait(ms: number, abort: AbortSignal): Promise<void>;
  write(text: string): void;
}): Promise<ScreenEnd> {
  const sleep = new WakeableSleep();
  let end: ScreenEnd | undefined;
  const finish = (why: ScreenEnd) => {
    end ??= why;
    sleep.wake();
  };
  const screen = new Screen({
    write,
    onKey: ({ name }) => name === 'q' && finish('SIGINT'),
    onDamage: () => sleep.wake(),
    onEnd: finish,
  });
  screen.open();
  try {
    while (!end) {
      const { columns, rows } = screen.size;
      const { lines, notes: wide } = await page();
      const notes = wide.flatMap((note) => wrap(note, columns));
      const room = Math.max(1, rows - notes.length - 1);
      const hidden = lines.length - room;
      const more = hidden > 0 ? [moreRowsText(hidden + 1)] : [];
      screen.draw([...lines.slice(0, hidden > 0 ? room - 1 : room), ...more, ...notes]);
      await sleep.for((abort) => wait(POLL_MS, abort));
    }
  } finally {
    screen.close();
  }
  return end;
}
