/** What it costs to wait for a line, a port, and to search a log of a gigabyte; beside grep. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { computedMs, openFiles } from '../rig/processes.ts';
import { until } from '../rig/until.ts';
import { type Measurement, measurePairs, median, rounds } from './figure.ts';
import { parseClock } from './meter.ts';
import type { Stage } from './stage.ts';

/** Long enough for `wait` to have fallen asleep on a busy machine. */
const ASLEEP_MS = 400;

const quoted = (words: string[]): string => words.map((word) => `'${word}'`).join(' ');

/** Ends a job that would go on, and waits until nothing of it is left. */
async function end(stage: Stage, id: number): Promise<void> {
  stage.measure(stage.bgjob('kill', '--now', String(id)));
  await stage.settle(id);
}

const lines: Measurement = {
  name: 'wait --until',
  isExtra: true,
  async measure(stage) {
    const latencies: number[] = [];
    for (let round = 0; round <= rounds(stage, 21); round++) {
      const { id } = stage.start(`${quoted(stage.meter.sleeper(ASLEEP_MS))}; exec sleep 1000`);
      const waited = stage.measure(stage.bgjob('wait', String(id), '--until', '^\\d{6,}$'));
      const printed = parseClock(fs.readFileSync(stage.path(id, 'out/log'), 'utf8'));
      if (round > 0) latencies.push(waited.end - printed);
      await end(stage, id);
    }
    return [
      {
        name: 'a line written → wait --until has returned',
        ours: median(latencies),
        reference: null,
        unit: 'ms',
        target: 25,
      },
    ];
  },
};

const LISTENER = `
import os, socket, sys, time
time.sleep(${ASLEEP_MS / 1000})
server = socket.socket()
server.bind(('127.0.0.1', int(sys.argv[1])))
server.listen()
os.write(1, b'%d\\n' % time.monotonic_ns())
time.sleep(1000)
`;

const ports: Measurement = {
  name: 'wait --until-port',
  isExtra: true,
  async measure(stage) {
    const latencies: number[] = [];
    for (let round = 0; round <= rounds(stage, 21); round++) {
      const port = String(20_000 + ((process.pid * 31 + round) % 10_000));
      const { id } = stage.start('--', 'python3', '-c', LISTENER, port);
      const waited = stage.measure(stage.bgjob('wait', String(id), '--until-port', port));
      const log = () => fs.readFileSync(stage.path(id, 'out/log'), 'utf8');
      // the socket may be seen before the time is written
      const listened = parseClock(await until(log, (text) => text.endsWith('\n'), 'the time of listen'));
      if (round > 0) latencies.push(waited.end - listened);
      await end(stage, id);
    }
    return [
      {
        name: 'listen → wait --until-port has returned',
        ours: median(latencies),
        reference: null,
        unit: 'ms',
        target: 60,
      },
    ];
  },
};

const GIBIBYTE = 2 ** 30;
const NEEDLE = 'server ready in 812 ms';

/** An ended job with a log of 1 GiB, of lines as a build writes them; what is looked for is its last line. */
async function gibibyteJob(stage: Stage): Promise<number> {
  const { id } = stage.start('--', 'true');
  await stage.settle(id);
  const many = Array.from({ length: 20_000 }, (_, n) => {
    const hash = ((n * 2654435761) >>> 0).toString(16);
    return `[${String(n).padStart(6, '0')}] Compiling module_${n % 977} src/lib/${hash}.ts ok in ${n % 900} ms\n`;
  });
  const block = Buffer.from(many.join(''));
  const fd = fs.openSync(stage.path(id, 'out/log'), 'a');
  for (let size = 0; size < GIBIBYTE; size += block.length) fs.writeSync(fd, block);
  fs.writeSync(fd, `${NEEDLE}\n`);
  fs.closeSync(fd);
  return id;
}

const searching: Measurement = {
  name: 'search 1 GiB',
  isExtra: true,
  async measure(stage) {
    const id = await gibibyteJob(stage);
    const log = stage.path(id, 'out/log');
    const searches: [name: string, ours: string[], reference: string[]][] = [
      [
        'wait --until',
        ['wait', String(id), '--until', 'ready in \\d+ ms'],
        ['grep', '-m1', '-E', 'ready in [0-9]+ ms', log],
      ],
      ['tail --grep', ['tail', String(id), '--grep', 'ready in'], ['grep', 'ready in', log]],
    ];
    const figures = [];
    for (const [name, ours, reference] of searches) {
      const measured = await measurePairs(
        rounds(stage, 7),
        () => stage.measure(stage.bgjob(...ours)),
        () => stage.measure(reference),
      );
      if (!measured.ours[0]!.stdout.includes(NEEDLE)) throw new Error(`${name} did not find its line`);
      figures.push({
        name: `${name} in 1 GiB`,
        ours: median(measured.ours.map(({ wall }) => wall)),
        reference: median(measured.reference.map(({ wall }) => wall)),
        unit: 'ms' as const,
        target: 2,
        remark: 'grep',
      });
    }
    fs.truncateSync(log);
    return figures;
  },
};

const WAITERS = 50;
/** 10,000 lines a second, each a write of its own, ten at a time. */
const CHATTERBOX = `
import os, time
begun = time.monotonic()
n = 0
while True:
    for _ in range(10):
        os.write(1, b'[%07d] GET /api/items/%d 200 in %d ms\\n' % (n, n % 977, n % 90))
        n += 1
    time.sleep(max(0, begun + n / 10000 - time.monotonic()))
`;

const crowd: Measurement = {
  name: `${WAITERS} waiters`,
  async measure(stage) {
    const { id } = stage.start('--', 'python3', '-c', CHATTERBOX);
    const [program, ...args] = stage.bgjob('wait', String(id), '--until', 'it will never come');
    const waiters: ChildProcess[] = Array.from({ length: WAITERS }, () =>
      spawn(program!, args, { env: stage.env, cwd: stage.dir, stdio: 'ignore' }),
    );
    const second = () => new Promise((resolve) => setTimeout(resolve, 1000));
    // all have started; then they need a while to read less and less often
    const log = stage.path(id, 'out/log');
    const reading = () => waiters.filter(({ pid }) => openFiles(pid!).includes(log)).length;
    await until(reading, (count) => count === WAITERS, 'the start of all waiters');
    const total = () => waiters.reduce((sum, { pid }) => sum + computedMs(pid!), 0);
    for (let n = 0; n < 10; n++) await second();
    // one long interval: /proc counts in steps of 10 ms, more than a waiter needs in a second
    const [before, at] = [total(), performance.now()];
    for (let n = 0; n < rounds(stage, 20); n++) await second();
    const share = ((total() - before) / (performance.now() - at)) * 100;
    const over = waiters.map((waiter) => once(waiter, 'exit'));
    for (const waiter of waiters) waiter.kill('SIGKILL');
    await Promise.all(over);
    const written = fs.statSync(join(stage.path(id, 'out'), 'log')).size;
    await end(stage, id);
    return [
      {
        name: `${WAITERS} waiters, 10,000 lines a second: of a core`,
        ours: share,
        reference: null,
        unit: '%' as const,
        target: 8,
        remark: `${Math.round(written / 2 ** 20)} MB written`,
      },
    ];
  },
};

export const AWAITING: Measurement[] = [lines, ports, searching, crowd];
