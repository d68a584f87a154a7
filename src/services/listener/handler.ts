/**
 * Handles complete requests: authorization, rate limits, and the answer. A sender without the secret learns
 * nothing, not even whether the trigger exists: the work and the answer are the same.
 */
import { isUtf8 } from 'node:buffer';
import { ignoreSystemError } from '../../base/result.ts';
import { sourceStack } from '../../base/source-stack.ts';
import { isInThisNamespace } from '../../engine/queue/confinement.ts';
import { type Address, listTriggers, readTrigger, type Trigger } from '../../job/automation/trigger.ts';
import type { Home } from '../../job/home/home.ts';
import { foundValue } from '../../job/home/records.ts';
import { isWanted } from '../service.ts';
import { logLine } from '../service-log.ts';
import { deliver } from './delivery.ts';
import { type Rate, RateLimiter } from './rate-limit.ts';
import { type Head, type ListenerRequest, type Reply, refuse } from './request.ts';
import { isGenuine, randomSecret } from './signature.ts';

const STARTS: Rate = { atOnce: 60, everyMs: 1000 };
/** Requests without a valid secret, of one listener. Senders with the secret are not affected. */
const FAILURES: Rate = { atOnce: 100, everyMs: 100 };

/** The first header that exists counts. */
const ID_HEADERS = ['x-github-delivery', 'idempotency-key', 'webhook-id'];
const LONGEST_ID = 200;

const later = (status: number, error: string, seconds: number): Reply =>
  refuse(status, error, { 'Retry-After': String(seconds) });

const UNKNOWN = refuse(401, 'unauthorized', { 'WWW-Authenticate': 'Bearer' });
const GONE = later(503, 'this listener ends', 5);

export class DeliveryHandler {
  private readonly failures = new RateLimiter(FAILURES);
  private readonly starts = new Map<string, RateLimiter>();
  /** Its record is read instead if a request asks for a trigger that does not exist. */
  private other = '';
  /** The last start; the next one waits for it. */
  private last: Promise<unknown> = Promise.resolve();
  constructor(
    private readonly home: Home,
    private readonly address: Address,
    /** Called when this listener must end. */
    private readonly end: () => void,
  ) {}

  /** Never rejects. */
  async answer(request: ListenerRequest): Promise<Reply> {
    try {
      const trigger = this.authorize(request);
      if (!trigger) return this.refuseUnknown();
      const id =
        ID_HEADERS.map((name) => textOf(request.headers[name])).find((one) => one !== undefined) ?? null;
      if (id !== null && id.length > LONGEST_ID)
        return refuse(400, `the id of a delivery may have ${LONGEST_ID} characters`);
      const seconds = this.rateLimiterOf(trigger.name).take();
      if (seconds > 0) return later(429, 'too many deliveries', seconds);
      return await this.inOrder(() => this.start(request, id));
    } catch (thrown) {
      logLine(`this is a bug in bgjob, please report it: ${sourceStack(thrown)}`);
      return refuse(500, 'a bug in bgjob');
    }
  }

  /** A signature cannot be checked without the body. */
  isGenuine(head: Head): boolean {
    try {
      const trigger = this.authorize({ ...head, body: Buffer.alloc(0) });
      return trigger !== undefined && head.headers['x-hub-signature-256'] === undefined;
    } catch (thrown) {
      ignoreSystemError(thrown);
      return false;
    }
  }

  private refuseUnknown(): Reply {
    const seconds = this.failures.take();
    return seconds > 0 ? later(429, 'too many requests', seconds) : UNKNOWN;
  }

  private rateLimiterOf(name: string): RateLimiter {
    const limiter = this.starts.get(name) ?? new RateLimiter(STARTS);
    this.starts.set(name, limiter);
    return limiter;
  }

  /**
   * One after the other, because the umask is that of the process. A start may block on the disk only, so the
   * event loop runs once before: otherwise a burst of starts would make other requests time out.
   */
  private inOrder<T>(act: () => Promise<T>): Promise<T> {
    const mine = this.last.then(() => new Promise((resolve) => setImmediate(resolve))).then(act);
    this.last = mine.catch(() => {});
    return mine;
  }

  /** The record is read anew, so that a removal or a new secret counts at once. */
  private authorize({ name, headers, body }: ListenerRequest): Trigger | undefined {
    const names = listTriggers(this.home);
    const isThere = names.includes(name);
    const read = readTrigger(
      this.home,
      isThere ? name : names.includes(this.other) ? this.other : (names[0] ?? 'none'),
    );
    const isServed = read.kind === 'read' && this.isServedHere(read.value);
    const unknownSecret = randomSecret();
    const trigger = isThere && isServed ? read.value : undefined;
    if (isServed) this.other = read.value.name;
    const genuine = isGenuine(trigger?.secret ?? unknownSecret, {
      authorization: headers.authorization,
      signature: textOf(headers['x-hub-signature-256']),
      body,
    });
    return genuine ? trigger : undefined;
  }

  private isServedHere(trigger: Trigger): boolean {
    const { host, port } = this.address;
    return trigger.host === host && trigger.port === port && isInThisNamespace(trigger);
  }

  private async start(request: ListenerRequest, id: string | null): Promise<Reply> {
    if (!isWanted(this.home)) {
      this.end();
      return GONE;
    }
    // the trigger may have been removed while earlier starts ran
    const trigger = this.authorize(request);
    if (!trigger) return this.refuseUnknown();
    const done = await deliver(this.home, trigger, {
      id,
      header: (name) => textOf(request.headers[name.toLowerCase()]) ?? '',
      body: request.body,
    });
    if (done.kind === 'started') return { status: 202, body: { id: done.job } };
    if (done.kind === 'replayed')
      return { status: 409, body: { error: 'this was delivered before', id: done.job } };
    return later(503, 'the job could not be started', 10);
  }
}

/** Several of one name are joined. Node decodes Latin-1, but many senders use UTF-8. */
function textOf(value: string | string[] | undefined): string | undefined {
  const text = Array.isArray(value) ? value.join(', ') : value;
  const bytes = text === undefined || /^[\x00-\x7f]*$/.test(text) ? undefined : Buffer.from(text, 'latin1');
  return bytes && isUtf8(bytes) ? bytes.toString() : text;
}

export function addedHosts(home: Home, { host, port }: Address): Set<string> {
  const hosts = new Set<string>();
  try {
    for (const name of listTriggers(home)) {
      const trigger = foundValue(readTrigger(home, name));
      if (trigger?.host === host && trigger.port === port) for (const one of trigger.hosts) hosts.add(one);
    }
  } catch (thrown) {
    ignoreSystemError(thrown);
  }
  return hosts;
}
