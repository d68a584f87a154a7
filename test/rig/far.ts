/** A far side for tests of targets: an engine with a home there of its own, and what is asked of it most. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type {
  FarEnd,
  FarJob,
  FarState,
  FollowEvents,
  TargetError,
  Transport,
} from '../../src/engine/targets/engine.ts';
import { ShimEngine, type ShimEngineOptions } from '../../src/engine/targets/shim-engine.ts';
import { LocalTransport } from '../../src/engine/targets/transport.ts';
import { TEST_MS, until } from './until.ts';

/** A word of sh in a job on a target: the file of what the job costs. */
export const USAGE_FILE = `"$(echo "$HOME"/.bgjob-far/*/job/"\${BGJOB_REMOTE%.}"/usage)"`;

/** A home there, and an engine that reaches it. Removed by `clear`. */
export class Far {
  readonly home: string;
  readonly env: Record<string, string>;
  readonly engine: ShimEngine;
  protected readonly engines: ShimEngine[] = [];
  private count = 0;
  /** As that of a home: a stop by the marker must not find the job of another test. */
  private readonly prefix = randomBytes(6).toString('hex');

  constructor(
    options: Partial<ShimEngineOptions> = {},
    env: Record<string, string> = {},
    readonly transportOf: (far: Far) => Transport = (far) => new LocalTransport(far.env),
    home = fs.mkdtempSync(join(tmpdir(), 'bgjob-far-')),
  ) {
    this.home = home;
    this.env = { HOME: home, PATH: '/usr/bin:/bin', ...env };
    this.engine = this.another(options);
  }

  /** Another engine to the same home: with the same client it is the same one, begun anew. */
  another(options: Partial<ShimEngineOptions> = {}): ShimEngine {
    const engine = new ShimEngine(this.transportOf(this), { client: 'laptop', folder: null, ...options });
    this.engines.push(engine);
    return engine;
  }

  root(client = 'laptop'): string {
    return join(this.home, '.bgjob-far', client);
  }

  job(argv: string[], rest: Partial<FarJob> = {}): FarJob {
    return {
      uid: `${this.prefix}-${++this.count}-1`,
      argv,
      cwd: null,
      env: [],
      umask: 0o022,
      timeoutMs: null,
      graceMs: 10_000,
      maxLogBytes: null,
      onMaxLog: 'kill',
      split: false,
      stdin: null,
      signal: 'TERM',
      ...rest,
    };
  }

  sh(script: string, rest: Partial<FarJob> = {}): FarJob {
    return this.job(['/bin/sh', '-c', script], rest);
  }

  /** Submits a job that must be accepted; returns its uid. */
  async start(job: FarJob): Promise<string> {
    const result = await this.engine.submit(job);
    assert.equal(result.kind, 'accepted', JSON.stringify(result));
    return job.uid;
  }

  async state(uid: string, engine = this.engine): Promise<FarState> {
    return (await engine.look([{ uid }])).get(uid)!;
  }

  async reach(uid: string, kind: FarState['kind'], engine = this.engine): Promise<FarState> {
    return until(
      () => this.state(uid, engine),
      (state) => state.kind === kind,
      `${uid} to be ${kind}`,
    );
  }

  async end(uid: string, engine = this.engine): Promise<FarEnd> {
    const state = await this.reach(uid, 'ended', engine);
    return (state as Extract<FarState, { kind: 'ended' }>).end;
  }

  async log(uid: string, stream: 'out' | 'err' = 'out', engine = this.engine): Promise<string> {
    return (await engine.read(uid, stream, 0, 1 << 20)).toString('utf8');
  }

  /** Waits until the log has this text. */
  async said(uid: string, text: string): Promise<string> {
    return until(
      () => this.log(uid),
      (log) => log.includes(text),
      `the log of ${uid} to have ${text}`,
    );
  }

  /** A FIFO there: `read x <FIFO` in a job waits until the test opens it. */
  gate(): { path: string; open(): void } {
    const path = join(this.home, `gate.${++this.count}`);
    if (spawnSync('mkfifo', ['-m', '666', path]).status !== 0) throw new Error('no FIFO');
    return { path, open: () => fs.writeFileSync(path, 'go\n') };
  }

  close(): void {
    for (const engine of this.engines) engine.close();
  }

  clear(): void {
    this.close();
    fs.rmSync(this.home, { recursive: true, force: true });
  }
}

/** A test with a far side over the local transport. */
export function farTest(
  name: string,
  run: (far: Far) => Promise<void>,
  env: Record<string, string> = {},
  options: Partial<ShimEngineOptions> = {},
): void {
  test(name, { timeout: TEST_MS }, async () => {
    const far = new Far(options, env);
    try {
      await run(far);
    } finally {
      far.clear();
    }
  });
}

/** The bytes of a stream, put together by offset: bytes that come twice must be the same. */
export class Gathered implements FollowEvents {
  readonly logs = new Map<string, Buffer>();
  readonly ends: FarEnd[] = [];
  readonly gaps: string[] = [];
  heartbeats = 0;
  error: TargetError | undefined;

  private keyOf = (uid: string, stream: string): string => (stream === 'out' ? uid : `${uid}.err`);

  bytes(uid: string, stream: 'out' | 'err', offset: number, bytes: Buffer): void {
    const key = this.keyOf(uid, stream);
    const before = this.logs.get(key) ?? Buffer.alloc(0);
    if (offset > before.length) throw new Error(`bytes of ${key} are missing before ${offset}`);
    const again = before.subarray(offset, offset + bytes.length);
    if (!again.equals(bytes.subarray(0, again.length))) throw new Error(`other bytes of ${key} at ${offset}`);
    this.logs.set(key, Buffer.concat([before.subarray(0, offset), bytes]));
  }

  gap(uid: string, stream: 'out' | 'err', from: number, to: number): void {
    this.gaps.push(`${this.keyOf(uid, stream)} ${from} ${to}`);
  }

  ended(_uid: string, end: FarEnd): void {
    this.ends.push(end);
  }

  heartbeat(): void {
    this.heartbeats++;
  }

  lost(error: TargetError): void {
    this.error = error;
  }

  text(uid: string): string {
    return this.logs.get(uid)?.toString('utf8') ?? '';
  }
}
