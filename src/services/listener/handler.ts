/**
 * Where whole requests are judged: who may start what, how often, and what the answer is. Who does not know the secret learns
 * nothing, not even whether there is such a trigger: the same work is done, and the answer is the same.
 */
import { isUtf8 } from 'node:buffer';
import { ignoreSystemError } from '../../base/result.ts';
import { sourceStack } from '../../base/source-stack.ts';
import { isInThisNamespace } from '../../engine/queue/confinement.ts';
import { type Address, listTriggers, readTrigger, type Trigger } from '../../job/automation/trigger.ts';
import type { Home } from '../../job/home/home.ts';
import { isWanted } from '../service.ts';
import { tell } from '../service-log.ts';
import { deliver } from './delivery.ts';
import { type Rate, RateLimiter } from './rate-limit.ts';
import type { Head, ListenerRequest, Reply } from './request.ts';
import { isGenuine, randomSecret } from './signature.ts';

/** Of one trigger: jobs that are started. */
const STARTS: Rate = { atOnce: 60, everyMs: 1000 };
/** Of a listener: requests without a valid secret. They are not held against those who know it. */
const FAILURES: Rate = { atOnce: 100, everyMs: 100 };

/** The first that is there says how a delivery is called. */
const ID_HEADERS = ['x-github-delivery', 'idempotency-key', 'webhook-id'];
const LONGEST_ID = 200;

const refuse = (status: number, error: string, headers?: Record<string, string>): Reply => ({
  status,
  body: { error },
  ...(headers && { headers }),
});
const later = (status: number, error: string, seconds: number): Reply =>
  refuse(status, error, { 'Retry-After': String(seconds) });

const UNKNOWN = refuse(401, 'unauthorized', { 'WWW-Authenticate': 'Bearer' });
const GONE = later(503, 'this listener ends', 5);

export class DeliveryHandler {
  private readonly home: Home;
  private readonly address: Address;
  private readonly failures = new RateLimiter(FAILURES);
  private readonly starts = new Map<string, RateLimiter>();
  /** One that is served here: it is read where another is asked for that is not there. */
  private other = '';
  /** The start that is under way, and those that wait for it. */
  private last: Promise<unknown> = Promise.resolve();
  /** Called when this listener is wanted no more. */
  private readonly leave: () => void;
  constructor(home: Home, address: Address, leave: () => void) {
    this.home = home;
    this.address = address;
    this.leave = leave;
  }

  /** Answers; never rejects. */
  async answer(letter: ListenerRequest): Promise<Reply> {
    try {
      const trigger = this.authorize(letter);
      if (!trigger) return this.refuseUnknown();
      const id =
        ID_HEADERS.map((name) => textOf(letter.headers[name])).find((one) => one !== undefined) ?? null;
      if (id !== null && id.length > LONGEST_ID)
        return refuse(400, `the id of a delivery may have ${LONGEST_ID} characters`);
      const seconds = this.rateLimiterOf(trigger.name).take();
      if (seconds > 0) return later(429, 'too many deliveries', seconds);
      return await this.inTurn(() => this.start(letter, id));
    } catch (thrown) {
      tell(`this is a bug in bgjob, please report it: ${sourceStack(thrown)}`);
      return refuse(500, 'a bug in bgjob');
    }
  }

  /** Whether the token of a request, of which no more than the head is there, is right: what is signed is known by all of it. */
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
    const budget = this.starts.get(name) ?? new RateLimiter(STARTS);
    this.starts.set(name, budget);
    return budget;
  }

  /**
   * One at a time, whoever asks: also the umask of a start is that of the process. A start may wait for nothing but the disk: before
   * each of them the event loop turns, or others would be cut off as late while a burst is started.
   */
  private inTurn<T>(act: () => Promise<T>): Promise<T> {
    const mine = this.last.then(() => new Promise((resolve) => setImmediate(resolve))).then(act);
    this.last = mine.catch(() => {});
    return mine;
  }

  /** The trigger that is meant, read anew: what was removed or rotated is so at once. For one that is not there another is read. */
  private authorize({ name, headers, body }: ListenerRequest): Trigger | undefined {
    const names = listTriggers(this.home);
    const isThere = names.includes(name);
    const read = readTrigger(
      this.home,
      isThere ? name : names.includes(this.other) ? this.other : (names[0] ?? 'none'),
    );
    const isServed = read.kind === 'read' && this.isServedHere(read.value);
    const nobodys = randomSecret();
    const trigger = isThere && isServed ? read.value : undefined;
    if (isServed) this.other = read.value.name;
    const genuine = isGenuine(trigger?.secret ?? nobodys, {
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

  private async start(letter: ListenerRequest, id: string | null): Promise<Reply> {
    if (!isWanted(this.home)) {
      this.leave();
      return GONE;
    }
    // others were before: it may have been removed meanwhile
    const trigger = this.authorize(letter);
    if (!trigger) return this.refuseUnknown();
    const done = await deliver(this.home, trigger, {
      id,
      header: (name) => textOf(letter.headers[name.toLowerCase()]) ?? '',
      body: letter.body,
    });
    if (done.kind === 'started') return { status: 202, body: { id: done.job } };
    if (done.kind === 'replayed')
      return { status: 409, body: { error: 'this was delivered before', id: done.job } };
    return later(503, 'the job could not be started', 10);
  }
}

/** The value of a header, several of the same name as one. Node takes its bytes for Latin-1; who sends UTF-8 means that. */
function textOf(value: string | string[] | undefined): string | undefined {
  const text = Array.isArray(value) ? value.join(', ') : value;
  const bytes = text === undefined || /^[\x00-\x7f]*$/.test(text) ? undefined : Buffer.from(text, 'latin1');
  return bytes && isUtf8(bytes) ? bytes.toString() : text;
}

/** The names in a Host header that triggers of this address have beside its own. */
export function addedHosts(home: Home, { host, port }: Address): Set<string> {
  const hosts = new Set<string>();
  try {
    for (const name of listTriggers(home)) {
      const read = readTrigger(home, name);
      if (read.kind === 'read' && read.value.host === host && read.value.port === port)
        for (const one of read.value.hosts) hosts.add(one);
    }
  } catch (thrown) {
    ignoreSystemError(thrown);
  }
  return hosts;
}
