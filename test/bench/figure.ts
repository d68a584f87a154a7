/** What the bench's table is made of: figures, each measured as medians of interleaved pairs. */
import type { Stage } from './stage.ts';

/** A line of the table; `target` is of the ratio, or of `ours` where there is no reference; null: shown only. */
export interface Figure {
  name: string;
  ours: number | null;
  reference: number | null;
  unit: 'ms' | 'MB' | '%' | 'processes';
  target: number | null;
  /** Why a number is missing, or what it is made of. */
  remark?: string;
}

export interface Measurement {
  /** What the command line may choose by. */
  name: string;
  /** Measured only with --all, or by name. */
  isExtra?: boolean;
  measure(stage: Stage): Promise<Figure[]>;
}

export function median(values: number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

/**
 * Measures ours and the reference in turn, after one warm-up each, so that a slow minute of the machine hits both. Who is
 * first changes from pair to pair: the second may find a busier machine.
 */
export async function measurePairs<T, R>(
  rounds: number,
  ours: () => T | Promise<T>,
  reference: () => R | Promise<R>,
): Promise<{ ours: T[]; reference: R[] }> {
  const measured: { ours: T[]; reference: R[] } = { ours: [], reference: [] };
  for (let round = 0; round <= rounds; round++) {
    const first = round % 2 === 0 ? await ours() : await reference();
    const second = round % 2 === 0 ? await reference() : await ours();
    if (round === 0) continue;
    measured.ours.push((round % 2 === 0 ? first : second) as T);
    measured.reference.push((round % 2 === 0 ? second : first) as R);
  }
  return measured;
}

/** How many rounds: few with --quick. */
export const rounds = (stage: Stage, full: number): number => (stage.quick ? Math.min(3, full) : full);
