/**
 * A job that empties, cuts, moves, replaces or removes its log and the other files of its directory, at
 * random, while it is followed, read
 * and waited for, and while its supervisors are killed. Nothing hangs. The offsets that a reader is told
 * never go back, and a reader
 * that had the log open sees the last line. The outcome is the true one, or, where its records were harmed,
 * unknown: never another.
 */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { openFiles } from '../rig/processes.ts';
import type { Puppet } from '../rig/puppet.ts';
import { type Answer, type Call, type Rig, withRig } from '../rig/rig.ts';
import { until } from '../rig/until.ts';
import { sleepsOn } from '../rig/waiters.ts';
import { runPuppet, slay, untilIdle, untilPublished } from './death.ts';
import type { Part, Round, Row } from './part.ts';
import { machinery } from './queues.ts';

const SECRET = 'a secret of somebody else\n'.repeat(20_000);
const OPTIONS = [[], ['--max-log', '64k'], ['--max-log', '64k', '--split'], ['--pty'], ['-Q', 'api']];
/** With these gone or changed every end is still known. */
const SPARE = /^(out(\/.*)?|script|input|env\.json|stop\..*|hold\..*|first\..*)$/;
const MOST_STEPS = 10;

type Chance = () => number;
const pick = <T>(chance: Chance, from: readonly T[]): T => from[Math.floor(chance() * from.length)]!;

/** What may stand where a file was. */
const OBSTACLES: Record<string, (path: string, outside: string) => void> = {
  'a FIFO': (path) => execFileSync('mkfifo', [path]),
  'a link': (path, outside) => fs.symlinkSync(outside, path),
  'a link to nothing': (path) => fs.symlinkSync('nothing', path),
  'a directory': (path) => fs.mkdirSync(path),
  'another file': (path) => fs.writeFileSync(path, 'another\n'),
  'an empty file': (path) => fs.writeFileSync(path, ''),
  nothing: () => {},
};

/** One job, and what it has done so far. */
class Scene {
  readonly rig: Rig;
  readonly id: number;
  readonly steps: string[] = [];
  /** A record that its end depends on was harmed. */
  isHarmed = false;
  /** Where the log was moved to. */
  private away: string | undefined;
  private readonly chance: Chance;
  private readonly puppet: Puppet;
  private readonly dir: string;
  private readonly log: string;
  private readonly outside: string;
  /** The job's log, wherever its name leads: to read. */
  private readonly fd: number;
  private owners = 1;
  private marks = 0;
  private readonly cursors = [0];

  constructor(rig: Rig, id: number, chance: Chance, puppet: Puppet) {
    [this.rig, this.id, this.chance, this.puppet] = [rig, id, chance, puppet];
    this.dir = rig.file(id, '.');
    this.log = rig.file(id, 'out/log');
    this.outside = join(rig.dir, 'outside');
    fs.writeFileSync(this.outside, SECRET);
    this.fd = fs.openSync(this.log, 'r');
  }

  close(): void {
    fs.closeSync(this.fd);
    assert.equal(fs.readFileSync(this.outside, 'utf8'), SECRET, 'nothing outside is changed');
  }

  /** Whether the log is where a reader looks for it. */
  get isInPlace(): boolean {
    if (!this.hasFolder) return false;
    const there = fs.lstatSync(this.log, { throwIfNoEntry: false });
    return there?.ino === fs.fstatSync(this.fd).ino;
  }

  /** Whether there is a folder for logs still. */
  private get hasFolder(): boolean {
    return fs.lstatSync(join(this.dir, 'out'), { throwIfNoEntry: false })?.isDirectory() === true;
  }

  private readonly acts: Record<string, () => string | undefined | Promise<string | undefined>> = {
    prints: () => this.print(),
    empties: () => this.cut(0),
    cuts: () => this.cut(Math.floor(this.chance() * fs.fstatSync(this.fd).size)),
    enlarges: () => this.cut(fs.fstatSync(this.fd).size + Math.floor(this.chance() * 10_000)),
    moves: () => this.moveLog(),
    replaces: () => this.replace('out/log'),
    harms: () => this.harm(),
    kills: () => this.kill(),
    reads: () => this.read(),
  };

  /** One act by chance; most of them are of the log. */
  async step(isGentle: boolean): Promise<void> {
    const names = Object.keys(this.acts).filter((name) => name !== 'harms' || !isGentle);
    const name = pick(this.chance, names);
    this.steps.push(`${name} …`);
    const what = await this.acts[name]!();
    this.steps[this.steps.length - 1] = `${name} ${what ?? '(not possible)'}`;
  }

  /** A few lines, or many; then a line that is like no other. */
  async print(): Promise<string> {
    const mark = `mark ${++this.marks}.`;
    const filling = this.chance() < 0.5 ? '' : `${mark} ${'x'.repeat(80)}\n`.repeat(this.chance() * 2000);
    await this.puppet.print(`${filling}${mark}\n`);
    return `${filling.length} bytes, ${mark}`;
  }

  get lastMark(): string {
    return `mark ${this.marks}.\n`;
  }

  private cut(size: number): string {
    fs.truncateSync(`/proc/self/fd/${this.fd}`, size);
    return `to ${size}`;
  }

  private moveLog(): string | undefined {
    if (this.away !== undefined) {
      if (!this.hasFolder) return undefined;
      this.remove(this.log);
      fs.renameSync(this.away, this.log);
      this.away = undefined;
      return 'back';
    }
    if (!this.isInPlace) return undefined;
    this.away = join(this.rig.dir, 'away');
    fs.renameSync(this.log, this.away);
    return 'away';
  }

  /** Another thing is put where a file is. */
  private replace(name: string): string | undefined {
    const path = join(this.dir, name);
    if (name.startsWith('out/') && !this.hasFolder) return undefined;
    const obstacle = pick(this.chance, Object.keys(OBSTACLES));
    // made elsewhere: the supervisor may make the file again while `mkfifo` starts
    const made = join(this.rig.dir, 'obstacle');
    OBSTACLES[obstacle]!(made, this.outside);
    this.remove(path);
    if (obstacle !== 'nothing') fs.renameSync(made, path);
    return `${name} by ${obstacle}`;
  }

  /** At once: the supervisor may be about to make a file in a folder. */
  private remove(path: string): void {
    const gone = join(this.rig.dir, 'gone');
    try {
      fs.renameSync(path, gone);
    } catch (thrown) {
      assert.equal((thrown as NodeJS.ErrnoException).code, 'ENOENT');
      return;
    }
    fs.rmSync(gone, { recursive: true, force: true });
  }

  /** Any file of the job is replaced, or cut. */
  private harm(): string | undefined {
    const names = (fs.readdirSync(this.dir, { recursive: true }) as string[]).filter(
      (name) => name !== 'out/log',
    );
    const name = pick(this.chance, names.sort());
    if (!SPARE.test(name)) this.isHarmed = true;
    const path = join(this.dir, name);
    // a temporary file may be gone by now
    const there = fs.lstatSync(path, { throwIfNoEntry: false });
    if (this.chance() < 0.5 || !there?.isFile()) return this.replace(name);
    const size = Math.floor(this.chance() * there.size);
    fs.truncateSync(path, size);
    return `${name}, cut to ${size}`;
  }

  /** The supervisor dies; an adopter takes over, where the records allow it. */
  private async kill(): Promise<string | undefined> {
    const owner = machinery(this.rig).find(({ role, id }) => role === 'owner' && id === this.id);
    if (owner === undefined) return undefined;
    await slay(owner.pid);
    if (!this.isHarmed) await untilPublished(this.rig, this.id, ++this.owners);
    return String(owner.pid);
  }

  /** Every way of reading answers. */
  private async read(): Promise<string> {
    const id = String(this.id);
    const calls = [
      ['tail', id],
      ['tail', id, '--full', '--raw'],
      ['tail', id, '--grep', 'secret|mark'],
      ['tail', id, '--since', String(this.cursors.at(-1)), '--json'],
      ['wait', id, '--until', 'secret', '--timeout', '0.1s'],
      ['show', id],
      ['ls', '-a'],
    ].map(async (args) => this.check(args.join(' '), await this.rig.bgjob(args)));
    await Promise.all(calls);
    const { stdout } = await this.rig.bgjob(['tail', id, '--new', '--json']);
    const { from, to } = JSON.parse(stdout.split('\n')[0] || '{}');
    if (from === undefined) return 'nothing';
    if (this.isInPlace) this.cursors.push(to);
    return `${from}-${to}`;
  }

  /** Nothing hangs or crashes, and no reader sees bytes that are not the job's. */
  check(what: string, { code, stdout, stderr }: Answer): void {
    assert.notEqual(code, 137, `${what} hangs`);
    assert.doesNotMatch(stderr, /bug in bgjob|^ +at |node:internal|Error:/m, what);
    assert.doesNotMatch(stdout + stderr, /secret of somebody/, what);
  }
}

/** What a follower with --json told of the log: its offsets never go back. */
function followed(text: string): string {
  let at = 0;
  let all = '';
  // the last line may be half
  for (const line of text.split('\n').slice(0, -1)) {
    const piece = JSON.parse(line);
    if (piece.stream === undefined) continue;
    assert.ok(piece.from >= at && piece.to >= piece.from, `offsets go back: ${at}, ${line.slice(0, 200)}`);
    at = piece.to;
    all += piece.text;
  }
  return all;
}

/** One job; how it ended. */
async function suffer(rig: Rig, chance: Chance, options: string[], isGentle: boolean): Promise<string> {
  rig.damaged = true;
  const puppet = await rig.puppet();
  const id = await runPuppet(rig, puppet, options);
  const scene = new Scene(rig, id, chance, puppet);
  try {
    const follower = rig.startBgjob(['tail', '-f', '--since', '0', '--json', String(id)]);
    const waiters: Call[] = [
      rig.startBgjob(['wait', String(id), '--until', '^the last line']),
      rig.startBgjob(['wait', String(id)]),
    ];
    for (const { child } of [follower, waiters[0]!])
      await until(
        // a process that only checks it in passing does not wait yet
        () =>
          sleepsOn(child.pid!, rig.file(id, 'alive')) &&
          openFiles(child.pid!).includes(rig.file(id, 'out/log')),
        Boolean,
        'a reader that waits',
      );
    for (let steps = 1 + chance() * MOST_STEPS; steps > 0; steps--) {
      await scene.step(isGentle);
      // a print that nothing was done to
      if (/^prints/.test(scene.steps.at(-1)!) && chance() < 0.5 && !scene.isHarmed)
        await until(
          () => followed(follower.stdout()).replaceAll('\r', ''),
          (text) => text.endsWith(scene.lastMark),
          `a follower sees ${scene.lastMark}`,
        );
    }
    await puppet.print('\nthe last line\n');
    const code = Math.floor(chance() * 100);
    await puppet.exit(code);
    const [met, ended, last] = await Promise.all([waiters[0]!.answer, waiters[1]!.answer, follower.answer]);
    for (const answer of [met, ended, last]) scene.check('a waiter', answer);
    const text = followed(last.stdout);
    const again = await rig.bgjob(['wait', String(id)]);
    scene.check('wait', again);
    const { state, exitCode } = (await rig.show(id)) ?? {};
    if (!scene.isHarmed) {
      assert.equal(ended.code, code, ended.stdout + ended.stderr);
      assert.deepEqual([again.code, state, exitCode], [code, 'exited', code]);
      assert.equal(met.code, 0, met.stdout);
      assert.match(met.stdout, /the last line/);
      assert.ok(text.includes('the last line'), 'a follower sees the last line');
    }
    assert.ok([code, null, undefined].includes(exitCode), `${exitCode} instead of ${code}`);
    if (scene.isInPlace && !scene.isHarmed)
      assert.match((await rig.bgjob(['tail', String(id)])).stdout, /^the last line$/m);
    await untilIdle(rig);
    return state ?? 'unknown';
  } catch (thrown) {
    throw new Error(`${options.join(' ')}: the job ${scene.steps.join(', ')}`, { cause: thrown });
  } finally {
    scene.close();
  }
}

export const ownFiles: Part = {
  name: 'own files',
  async run({ whole, chance }: Round): Promise<Row[]> {
    const count = whole ? 80 : 4;
    const ends = new Map<string, number>();
    for (let n = 0; n < count; n++) {
      const end = await withRig((rig) => suffer(rig, chance, pick(chance, OPTIONS), n % 2 === 0));
      ends.set(end, (ends.get(end) ?? 0) + 1);
    }
    return [
      { what: 'jobs that harmed their own files', figure: String(count) },
      ...[...ends].map(([end, figure]) => ({ what: `of them ${end}`, figure: String(figure) })),
    ];
  },
};
