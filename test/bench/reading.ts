/** What it costs to look: at 10,000 ended jobs, at a log of 10 GiB; and what a job pays to write. */
import * as fs from 'node:fs';
import { dirname, join } from 'node:path';
import { hookCommand } from '../../src/cli/hook/hooks-json.ts';
import { multiply } from '../rig/multiply.ts';
import { BGJOB } from '../rig/rig.ts';
import { type Figure, type Measurement, measurePairs, median, rounds } from './figure.ts';

const ENDED = 10_000;
/** One job ended each second: the last hour, which `ls` shows, is a third of them. */
const APART_MS = 1000;

const listing: Measurement = {
  name: `ls with ${ENDED} ended jobs`,
  async measure(stage) {
    const { id } = stage.start('--', 'true');
    await stage.settle(id);
    multiply(stage.home, id, ENDED - 1, APART_MS);
    const figures: Figure[] = [];
    const views: [words: string[], target: number, pairs: number][] = [
      [['ls', '-q'], 1.6, 31],
      [['ls', '-a', '-n', String(ENDED), '--json'], 12, 15],
    ];
    for (const [words, target, pairs] of views) {
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
        target,
      });
    }
    return figures;
  },
};

const tailing: Measurement = {
  name: 'tail of 10 GiB',
  isExtra: true,
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
        target: 1.6,
      },
    ];
  },
};

const writing: Measurement = {
  name: 'write 1 GiB',
  isExtra: true,
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
        target: 1.05,
        remark: 'head > file',
      },
    ];
  },
};

/** What a host of an agent pays after each batch of tools. */
const hooking: Measurement = {
  name: 'hook',
  isExtra: true,
  async measure(stage) {
    const session = { BGJOB_SESSION: 'claude:a' };
    fs.mkdirSync(join(stage.dir, 'bin'));
    fs.symlinkSync(BGJOB, join(stage.dir, 'bin', 'bgjob'));
    const input = join(stage.dir, 'input');
    fs.writeFileSync(input, JSON.stringify({ session_id: 'a', cwd: '/', tool_calls: 'x'.repeat(4000) }));
    const path = `${join(stage.dir, 'bin')}:${dirname(process.execPath)}:${stage.env['PATH']}`;
    const hook = () => {
      const line = ['/bin/sh', '-c', `exec <'${input}'; ${hookCommand('PostToolBatch', 'claude')}`];
      const { cpu, stdout } = stage.measure(line, { PATH: path });
      return { cpu, isNews: stdout !== '' };
    };
    const end = async () => {
      const { stdout } = stage.measure(stage.bgjob('run', '--', 'true'), session);
      await stage.settle(Number(stdout));
    };
    const figures: Figure[] = [];
    for (const isNews of [false, true]) {
      if (!isNews) {
        await end();
        hook();
        // shells that compare whole seconds would start Node
        fs.utimesSync(join(stage.home, 'ended'), 1, 1);
      }
      const { ours, reference } = await measurePairs(
        rounds(stage, isNews ? 15 : 51),
        async () => {
          if (isNews) await end();
          const one = hook();
          if (one.isNews !== isNews) throw new Error(isNews ? 'nothing was told' : 'an end was told');
          return one;
        },
        () => stage.measure(stage.node),
      );
      figures.push({
        name: isNews ? 'a hook that tells an end' : 'a hook without news',
        ours: median(ours.map(({ cpu }) => cpu)),
        reference: median(reference.map(({ cpu }) => cpu)),
        unit: 'ms',
        target: isNews ? 3 : 0.3,
        remark: 'CPU',
      });
    }
    return figures;
  },
};

export const READING: Measurement[] = [tailing, listing, writing, hooking];
