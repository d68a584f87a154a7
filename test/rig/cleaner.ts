/**
 * A job that cleans up when it is stopped: its handler of TERM and INT runs a program, which says what it
 * gets and waits at a gate.
 */
import * as fs from 'node:fs';
import { Gate } from './gate.ts';
import { readsOf } from './processes.ts';
import type { Rig } from './rig.ts';
import { until } from './until.ts';

/** So many reads are several looks at all processes. */
const SEVERAL_LOOKS = 3000;

/** The handler's program is a shell of its own, which starts another program for each line. */
const program = (gate: Gate): string =>
  `trap '/bin/echo signalled' TERM INT HUP; /bin/echo cleaning; ${gate.line}; /bin/echo cleaned`;
const COMMAND =
  'trap \'bash -c "$PROGRAM"; exit 7\' TERM INT; echo ready; eval "$BEFORE"; while :; do read -rt 1000 <> <(:); done';

export class Cleaner {
  private readonly rig: Rig;
  private readonly gate: Gate;
  readonly id: number;

  private constructor(rig: Rig, gate: Gate, id: number) {
    this.rig = rig;
    this.gate = gate;
    this.id = id;
  }

  /**
   * Starts one that is ready to be stopped; `before`: a shell line that it runs when it is; `isLeft`: the
   * main process ends, and leaves it running.
   */
  static async start(rig: Rig, options: string[] = [], before = '', isLeft = false): Promise<Cleaner> {
    const gate = new Gate(rig, `gate.${process.hrtime.bigint()}`);
    const settings = ['-e', `PROGRAM=${program(gate)}`, '-e', `BEFORE=${before}`];
    const words = isLeft ? ['bash -c "$1" & exit 0', 'bash', COMMAND] : [COMMAND];
    const id = await rig.run([...options, ...settings, '--', 'bash', '-c', ...words]);
    const cleaner = new Cleaner(rig, gate, id);
    await until(
      () => cleaner.isReady || (!isLeft && cleaner.hasEnded),
      (holds) => holds,
      `job ${id}, ready`,
    );
    return cleaner;
  }

  /** False: its limit was over before its first word, so TERM has ended it. */
  get isReady(): boolean {
    return this.rig.log(this.id).includes('ready\n');
  }

  private get hasEnded(): boolean {
    const state = this.rig.file(this.id, 'state.json');
    return fs.existsSync(state) && JSON.parse(fs.readFileSync(state, 'utf8')).status.phase === 'ended';
  }

  private untilLogged(text: string): Promise<string> {
    return until(
      () => this.rig.log(this.id),
      (log) => log.includes(text),
      `${text.trim()} in the log of job ${this.id}`,
    );
  }

  /** Waits until its handler runs. */
  untilCleaning = (): Promise<string> => this.untilLogged('cleaning\n');

  /** Waits until a process, its owner or killer, has looked at all processes several times. */
  static async untilLooked(pid: number): Promise<void> {
    const before = readsOf(pid);
    await until(
      () => readsOf(pid),
      (now) => now > before + SEVERAL_LOOKS,
      'several looks',
    );
  }

  /** Lets the handler end, and the job. */
  letGo(): void {
    this.gate.open();
  }

  /** What the job said since it was ready. */
  get said(): string {
    return this.rig.log(this.id).replace(/^[\s\S]*ready\n/, '');
  }
}
