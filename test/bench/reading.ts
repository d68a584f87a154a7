/** What it costs to look: at 10,000 ended jobs, at a log of 10 GiB; and what a job pays to write. */
import { spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { sealed } from '../../src/base/seal.ts';
import { type Figure, type Measurement, measurePairs, median, rounds } from './figure.ts';
import type { Stage } from './stage.ts';

const ENDED = 10_000;
/** One job ended each second: the last hour, which `ls` shows, is a third of them. */
const APART_MS = 1000;

/** Makes 10,000 ended jobs in the home, each a copy of a real one with its own id and times. */
async function multiply(stage: Stage): Promise<void> {
  const { id: last } = stage.start('--', 'true');
  await stage.settle(last);
  const files = ['owner.1', 'exit.1', 'shim', 'out/log'].map((name) => ({
    name,
    text: fs.readFileSync(stage.path(last, name)),
  }));
  // sealed anew, or they would be unreadable
  const recordOf = (name: string) => {
    const { sum: _, ...record } = JSON.parse(fs.readFileSync(stage.path(last, name), 'utf8'));
    return record;
  };
  const [spec, state] = [recordOf('spec.json'), recordOf('state.json')];
  const mark = fs.readdirSync(join(stage.home, 'ended')).find((name) => name.split('.')[1] === String(last))!;
  const project = mark.split('.')[2]!;
  const fifos: string[] = [];
  for (let id = last + 1; id < last + ENDED; id++) {
    const later = (id - last - ENDED) * APART_MS;
    fs.mkdirSync(stage.path(id, 'out'), { recursive: true, mode: 0o700 });
    const write = (name: string, text: string | Buffer) =>
      fs.writeFileSync(stage.path(id, name), text, { mode: 0o600 });
    for (const { name, text } of files) write(name, text);
    const own = { ...spec, id, createdAt: spec.createdAt + later };
    write('spec.json', sealed(own));
    const { status } = state;
    const times = { startedAt: status.startedAt + later, endedAt: status.endedAt + later };
    write('state.json', sealed({ ...state, status: { ...status, ...times }, spec: own }));
    const ended = String(times.endedAt).padStart(14, '0');
    fs.writeFileSync(join(stage.home, 'ended', `${ended}.${id}.${project}`), '', { mode: 0o600 });
    fifos.push(stage.path(id, 'alive'));
  }
  fs.writeFileSync(join(stage.home, 'seq'), `${last + ENDED - 1}\n`);
  for (let at = 0; at < fifos.length; at += 1000)
    spawnSync('mkfifo', ['-m', '600', ...fifos.slice(at, at + 1000)]);
}

const listing: Measurement = {
  name: `ls with ${ENDED} ended jobs`,
  async measure(stage) {
    await multiply(stage);
    const figures: Figure[] = [];
    const views: [words: string[], limit: number, pairs: number][] = [
      [['ls', '-q'], 1.6, 31],
      [['ls', '-a', '-n', String(ENDED), '--json'], 12, 15],
    ];
    for (const [words, limit, pairs] of views) {
      const { ours, reference } = await measurePairs(
        rounds(stage, pairs),
        () => stage.measure(stage.bgjob(...words)),
        () => stage.measure(stage.node),
      );
      const lines = ours[0]!.stdout.split('\n').length - 1;
      if (words.includes('-a') && lines < ENDED) throw new Error(`ls shows ${lines} of ${ENDED} jobs`);
      figures.push({
        name: `${words.join(' ')}, ${ENDED} ended`,
        ours: median(ours.map(({ wall }) => wall)),
        reference: median(reference.map(({ wall }) => wall)),
        unit: 'ms',
        limit,
      });
    }
    return figures;
  },
};

const tailing: Measurement = {
  name: 'tail of 10 GiB',
  async measure(stage) {
    const { id } = stage.start('--', 'true');
    await stage.settle(id);
    const log = stage.path(id, 'out/log');
    fs.truncateSync(log, 10 * 2 ** 30);
    fs.appendFileSync(log, `\n${'a line like many others\n'.repeat(2000)}`);
    const { ours, reference } = await measurePairs(
      rounds(stage, 31),
      () => stage.measure(stage.bgjob('tail', String(id))),
      () => stage.measure(stage.node),
    );
    fs.truncateSync(log);
    return [
      {
        name: 'tail of a sparse log of 10 GiB',
        ours: median(ours.map(({ wall }) => wall)),
        reference: median(reference.map(({ wall }) => wall)),
        unit: 'ms',
        limit: 1.6,
      },
    ];
  },
};

const writing: Measurement = {
  name: 'write 1 GiB',
  async measure(stage) {
    const head = ['head', '-c', '1G', '/dev/zero'];
    const { ours, reference } = await measurePairs(
      rounds(stage, 7),
      async () => {
        // the time inside the job: what starting it costs is another figure
        const file = join(stage.dir, 'inside');
        const { id } = stage.start('--', ...stage.meter.metered(file, head));
        await stage.settle(id);
        // at once, before the disk has to take it
        fs.truncateSync(stage.path(id, 'out/log'));
        return stage.meter.read(file).wall;
      },
      () => {
        const path = join(stage.dir, 'plain');
        const fd = fs.openSync(path, 'w');
        const { wall } = stage.meter.run(head, stage.env, fd);
        fs.closeSync(fd);
        fs.rmSync(path);
        return wall;
      },
    );
    return [
      {
        name: 'writing 1 GiB of output',
        ours: median(ours),
        reference: median(reference),
        unit: 'ms',
        limit: 1.05,
        remark: 'head > file',
      },
    ];
  },
};

export const READING: Measurement[] = [tailing, listing, writing];
