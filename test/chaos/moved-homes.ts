/**
 * The home of running jobs is moved, removed, made anew, put back from a copy, or has a second path, while their supervisors live or are
 * killed before or after. The end of each job is in the directory where it began, with its true code; another home at the same
 * path has the results of its own jobs alone.
 */
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { cannotMount, succeeds } from '../rig/mounts.ts';
import { type Rig, withRig } from '../rig/rig.ts';
import { copyHome, runPuppet, slay, untilGone, untilIdle, untilPublished } from './death.ts';
import type { Part, Round, Row } from './part.ts';

/** What becomes of the home: where the job is found from then on (null: nowhere), and what may be said of its end. */
interface Fate {
  act(rig: Rig): Promise<string | null> | string | null;
  /** Another home is made at the path, with a job of the same number. */
  anew?: boolean;
  /** What the job did may be known to nobody any more. */
  mayBeLost?: boolean;
}

const movedTo = (rig: Rig): string => join(rig.dir, 'moved');

function move(rig: Rig): string {
  fs.renameSync(rig.home, movedTo(rig));
  return movedTo(rig);
}

const FATES: Record<string, Fate> = {
  'is moved': { act: move },
  'is moved, and another is made': { act: move, anew: true },
  'is moved away and back': {
    act: (rig) => {
      move(rig);
      fs.renameSync(movedTo(rig), rig.home);
      return rig.home;
    },
  },
  'is removed, and another is made': {
    anew: true,
    act: (rig) => {
      fs.rmSync(rig.home, { recursive: true });
      return null;
    },
  },
  'is emptied, and made anew': {
    anew: true,
    act: (rig) => {
      for (const name of fs.readdirSync(rig.home)) fs.rmSync(join(rig.home, name), { recursive: true });
      return null;
    },
  },
  'is put back from a copy': {
    mayBeLost: true,
    act: async (rig) => {
      await copyHome(rig, movedTo(rig));
      fs.rmSync(rig.home, { recursive: true });
      fs.renameSync(movedTo(rig), rig.home);
      return rig.home;
    },
  },
  'is mounted at a second path': {
    act: (rig) => {
      const second = join(rig.dir, 'second');
      fs.mkdirSync(second);
      assert.ok(succeeds('mount', '--bind', rig.home, second));
      return second;
    },
  },
};

/** When the supervisor is killed. */
const KILLS = ['never', 'before', 'after'] as const;
const OPTIONS = [[], ['--split', '--max-log', '64k'], ['--pty'], ['-Q', 'api']];

export const movedHomes: Part = {
  name: 'moved homes',
  skip: cannotMount,
  async run({ whole, chance }: Round): Promise<Row[]> {
    const rounds = Object.keys(FATES).flatMap((fate) =>
      KILLS.flatMap((kill) => OPTIONS.map((options) => ({ fate, kill, options }))),
    );
    // each fate at least once
    const chosen = whole
      ? rounds
      : Object.keys(FATES).map((fate) => {
          const own = rounds.filter((round) => round.fate === fate);
          return own[Math.floor(chance() * own.length)]!;
        });
    let lost = 0;
    for (const { fate, kill, options } of chosen) {
      const code = Math.floor(chance() * 100);
      const what = `the home ${fate}, the supervisor is killed ${kill}, ${options.join(' ')}`;
      try {
        if (!(await withRig((rig) => suffer(rig, FATES[fate]!, kill, options, code)))) lost++;
      } catch (thrown) {
        throw new Error(what, { cause: thrown });
      }
    }
    return [
      { what: 'homes that were moved, replaced or mounted under a job', figure: String(chosen.length) },
      { what: 'of them with an end that went into a removed home', figure: String(lost) },
    ];
  },
};

/** Every file of a job, with its bytes. */
const recordsOf = (home: string): string[] =>
  (fs.readdirSync(join(home, 'jobs/1'), { recursive: true }) as string[]).sort().map((name) => {
    const path = join(home, 'jobs/1', name);
    return `${name} ${fs.lstatSync(path).isFile() ? fs.readFileSync(path, 'latin1') : ''}`;
  });

/** One job in one home; whether its code is known in the end. */
async function suffer(
  rig: Rig,
  { act, anew = false, mayBeLost = false }: Fate,
  kill: (typeof KILLS)[number],
  options: string[],
  code: number,
): Promise<boolean> {
  const path = rig.home;
  const puppet = await rig.puppet();
  assert.equal(await runPuppet(rig, puppet, ['-n', 'old', ...options]), 1);
  const { shim, watcher } = await rig.shimOf(1);
  const ours = [shim, watcher, rig.ownerPid(1)];
  const killOwner = async (): Promise<void> => slay(ours[2]!);
  if (kill === 'before') {
    await killOwner();
    await untilPublished(rig, 1, 2);
    ours[2] = rig.ownerPid(1);
  }
  const now = await act(rig);
  let before: string[] = [];
  if (anew) {
    assert.equal(await rig.runOut(['-n', 'new', '--', 'true']), 1);
    before = recordsOf(path);
  }
  if (now !== null) rig.env['BGJOB_HOME'] = now;
  if (kill === 'after') await killOwner();
  await puppet.print('x'.repeat(100_000));
  await puppet.exit(code);
  for (const pid of ours) await untilGone(pid);
  await untilIdle(rig).catch(() => {});
  let isKnown = true;
  if (now !== null) {
    const { stdout } = await rig.bgjob(['wait', '1']);
    isKnown = stdout.startsWith(`old 1 exited ${code} `) || stdout.startsWith(`old 1 exited ${code}\n`);
    if (!isKnown) assert.ok(mayBeLost && kill !== 'never' && /^old 1 lost/.test(stdout), stdout);
  }
  if (anew) {
    assert.deepEqual(recordsOf(path), before);
    const { stdout } = await rig.bgjob(['status', '1'], { env: { BGJOB_HOME: path } });
    assert.match(stdout, /^new 1 exited 0/);
  }
  if (now?.endsWith('second')) assert.ok(succeeds('umount', now));
  return isKnown;
}
