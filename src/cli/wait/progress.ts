/** Progress of many jobs in one line that fits: ended, failed, running, jobs per second, time left. */
import { renderDuration, systemClock } from '../../base/clock.ts';
import { thousands } from '../messages/lists.ts';

export interface Amounts {
  total: number;
  ended: number;
  failed: number;
  running: number;
}

/** Blocks of the bar; a shorter one is left out. */
const MOST_BAR = 24;
const LEAST_BAR = 8;

const bar = (share: number, width: number): string => {
  const full = Math.floor(share * width);
  return `${'█'.repeat(full)}${'░'.repeat(width - full)}`;
};

/** `pace` null: not known yet. Parts that do not fit are left out, the least important first. */
export function renderProgress(
  { total, ended, failed, running }: Amounts,
  pace: { perSecond: number; leftMs: number } | null,
  columns: number,
  verb: string,
): string {
  const percent = `${Math.floor((100 * ended) / Math.max(1, total))}%`;
  const counts = `${thousands(ended)} of ${thousands(total)} ${verb}`;
  const bad = failed === 0 ? [] : [`${thousands(failed)} failed`];
  const live = running === 0 ? [] : [`${thousands(running)} running`];
  const left = pace === null ? [] : [`${renderDuration(Math.max(1000, pace.leftMs))} left`];
  const rate = pace === null ? [] : [renderRate(pace.perSecond)];
  const full = [counts, ...bad, ...live, ...rate, ...left].join(' · ');
  const room = columns - full.length - percent.length - 2;
  if (room >= LEAST_BAR)
    return `${bar(ended / Math.max(1, total), Math.min(room, MOST_BAR))} ${percent} ${full}`;
  const short = `${ended}/${total}`;
  const shorter = [
    full,
    [counts, ...bad, ...live, ...left].join(' · '),
    [counts, ...bad, ...left].join(' · '),
    [short, ...bad, ...left].join(' · '),
    [short, ...bad].join(' · '),
    short,
    percent,
  ];
  return shorter.find((text) => text.length <= columns) ?? '';
}

function renderRate(perSecond: number): string {
  if (perSecond >= 1) return `${thousands(Math.round(perSecond))}/s`;
  return perSecond * 60 >= 1 ? `${Math.round(perSecond * 60)}/min` : `${Math.round(perSecond * 3600)}/h`;
}

/** The pace is that of the last 30 s, and is shown after a second. */
const WINDOW_MS = 30_000;
const LEAST_MS = 1000;

/** Remembers how many had ended at which time. */
export class Progress {
  private readonly samples: { at: number; ended: number }[] = [];
  constructor(private readonly verb: string) {}

  line(amounts: Amounts, columns: number): string {
    const at = systemClock.monotonic();
    this.samples.push({ at, ended: amounts.ended });
    while (this.samples.length > 2 && at - this.samples[1]!.at > WINDOW_MS) this.samples.shift();
    const first = this.samples[0]!;
    const took = at - first.at;
    const done = amounts.ended - first.ended;
    const perSecond = (1000 * done) / took;
    const left = amounts.total - amounts.ended;
    const pace =
      took < LEAST_MS || done === 0 || left === 0 ? null : { perSecond, leftMs: (1000 * left) / perSecond };
    return renderProgress(amounts, pace, columns, this.verb);
  }
}
