/**
 * `npm run bench`: the speed that was promised. Each figure is a median of interleaved pairs with its
 * reference, beside the limits of the machine. Absolute times swing by a factor of two on a busy machine,
 * ratios hold. It is a table, not a test: it exits with 0.
 */
import * as fs from 'node:fs';
import { availableParallelism, cpus, loadavg } from 'node:os';
import { join } from 'node:path';
import { AWAITING } from './awaiting.ts';
import type { Figure, Measurement } from './figure.ts';
import { killing } from './killing.ts';
import { LAUNCHING } from './launching.ts';
import { type MachineLimit, measureMachine } from './machine.ts';
import { BESIDE } from './peers.ts';
import { QUEUEING } from './queueing.ts';
import { READING } from './reading.ts';
import { REMOTE } from './remote.ts';
import { SLURM } from './slurm.ts';
import { Stage } from './stage.ts';

const EVERY: Measurement[] = [
  ...QUEUEING,
  ...READING,
  ...LAUNCHING,
  ...AWAITING,
  killing,
  ...REMOTE,
  ...SLURM,
  ...BESIDE,
];

const help = (): string => `npm run bench [-- [--all | NAME...] [--quick] [--json] [--help]]

  NAME      measure only the figures whose name contains NAME: npm run bench -- batch
  --all     measure the figures marked + too
  --quick   few rounds, fewer jobs: to see that the bench works, not for judging
  --json    one object on stdout: npm run --silent bench -- --json > bench.json

A figure with a reference is judged by its ratio: time of bgjob by time of the reference, medians of pairs.
A peer that is not installed (tsp, nq, pm2 or BGJOB_BENCH_PM2) is skipped.

names:
${EVERY.map(({ name, isExtra }) => `  ${isExtra ? '+' : ' '} ${name}`).join('\n')}
`;

interface JudgedFigure {
  name: string;
  value: number | null;
  unit: string;
  reference: number | null;
  ratio: number | null;
  /** Of the ratio where there is one, else of the value. */
  target: number | null;
  reached: boolean | null;
  remark: string | null;
}

function judge({ name, ours, reference, unit, target, remark }: Figure): JudgedFigure {
  const ratio = ours === null || reference === null ? null : ours / reference;
  const judged = ratio ?? ours;
  const reached = target === null || judged === null ? null : judged <= target;
  return { name, value: ours, unit, reference, ratio, target, reached, remark: remark ?? null };
}

function cellsOf({ name, value, unit, reference, ratio, target, reached, remark }: JudgedFigure): string[] {
  const amount = (number: number | null) => (number === null ? '' : `${number.toFixed(1)} ${unit}`);
  return [
    remark === null ? name : `${name} (${remark})`,
    amount(value),
    amount(reference),
    ratio === null ? '' : `× ${ratio.toFixed(2)}`,
    target === null ? '' : ratio === null ? `${target} ${unit}` : `× ${target}`,
    reached === null ? '' : reached ? 'yes' : 'NO',
  ];
}

function printTable(heads: string[], rows: string[][]): void {
  const widths = heads.map((head, column) =>
    Math.max(head.length, ...rows.map((row) => row[column]!.length)),
  );
  for (const row of [heads, widths.map((width) => '-'.repeat(width)), ...rows])
    console.log(
      row.map((cell, n) => (n === 0 ? cell.padEnd(widths[n]!) : cell.padStart(widths[n]!))).join('  '),
    );
}

function printMachine(limits: MachineLimit[]): void {
  const ms = (value: number) => `${value.toFixed(2)} ms`;
  const rows = limits.map(({ name, ms: wall, leastMs, cpuMs }) => [name, ms(wall), ms(leastMs), ms(cpuMs)]);
  printTable(['this machine, one of each', 'median', 'least', 'CPU'], rows);
}

async function figuresOf({ name, measure }: Measurement, stage: Stage): Promise<Figure[]> {
  try {
    return await measure(stage);
  } catch (thrown) {
    const why = thrown instanceof Error ? thrown.message : String(thrown);
    return [{ name, ours: null, reference: null, unit: 'ms', target: null, remark: why }];
  }
}

/** Runs `measure` on a stage of its own: what one figure leaves behind is not read by the next. */
async function onStage<T>(name: string, quick: boolean, measure: (stage: Stage) => T): Promise<Awaited<T>> {
  const stage = new Stage(quick);
  try {
    if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${name} …`);
    return await measure(stage);
  } finally {
    if (process.stderr.isTTY) process.stderr.write('\r\x1b[K');
    stage.close();
  }
}

const FLAGS = ['--all', '--quick', '--json', '--help'];

async function main(words: string[]): Promise<void> {
  const names = words.filter((word) => !word.startsWith('-'));
  const unknown = words.find((word) => word.startsWith('-') && !FLAGS.includes(word));
  const [all, quick, json, asksHelp] = FLAGS.map((flag) => words.includes(flag));
  const isChosen = ({ name, isExtra }: Measurement) =>
    names.length > 0 ? names.some((part) => name.includes(part)) : all || !isExtra;
  const chosen = EVERY.filter(isChosen);
  if (asksHelp || unknown !== undefined || chosen.length === 0) {
    const problem = unknown ?? (chosen.length === 0 ? names.join(' ') : undefined);
    if (problem !== undefined) console.error(`unknown: ${problem}\n`);
    process.exitCode = problem === undefined ? 0 : 2;
    (problem === undefined ? console.log : console.error)(help());
    return;
  }
  const load = [loadavg()[0]!];
  const machine = await onStage('machine', quick!, measureMachine);
  const figures: JudgedFigure[] = [];
  for (const one of chosen)
    figures.push(...(await onStage(one.name, quick!, (stage) => figuresOf(one, stage))).map(judge));
  load.push(loadavg()[0]!);
  const { version } = JSON.parse(fs.readFileSync(join(__dirname, '..', 'package.json'), 'utf8'));
  if (json) {
    const about = { version, date: new Date().toISOString(), node: process.version, quick };
    const host = { cores: availableParallelism(), cpu: cpus()[0]?.model ?? null, load };
    console.log(JSON.stringify({ ...about, ...host, machine, figures }, null, 2));
    return;
  }
  const loads = load.map((one) => one.toFixed(1)).join(' to ');
  console.log(`bgjob ${version}, node ${process.version}, ${availableParallelism()} cores, load ${loads}\n`);
  printMachine(machine);
  console.log();
  const heads = ['figure', 'ours', 'reference', 'ratio', 'target', 'reached'];
  printTable(heads, figures.map(cellsOf));
}

void main(process.argv.slice(2));
