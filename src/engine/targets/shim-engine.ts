/**
 * The Engine that needs nothing on the far side beyond sh: each job has a shim of its own there, which holds its
 * limits and records its end. It keeps two connections, one for requests and one for the log stream. It decides
 * nothing by the absence of a machine; by the absence of a process only after a grace.
 */
import { randomBytes } from 'node:crypto';
import {
  type Engine,
  type EngineAbilities,
  type FarFacts,
  type FarJob,
  type FarState,
  type FarStream,
  type FollowEvents,
  type Following,
  type SlurmFacts,
  type StopResult,
  type SubmitResult,
  TargetError,
  type Transport,
} from './engine.ts';
import { FarChannel } from './far-channel.ts';
import { controlProgram, type FarPlace, jobScript, payloadLines, STREAM_PROGRAMS } from './far-program.ts';
import { parseFarEnd, posixChecksum } from './far-records.ts';
import { PolledStream, PushedStream } from './far-stream.ts';

export interface ShimEngineOptions extends FarPlace {
  /** The programs that may stream the log; others are not tried. */
  grades?: readonly string[];
  /** A login shell may run something else than our program, for ever. */
  readyMs?: number;
  /** A request that is not answered for so long ends the connection. */
  answerMs?: number;
  /** How long a job may have neither a process nor an end before it counts as lost. */
  lostAfterMs?: number;
  /** A clock that only goes forward. */
  now?: () => number;
}

const READY_MS = 30_000;
const ANSWER_MS = 60_000;
const LOST_AFTER_MS = 30_000;

const isUid = (text: string): boolean => /^[A-Za-z0-9][A-Za-z0-9-]{0,100}$/.test(text);

export function checkUid(uid: string): string {
  if (!isUid(uid)) throw new Error(`not a uid: ${uid}`);
  return uid;
}

export function checkSignal(signal: string): void {
  if (!/^(0|[A-Z][A-Z0-9+-]*)$/.test(signal)) throw new Error(`not a signal: ${signal}`);
}

/** Times travel as hundredths of a second; a limit is never shorter than asked. */
export const hundredths = (ms: number | null): string => (ms === null ? '-' : String(Math.ceil(ms / 10)));

function parseFacts(hello: string, nearMs: number, readyMs: number): FarFacts {
  const [grade, system, host, user, home, folder, seconds, , missing] = hello.split('|');
  if (missing) throw new TargetError('refused', 'far-tools', missing);
  return {
    grade: grade as FarFacts['grade'],
    system: system!,
    host: host!,
    user: user!,
    home: home!,
    folder: folder!,
    clockDifference: Number(seconds) - Math.round(nearMs / 1000),
    readyMs,
  };
}

export class ShimEngine implements Engine {
  readonly can: EngineAbilities = {
    stdin: true,
    pty: false,
    pause: false,
    signals: true,
    ports: false,
    memory: false,
    trim: false,
  };
  private opening: Promise<{ channel: FarChannel; facts: FarFacts }> | undefined;
  /** Since when a job had neither a process nor an end. */
  protected readonly absentSince = new Map<string, number>();
  protected readonly now: () => number;

  constructor(
    private readonly transport: Transport,
    protected readonly options: ShimEngineOptions,
  ) {
    this.now = options.now ?? (() => performance.now());
  }

  private async open(): Promise<{ channel: FarChannel; facts: FarFacts }> {
    const begun = performance.now();
    const program = controlProgram(this.options, this.options.grades ?? STREAM_PROGRAMS, false);
    const session = await this.transport.open(program, this.options.readyMs ?? READY_MS);
    const channel = new FarChannel(session, this.options.answerMs ?? ANSWER_MS);
    try {
      return { channel, facts: parseFacts(session.hello, Date.now(), performance.now() - begun) };
    } catch (thrown) {
      channel.close();
      throw thrown;
    }
  }

  private async connection(): Promise<{ channel: FarChannel; facts: FarFacts }> {
    const before = this.opening;
    const open = await before?.catch(() => undefined);
    if (open?.channel.isOpen) return open;
    if (this.opening === before) this.opening = this.open();
    return this.opening!;
  }

  protected async request(text: string) {
    return (await this.connection()).channel.request(text);
  }

  async connect(): Promise<FarFacts> {
    return (await this.connection()).facts;
  }

  async probe(): Promise<void> {
    const { lines } = await this.request('T\n');
    if (lines[0] !== 't')
      throw new TargetError('refused', 'far-folder', (lines[0] ?? '').replace(/^cannot-write /, ''));
  }

  /** The bytes of stdin go through a connection of their own, and are compared there. */
  private async sendStdin(uid: string, bytes: Uint8Array, facts: FarFacts): Promise<string | SubmitResult> {
    const name = `in.${randomBytes(6).toString('hex')}`;
    const folder = `${facts.folder}/${this.options.client}/job/${uid}`;
    const script = 'umask 077; mkdir -p "$1" && cat >"$1/$2" && cksum <"$1/$2"';
    const { code, stdout, stderr } = await this.transport.exec(
      ['/bin/sh', '-c', script, 'sh', folder, name],
      bytes,
      this.options.answerMs ?? ANSWER_MS,
    );
    if (code === null)
      return { kind: 'maybe', error: new TargetError('unreachable', 'connection-lost', stderr.trim()) };
    if (code === 0 && stdout.toString('latin1').startsWith(`${posixChecksum(bytes)} ${bytes.length}`))
      return name;
    await this.remove([uid]);
    return { kind: 'refused', why: 'no-room', said: folder };
  }

  async submit(job: FarJob): Promise<SubmitResult> {
    const answer = await this.send('S', job);
    return typeof answer === 'string' ? this.resultOf(answer, job.uid) : answer;
  }

  /** Returns the line of the answer, or what is known without one. `more`: further words of the request. */
  protected async send(verb: string, job: FarJob, ...more: string[]): Promise<string | SubmitResult> {
    const uid = checkUid(job.uid);
    const { facts, channel } = await this.connection();
    if (job.onMaxLog === 'trim' && job.maxLogBytes !== null && !this.can.trim)
      return { kind: 'refused', why: 'cannot-trim', said: '' };
    let stdin = '-';
    if (job.stdin !== null) {
      const sent = await this.sendStdin(uid, job.stdin, facts);
      if (typeof sent !== 'string') return sent;
      stdin = sent;
    }
    const words = [
      ...[verb, uid, job.split ? '1' : '0', stdin, hundredths(job.timeoutMs), hundredths(job.graceMs)],
      ...[job.signal, job.maxLogBytes ?? '-', ...more],
    ];
    const text = `${words.join(' ')}\n${payloadLines(job.cwd ?? '')}${payloadLines(jobScript(job))}`;
    try {
      return (await channel.request(text)).lines[0] ?? '';
    } catch (thrown) {
      if (thrown instanceof TargetError) return { kind: 'maybe', error: thrown };
      throw thrown;
    }
  }

  protected resultOf(line: string, uid: string): SubmitResult {
    const [kind, ...said] = line.split(' ');
    if (kind === 'accepted' || kind === 'known') return { kind, nativeId: uid };
    const why = (['no-cwd', 'no-room', 'engine'] as const).find((word) => word === kind) ?? 'cannot-write';
    return { kind: 'refused', why, said: said.join(' ') };
  }

  submitAll(jobs: FarJob[]): Promise<SubmitResult[]> {
    return Promise.all(jobs.map((job) => this.submit(job)));
  }

  async look(jobs: { uid: string }[]): Promise<Map<string, FarState>> {
    const uids = jobs.map(({ uid }) => checkUid(uid));
    const { lines } = await this.request(`L ${uids.join(' ')}\n`);
    const found = new Map<string, FarState>();
    for (const line of lines) {
      const [kind, ...words] = line.split(' ');
      const uid = kind === 'e' ? words[1]! : words[0]!;
      found.set(uid, this.judge(kind!, uid, words));
    }
    // an end record of another uid under this name
    for (const uid of uids) if (!found.has(uid)) found.set(uid, this.age(uid));
    return found;
  }

  private judge(kind: string, uid: string, words: string[]): FarState {
    const end = kind === 'e' ? parseFarEnd(words.join(' ')) : undefined;
    if (kind === 'c') {
      const aged = this.age(uid);
      return aged.kind === 'lost' ? aged : { kind: 'claimed' };
    }
    if (kind === 'g' || (kind === 'e' && !end)) return this.age(uid);
    this.absentSince.delete(uid);
    if (end) return { kind: 'ended', end };
    if (kind === 'r')
      return {
        kind: 'running',
        pid: Number(words[1]),
        host: words[2]!,
        ranMs: Number(words[3]) * 10,
        restarts: 0,
      };
    if (kind === 'b') return { kind: 'lost', why: 'restarted' };
    if (kind === 'h') return { kind: 'unknown', why: 'other-host', said: words[1] ?? '' };
    return { kind: 'absent' };
  }

  /** No process and no end record: the record may still come. */
  protected age(uid: string): FarState {
    const since = this.absentSince.get(uid) ?? this.now();
    this.absentSince.set(uid, since);
    return this.now() - since >= (this.options.lostAfterMs ?? LOST_AFTER_MS)
      ? { kind: 'lost', why: 'gone' }
      : { kind: 'unknown', why: 'no-process', said: '' };
  }

  async slurmFacts(): Promise<SlurmFacts | null> {
    return null;
  }

  async stop(uid: string, signal: string, graceMs: number): Promise<StopResult> {
    checkSignal(signal);
    const { lines } = await this.request(`K ${checkUid(uid)} ${signal} ${hundredths(graceMs)}\n`);
    const [, hit, denied, environments] = (lines[0] ?? '').split(' ');
    const unseen: StopResult['unseen'] =
      Number(denied) > 0
        ? { why: 'permission', count: Number(denied) }
        : environments === 'blind'
          ? { why: 'environments', count: 0 }
          : null;
    return { signalled: Number(hit) || 0, unseen };
  }

  async read(uid: string, stream: FarStream, offset: number, length: number): Promise<Buffer> {
    return (await this.request(`R ${checkUid(uid)} ${stream} ${offset} ${length}\n`)).bytes;
  }

  async follow(events: FollowEvents): Promise<Following> {
    const program = controlProgram(this.options, this.options.grades ?? STREAM_PROGRAMS, true);
    const session = await this.transport.open(program, this.options.readyMs ?? READY_MS);
    const grade = session.hello.split('|')[0] as Following['grade'];
    return grade === 'sh'
      ? new PolledStream(session, events, this.options.answerMs ?? ANSWER_MS)
      : new PushedStream(grade, session, events);
  }

  async find(): Promise<string[]> {
    const { lines } = await this.request('F\n');
    return lines.map((line) => line.slice(2)).filter(isUid);
  }

  async remove(uids: string[]): Promise<string[]> {
    if (uids.length === 0) return [];
    const { lines } = await this.request(`D ${uids.map(checkUid).join(' ')}\n`);
    for (const uid of uids) this.absentSince.delete(uid);
    return lines.flatMap((line) => (line.startsWith('live ') ? [line.slice(5)] : []));
  }

  close(): void {
    void this.opening?.then(
      ({ channel }) => channel.close(),
      () => {},
    );
    this.opening = undefined;
  }
}
