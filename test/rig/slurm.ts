/**
 * A real Slurm of one node, in a folder of its own: its munged, slurmctld and slurmd have ports, a key and a state
 * of their own, so that several run at once on one machine. They are started and ended by pid. Without a
 * database, as small clusters are. Needs root: slurmd does.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import * as fs from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { SlurmEngine, type SlurmEngineOptions } from '../../src/engine/targets/slurm-engine.ts';
import { LocalTransport } from '../../src/engine/targets/transport.ts';
import { Far } from './far.ts';
import { missing } from './needs.ts';
import { freePort } from './ports.ts';
import { environmentOf, isRunning, processesNaming } from './processes.ts';
import { until } from './until.ts';

/** Why there can be no rig here; false: there can. */
export function missingSlurm(): string | false {
  const program = missing('slurmctld', 'slurmd', 'sbatch', 'munged');
  if (program) return program;
  return process.getuid?.() === 0 ? false : 'slurmd needs root';
}

/** A home there, and engines that reach Slurm. */
export class SlurmFar extends Far {
  override another(options: Partial<SlurmEngineOptions> = {}): SlurmEngine {
    const engine = new SlurmEngine(this.transportOf(this), {
      ...{ client: 'laptop', folder: null, partition: null, options: [], setup: null, ...options },
    });
    this.engines.push(engine);
    return engine;
  }
}

/** On a busy machine slurmctld and slurmd need long to find each other. */
const START_MS = 180_000;

type Daemon = 'munged' | 'slurmctld' | 'slurmd';

export class SlurmRig {
  readonly dir = fs.mkdtempSync(join(tmpdir(), 'bgjob-slurm-'));
  readonly node = hostname().split('.')[0]!;
  private readonly daemons = new Map<Daemon, ChildProcess>();
  /** Those that a test has ended. */
  private readonly ended = new Set<Daemon>();
  private ports: [number, number] = [0, 0];

  /** `lines` are more lines of slurm.conf; the last of a name counts. `cpus`: so many jobs run at once. */
  constructor(
    private readonly lines: string[] = [],
    private readonly cpus = 2,
  ) {
    // jobs of other users, and munged's client
    if ((fs.statSync(tmpdir()).mode & 0o001) === 0) fs.chmodSync(tmpdir(), 0o711);
    fs.chmodSync(this.dir, 0o755);
  }

  get config(): string {
    return join(this.dir, 'slurm.conf');
  }

  /** What a login on this cluster has. */
  get env(): Record<string, string> {
    return { SLURM_CONF: this.config, PATH: '/usr/bin:/bin:/usr/sbin:/sbin' };
  }

  /** `this.env` as lines of sh, for a login that has nothing. */
  get setup(): string {
    return `export SLURM_CONF='${this.config}'`;
  }

  private writeConfig(): void {
    const { dir, node, cpus } = this;
    const [ctld, slurmd] = this.ports;
    const own: Record<string, string | number> = {
      ClusterName: 'rig',
      SlurmctldHost: `${node}(127.0.0.1)`,
      SlurmUser: 'root',
      SlurmdUser: 'root',
      AuthType: 'auth/munge',
      CredType: 'cred/munge',
      AuthInfo: `socket=${dir}/munge.socket`,
      SlurmctldPort: ctld,
      SlurmdPort: slurmd,
      StateSaveLocation: `${dir}/state`,
      SlurmdSpoolDir: `${dir}/spool`,
      SlurmctldPidFile: `${dir}/slurmctld.pid`,
      SlurmdPidFile: `${dir}/slurmd.pid`,
      SlurmctldLogFile: `${dir}/slurmctld.log`,
      SlurmdLogFile: `${dir}/slurmd.log`,
      ProctrackType: 'proctrack/linuxproc',
      TaskPlugin: 'task/none',
      SelectType: 'select/cons_tres',
      SelectTypeParameters: 'CR_CPU_Memory',
      JobAcctGatherType: 'jobacct_gather/linux',
      JobAcctGatherFrequency: 1,
      ReturnToService: 2,
      // more processors than there are
      SlurmdParameters: 'config_overrides',
      MpiDefault: 'none',
      SlurmdTimeout: 10,
      SlurmctldTimeout: 10,
      MessageTimeout: 10,
      KillWait: 2,
      MinJobAge: 300,
      MaxArraySize: 1001,
      MaxJobCount: 20_000,
      SchedulerType: 'sched/backfill',
      SchedulerParameters: 'batch_sched_delay=0,sched_interval=1,sched_min_interval=0,bf_interval=1',
      AccountingStorageType: 'accounting_storage/none',
      JobCompType: 'jobcomp/none',
    };
    const named = this.lines.filter((line) => !/^(Node|Partition)Name=/.test(line));
    for (const line of named) own[line.slice(0, line.indexOf('='))] = line.slice(line.indexOf('=') + 1);
    const partitions = this.lines.filter((line) => line.startsWith('PartitionName='));
    fs.writeFileSync(
      this.config,
      [
        ...Object.entries(own).map(([key, value]) => `${key}=${value}`),
        `NodeName=${node} NodeAddr=127.0.0.1 CPUs=${cpus} RealMemory=4000 State=UNKNOWN`,
        `PartitionName=main Nodes=${node} Default=YES MaxTime=INFINITE State=UP DefMemPerCPU=50 OverSubscribe=NO`,
        ...partitions.map((line) => `${line} Nodes=${node}`),
        '',
      ].join('\n'),
    );
  }

  /** Reached directly, in a home of its own that the node sees. */
  far(options: Partial<SlurmEngineOptions> = {}): SlurmFar {
    const home = fs.mkdtempSync(join(this.dir, 'home-'));
    return new SlurmFar(options, this.env, (far) => new LocalTransport(far.env), home);
  }

  async start(): Promise<void> {
    for (const name of ['state', 'spool']) fs.mkdirSync(join(this.dir, name), { recursive: true });
    fs.writeFileSync(join(this.dir, 'munge.key'), randomBytes(128), { mode: 0o600 });
    const { dir } = this;
    const files = ['key-file=munge.key', 'pid-file=munge.pid', 'log-file=munge.log', 'seed-file=munge.seed'];
    this.spawn('munged', [
      ...['--foreground', '--force', `--socket=${dir}/munge.socket`],
      ...files.map((file) => `--${file.replace('=', `=${dir}/`)}`),
    ]);
    await this.whileAll(() => fs.existsSync(`${dir}/munge.socket`), Boolean, 'munged to listen');
    this.ports = [await freePort(), await freePort()];
    this.writeConfig();
    this.startCtld();
    this.startSlurmd();
    await this.untilNode();
  }

  private spawn(name: Daemon, args: string[]): void {
    const log = fs.openSync(join(this.dir, `${name}.out`), 'a');
    const env = { ...process.env, ...this.env };
    // of a test that runs in a job
    for (const key of Object.keys(env)) if (/^BGJOB_/.test(key)) delete env[key as keyof typeof env];
    const daemon = spawn(`/usr/sbin/${name}`, args, { env, cwd: '/', stdio: ['ignore', log, log] });
    // told by whileAll
    daemon.on('error', () => {});
    this.daemons.set(name, daemon);
    this.ended.delete(name);
    fs.closeSync(log);
  }

  /** As `until`; but it fails at once if a daemon ends by itself, with the last words of that. */
  private whileAll<T>(read: () => T, holds: (value: T) => boolean, what: string): Promise<T> {
    const readAll = (): T => {
      for (const [name, { pid, exitCode, signalCode }] of this.daemons)
        if (!this.ended.has(name) && (pid === undefined || exitCode !== null || signalCode !== null))
          throw new Error(
            `${name} ended (${signalCode ?? exitCode ?? 'not started'}): ${this.lastWords(name)}`,
          );
      return read();
    };
    return until(readAll, holds, what, START_MS);
  }

  private lastWords(name: Daemon): string {
    return ['out', 'log']
      .map((end) => join(this.dir, `${name === 'munged' && end === 'log' ? 'munge' : name}.${end}`))
      .map((path) => (fs.existsSync(path) ? fs.readFileSync(path, 'utf8').trim().slice(-500) : ''))
      .join('\n');
  }

  startCtld = (): void => this.spawn('slurmctld', ['-D', '-f', this.config]);
  startSlurmd = (): void => this.spawn('slurmd', ['-D', '-f', this.config]);

  pid(name: Daemon): number {
    return this.daemons.get(name)!.pid!;
  }

  /** Ends a daemon; what it has started goes on. */
  async kill(name: Daemon, signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    const { pid } = this.daemons.get(name)!;
    this.ended.add(name);
    if (pid === undefined || !isRunning(pid)) return;
    process.kill(pid, signal);
    await until(
      () => isRunning(pid),
      (runs) => !runs,
      `${name} to end`,
    );
  }

  /** Kills the process of Slurm that has a job, as a node does that fails. */
  async killStepd(id: string): Promise<void> {
    const isStepd = ({ command }: { command: string }) => command.startsWith(`slurmstepd: [${id}.`);
    await until(
      () => {
        const left = processesNaming(this.dir).filter(isStepd);
        for (const { pid } of left) process.kill(pid, 'SIGKILL');
        return left;
      },
      (left) => left.length === 0,
      'slurmstepd to end',
    );
  }

  /** Nothing of a job that ended is left on the node: started again before that, it would find no script. */
  async untilCleaned(id: string): Promise<void> {
    const folder = join(this.dir, 'spool', `job${id.padStart(5, '0')}`);
    await until(
      () =>
        fs.existsSync(folder) ||
        processesNaming(this.dir).some(({ command }) => command.startsWith(`slurmstepd: [${id}.`)),
      (isLeft) => !isLeft,
      `the node to clean up after ${id}`,
    );
  }

  /** slurmctld is back, and answers. */
  async restartCtld(): Promise<void> {
    this.startCtld();
    await this.whileAll(
      () => this.call(['scontrol', 'ping']).code,
      (code) => code === 0,
      'slurmctld to answer',
    );
    // slurmctld would ask it after half a minute
    await this.restartSlurmd();
  }

  async restartSlurmd(): Promise<void> {
    await this.kill('slurmd');
    this.startSlurmd();
    await this.untilNode();
  }

  /** The node answers, and takes jobs. */
  async untilNode(): Promise<void> {
    await this.whileAll(
      () => this.call(['sinfo', '-h', '-o', '%T']).stdout.split('\n')[0]!,
      (now) => ['idle', 'mixed', 'allocated'].includes(now),
      `the node to take jobs (${this.dir})`,
    );
  }

  /** Calls a command of Slurm as an administrator. */
  call(argv: string[], input = ''): { code: number | null; stdout: string; stderr: string } {
    const { status, stdout, stderr } = spawnSync(argv[0]!, argv.slice(1), {
      env: { ...process.env, ...this.env },
      encoding: 'utf8',
      input,
      cwd: '/',
    });
    return { code: status, stdout, stderr };
  }

  /** The rows of squeue, of all states. */
  queue(format = '%i|%T|%r|%j|%k'): string[] {
    const { stdout } = this.call(['squeue', '-h', '-t', 'all', '-o', format]);
    return stdout.split('\n').filter(Boolean);
  }

  /** The number that Slurm gave to the job with this name; undefined: it does not know one. */
  idOf(name: string): string | undefined {
    return this.queue('%A|%j')
      .find((row) => row.endsWith(`|${name}`))
      ?.split('|')[0];
  }

  /** Processes of Slurm and of its jobs. A shell or an editor of the tester may name our folder, too. */
  private left(): number[] {
    const isOfSlurm = ({ pid, command }: { pid: number; command: string }) =>
      /^slurmstepd\b/.test(command) || environmentOf(pid).some((entry) => entry.startsWith('SLURM_JOB_ID='));
    return processesNaming(this.dir)
      .filter(isOfSlurm)
      .map(({ pid }) => pid);
  }

  async clear(): Promise<void> {
    for (const name of ['slurmctld', 'slurmd', 'munged'] as const)
      if (this.daemons.has(name)) await this.kill(name);
    // slurmstepd and its jobs outlive slurmd
    await until(
      () => {
        const left = this.left();
        for (const pid of left) if (isRunning(pid)) process.kill(pid, 'SIGKILL');
        return left;
      },
      (left) => left.length === 0,
      'all processes of the rig to be gone',
    );
    fs.rmSync(this.dir, { recursive: true, force: true });
  }
}
