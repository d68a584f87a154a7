/**
 * The Engine of a Slurm cluster, whose commands are where a Transport leads. The files of a job, its shim and its
 * log are those of the ShimEngine; Slurm starts the shim on a node, so the folder must be seen from both.
 *
 * Slurm may forget a job, start it twice, or give its number to another. So a job is known by the name and the
 * comment that we gave, the shim claims its start in the folder, and its end record decides. What only Slurm knows
 * of an end becomes a record in the folder, too: then the log stream tells it, after the output.
 */
import type { SlurmSettings } from '../../job/target.ts';
import {
  type FarEnd,
  type FarJob,
  type FarState,
  type SlurmFacts,
  type StopResult,
  type SubmitResult,
  TargetError,
  type Transport,
} from './engine.ts';
import type { FarPlace } from './far-program.ts';
import { farEndRecord, parseFarEnd } from './far-records.ts';
import { checkSignal, checkUid, hundredths, ShimEngine, type ShimEngineOptions } from './shim-engine.ts';
import {
  endOf,
  isFinal,
  isPending,
  liveState,
  nativeIdOf,
  parseAnswer,
  parseDetails,
  rowOf,
  type SlurmAnswer,
  type SlurmFiles,
  type SlurmRow,
} from './slurm-records.ts';

export interface SlurmEngineOptions extends Omit<ShimEngineOptions, keyof FarPlace>, SlurmSettings {
  client: string;
  folder: string | null;
  /** How long the shim of a job that Slurm has forgotten may give no sign of life. */
  silentAfterMs?: number;
}

/** The shim gives one each 20 seconds; a network file system may show it a minute later. */
const SILENT_AFTER_MS = 180_000;
/** How long the record of a job that ended by itself may need to be seen here. */
const RECORD_MS = 5000;
/** Of more jobs all that are there are looked at. */
const MANY = 50;
/** What does not end by the end of its grace is cancelled after this time. */
const CANCEL_AFTER_MS = 5000;

const slurmDown = (said: string): TargetError => new TargetError('unreachable', 'slurm-down', said);

/** `--time` of Slurm has minutes. */
const minutesOf = ({ timeoutMs }: FarJob): string =>
  timeoutMs === null ? '-' : String(Math.max(1, Math.ceil(timeoutMs / 60_000)));

export class SlurmEngine extends ShimEngine {
  /** Until when a job that is stopped should be gone. */
  private readonly stopping = new Map<string, number>();
  /** The last sign of life of each shim, and since when. */
  private readonly beats = new Map<string, { beat: string; since: number }>();
  /** How often Slurm has started each again. */
  private readonly restarts = new Map<string, number>();
  /** Those that waited at the last look, and never ran: of them only Slurm is asked. */
  private readonly waiting = new Map<string, SlurmFiles>();
  private readonly silentAfterMs: number;
  private maxArray = 0;

  constructor(
    transport: Transport,
    { partition, options, setup, silentAfterMs = SILENT_AFTER_MS, ...rest }: SlurmEngineOptions,
  ) {
    super(transport, { ...rest, slurm: { partition, options, setup } });
    this.silentAfterMs = silentAfterMs;
  }

  override async submit(job: FarJob): Promise<SubmitResult> {
    const answer = await this.send('S', job, minutesOf(job));
    return typeof answer === 'string' ? this.resultOf(answer, job.uid) : answer;
  }

  protected override resultOf(line: string, uid: string): SubmitResult {
    const [kind, ...words] = line.split(' ');
    const said = words.join(' ');
    if (kind === 'unsent') return { kind, error: slurmDown(said) };
    if (kind === 'maybe') return { kind, error: slurmDown(said) };
    if (kind === 'accepted' || kind === 'known') return { kind, nativeId: said };
    return super.resultOf(line, uid);
  }

  override async submitAll(jobs: FarJob[]): Promise<SubmitResult[]> {
    if (jobs.length === 1) return [await this.submit(jobs[0]!)];
    const results = new Map<FarJob, SubmitResult>();
    const ready = new Map<string, FarJob[]>();
    await Promise.all(
      jobs.map(async (job) => {
        const minutes = minutesOf(job);
        const answer = await this.send('P', job, minutes);
        if (answer === 'prepared') ready.set(minutes, [...(ready.get(minutes) ?? []), job]);
        else results.set(job, typeof answer === 'string' ? this.resultOf(answer, job.uid) : answer);
      }),
    );
    const most = ready.size === 0 ? 1 : await this.arraySize();
    for (const [minutes, group] of ready)
      for (let at = 0; at < group.length; at += most) {
        const part = group.slice(at, at + most);
        const result = await this.askFor(part, minutes);
        for (const [index, job] of part.entries())
          results.set(
            job,
            'nativeId' in result && part.length > 1
              ? { ...result, nativeId: `${result.nativeId}_${index}` }
              : result,
          );
      }
    return jobs.map((job) => results.get(job)!);
  }

  private async askFor(jobs: FarJob[], minutes: string): Promise<SubmitResult> {
    try {
      const { lines } = await this.request(`A ${minutes} ${jobs.map(({ uid }) => uid).join(' ')}\n`);
      return this.resultOf(lines[0] ?? '', '');
    } catch (thrown) {
      if (thrown instanceof TargetError) return { kind: 'maybe', error: thrown };
      throw thrown;
    }
  }

  private async arraySize(): Promise<number> {
    // 0: slurmctld does not answer
    this.maxArray ||= (await this.slurmFacts()).maxArray;
    return Math.max(1, this.maxArray);
  }

  override async look(jobs: { uid: string }[]): Promise<Map<string, FarState>> {
    const uids = jobs.map(({ uid }) => checkUid(uid));
    if (uids.length === 0) return new Map();
    const states = new Map<string, FarState>();
    const { rows, down } = parseAnswer(
      uids.some((uid) => this.waiting.has(uid)) ? (await this.request('Q\n')).lines : [],
    );
    for (const uid of uids) {
      const job = this.waiting.get(uid);
      const row = job && down === undefined ? rowOf(job, rows) : undefined;
      // its files say nothing new
      if (job && row && isPending(row.state)) states.set(uid, liveState(job, row));
    }
    const rest = uids.filter((uid) => !states.has(uid));
    if (rest.length === 0) return states;
    // a shell reads a request byte by byte
    const words = rest.length > MANY ? 'all' : rest.join(' ');
    const answer = parseAnswer((await this.request(`L ${words}\n`)).lines);
    await Promise.all(rest.map(async (uid) => states.set(uid, await this.stateOf(uid, answer))));
    return states;
  }

  private async stateOf(uid: string, { ends, ended, files, rows, down }: SlurmAnswer): Promise<FarState> {
    this.waiting.delete(uid);
    const end = ends.get(uid);
    const job = files.get(uid);
    if (end) {
      this.forget(uid);
      return { kind: 'ended', end };
    }
    // a damaged record is none
    if (!job) return ended.has(uid) ? this.age(uid) : { kind: 'absent' };
    if (job.kind === 'absent') return { kind: 'absent' };
    if (down !== undefined) return { kind: 'unknown', why: 'engine-silent', said: down };
    const row = rowOf(job, rows);
    if (!row) return this.unlisted(job);
    if (isFinal(row.state)) return this.over(job, row);
    this.absentSince.delete(uid);
    const state = this.inOrder(uid, liveState(job, row));
    if (state.kind === 'queued' && !job.run && job.id && !job.isStopped) this.waiting.set(uid, job);
    const deadline = this.stopping.get(uid);
    if (deadline !== undefined && this.now() > deadline) await this.act('cancel', job, row);
    return state;
  }

  /** Slurm may have started it again, and its shim has not yet written so. */
  private inOrder(uid: string, state: FarState): FarState {
    if (state.kind !== 'queued' && state.kind !== 'running') return state;
    const before = this.restarts.get(uid) ?? 0;
    if (state.restarts < before) return { kind: 'claimed' };
    this.restarts.set(uid, state.restarts);
    return state;
  }

  private forget(uid: string): void {
    this.restarts.delete(uid);
    this.waiting.delete(uid);
    this.absentSince.delete(uid);
    this.stopping.delete(uid);
    this.beats.delete(uid);
  }

  /** Slurm does not know it: not yet, or not any more. */
  private async unlisted(job: SlurmFiles): Promise<FarState> {
    const { uid, cut, run, kind, isStopped } = job;
    const isUnborn = !run && kind !== 'started';
    if (!job.id && isUnborn) return { kind: 'absent' };
    const aged = this.age(uid);
    // one task of an array that waited is forgotten as soon as it is cancelled
    if (aged.kind !== 'lost' && !(isUnborn && isStopped)) return aged;
    if (isUnborn) {
      const verdict = { word: isStopped ? 'cancelled' : 'not-started', said: '' } as const;
      const none = { status: null, limit: null, tookMs: 0, restarts: 0, usage: null };
      return this.settle({ uid, ...none, afterStop: isStopped, verdict }, 'U');
    }
    if (cut) return this.settle({ ...cut, afterStop: cut.afterStop || isStopped });
    if (!this.isSilent(job)) return { kind: 'unknown', why: 'no-process', said: '' };
    return { kind: 'lost', why: 'forgotten' };
  }

  /** Whether its shim has given no sign of life for long: Slurm may forget a job that runs. */
  private isSilent({ uid, beat }: SlurmFiles): boolean {
    if (beat === '') return true;
    const last = this.beats.get(uid);
    if (last?.beat === beat) return this.now() - last.since >= this.silentAfterMs;
    this.beats.set(uid, { beat, since: this.now() });
    return false;
  }

  /** Slurm says that it is over, and the shim has not written how it ended. */
  private async over(job: SlurmFiles, row: SlurmRow): Promise<FarState> {
    const id = nativeIdOf(job, row.id);
    const { name, index } = job.asked!;
    const output = name === job.uid ? `${name}.out` : `${name}.out.${index}`;
    const { lines } = await this.request(`V ${job.uid} ${id} ${output}\n`);
    const line = lines.find((one) => one.startsWith('v '));
    const wrote = lines.find((one) => one.startsWith('o '))?.slice(2) ?? '';
    if (!line) return this.unlisted(job);
    const details = parseDetails(line.slice(2), wrote);
    // it was put back meanwhile
    if (!isFinal(details.state)) return liveState(job, { ...row, state: details.state });
    const end = endOf(job, details);
    // Perhaps the record is on its way. After a second submit it may be that of the other start, which has taken
    // the claim and has written nothing yet.
    const word = end.verdict?.word ?? null;
    if (!job.cut && (word === null || word === 'unclear')) {
      const since = this.absentSince.get(job.uid) ?? this.now();
      this.absentSince.set(job.uid, since);
      if (this.now() - since < Math.min(RECORD_MS, this.options.lostAfterMs ?? RECORD_MS))
        return { kind: 'unknown', why: 'no-process', said: '' };
    }
    // its processes may live: then the shim records how it ends
    if (job.run && word === 'node-failed' && !this.isSilent(job))
      return { kind: 'unknown', why: 'no-process', said: end.verdict!.said };
    return this.settle(end);
  }

  /** Makes a record of an end, so that each reader finds it. One that is there wins. */
  private async settle(end: FarEnd, verb: 'E' | 'U' = 'E'): Promise<FarState> {
    const { lines } = await this.request(`${verb} ${end.uid} ${farEndRecord(end)}\n`);
    const kept = parseFarEnd(lines[0]?.slice(2) ?? '');
    if (!kept) return { kind: 'unknown', why: 'no-process', said: '' };
    this.forget(end.uid);
    return { kind: 'ended', end: kept };
  }

  override async stop(uid: string, signal: string, graceMs: number): Promise<StopResult> {
    checkSignal(signal);
    this.waiting.delete(uid);
    const { lines } = await this.request(`K ${checkUid(uid)} ${signal} ${hundredths(graceMs)}\n`);
    const { files, rows, down } = parseAnswer(lines);
    const job = files.get(uid);
    if (!job) return { signalled: 0, unseen: null };
    // its shim stops it, also without Slurm
    const runs = job.kind === 'started';
    if (down !== undefined && !runs) throw slurmDown(down);
    const row = rowOf(job, rows);
    const isLive = row !== undefined && !isFinal(row.state);
    if (signal !== '0' && isLive)
      await this.act(liveState(job, row).kind === 'queued' ? 'cancel' : 'wake', job, row);
    if (signal !== '0') {
      const deadline = this.now() + graceMs + CANCEL_AFTER_MS;
      this.stopping.set(uid, Math.min(deadline, this.stopping.get(uid) ?? deadline));
    }
    return { signalled: runs && (isLive || down !== undefined) ? 1 : 0, unseen: null };
  }

  private async act(what: 'wake' | 'cancel', job: SlurmFiles, row: SlurmRow): Promise<void> {
    const id = nativeIdOf(job, row.id);
    const { lines } = await this.request(`C ${what} ${id} ${row.name} ${row.comment}\n`);
    if (lines[0]?.startsWith('down ')) throw slurmDown(lines[0].slice(5));
  }

  override async remove(uids: string[]): Promise<string[]> {
    for (const uid of uids) this.forget(uid);
    return super.remove(uids);
  }

  override async slurmFacts(): Promise<SlurmFacts> {
    const { lines } = await this.request('I\n');
    const value = (name: string): string =>
      lines.find((line) => line.startsWith(`${name} `))?.slice(name.length + 1) ?? '';
    return {
      version: value('version').replace(/^slurm(-wlm)? /, ''),
      cluster: value('ClusterName'),
      answers: lines.includes('up'),
      accounting: value('AccountingStorageType') === 'accounting_storage/slurmdbd',
      maxArray: Math.max(0, Number(value('MaxArraySize')) - 1),
      minJobAge: Number(value('MinJobAge')) || 0,
      partitions: lines.flatMap((line) => {
        const [kind, name, state, nodes, timeLimit] = line.split(' ');
        return kind === 'partition'
          ? [
              {
                ...{ name: name!.replace(/\*$/, ''), isDefault: name!.endsWith('*'), state: state! },
                ...{ nodes: Number(nodes), timeLimit: timeLimit! },
              },
            ]
          : [];
      }),
    };
  }
}
