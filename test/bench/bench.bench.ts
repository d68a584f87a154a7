/**
 * `npm run bench`: one table of what speed and memory were promised, each figure a median of interleaved pairs with its
 * reference. Absolute times swing by two on a busy machine, ratios hold. It is a table, not a test: it exits with 0.
 *
 *     npm run bench [-- [--quick] [NAME…]]      NAME: part of the name of what is to be measured
 */
import { AWAITING } from './awaiting.ts';
import type { Figure, Measurement } from './figure.ts';
import { LAUNCHING } from './launching.ts';
import { BESIDE } from './peers.ts';
import { QUEUEING } from './queueing.ts';
import { READING } from './reading.ts';
import { Stage } from './stage.ts';

const HEADS = ['figure', 'ours', 'reference', 'ratio', 'limit', 'holds'];

function cellsOf({ name, ours, reference, unit, limit, remark }: Figure): string[] {
  const amount = (value: number | null) => (value === null ? '' : `${value.toFixed(1)} ${unit}`);
  const ratio = ours === null || reference === null ? null : ours / reference;
  const judged = ratio ?? ours;
  const holds = limit === null || judged === null ? '' : judged <= limit ? 'yes' : 'NO';
  const bound = limit === null ? '' : ratio === null ? `${limit} ${unit}` : `× ${limit}`;
  const cells = [
    amount(ours),
    amount(reference),
    ratio === null ? '' : `× ${ratio.toFixed(2)}`,
    bound,
    holds,
  ];
  return [remark === undefined ? name : `${name} (${remark})`, ...cells];
}

function printTable(rows: string[][]): void {
  const widths = HEADS.map((head, column) =>
    Math.max(head.length, ...rows.map((row) => row[column]!.length)),
  );
  for (const row of [HEADS, widths.map((width) => '-'.repeat(width)), ...rows])
    console.log(
      row.map((cell, n) => (n === 0 ? cell.padEnd(widths[n]!) : cell.padStart(widths[n]!))).join('  '),
    );
}

async function figuresOf({ name, measure }: Measurement, stage: Stage): Promise<Figure[]> {
  try {
    return await measure(stage);
  } catch (thrown) {
    const why = thrown instanceof Error ? thrown.message : String(thrown);
    return [{ name, ours: null, reference: null, unit: 'ms', limit: null, remark: why }];
  }
}

async function main(words: string[]): Promise<void> {
  const chosen = words.filter((word) => !word.startsWith('-'));
  const quick = words.includes('--quick');
  const rows: string[][] = [];
  for (const one of [...LAUNCHING, ...BESIDE, ...READING, ...AWAITING, ...QUEUEING]) {
    if (chosen.length > 0 && !chosen.some((part) => one.name.includes(part))) continue;
    // a home of its own for each: what one leaves behind is not read by the next
    const stage = new Stage(quick);
    try {
      if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${one.name} …`);
      rows.push(...(await figuresOf(one, stage)).map(cellsOf));
    } finally {
      stage.close();
    }
  }
  if (process.stderr.isTTY) process.stderr.write('\r\x1b[K');
  printTable(rows);
}

void main(process.argv.slice(2));
