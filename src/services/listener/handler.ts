/**
 * Handles requests: judges their heads, then authorization, events, rate limits, and the answer. A sender
 * without the secret learns nothing, not even whether the trigger exists: the work and the answer are the
 * same.
 */
import { isUtf8 } from 'node:buffer';
import { errnoOf, ignoreSystemError } from '../../base/result.ts';
import { sourceStack } from '../../base/source-stack.ts';
import { isInThisNamespace } from '../../engine/launch/confinement.ts';
import { type Address, listTriggers, readTrigger, type Trigger } from '../../job/automation/trigger.ts';
import type { Home } from '../../job/home/home.ts';
import { foundValue } from '../../job/home/records.ts';
import { isWanted } from '../service.ts';
import { logLine } from '../service-log.ts';
import type { RequestBody } from './body.ts';
import { deliver } from './delivery.ts';
import { type Rate, RateLimiter } from './rate-limit.ts';
import { type Head, type Reply, refuse, refuseForNow } from './request.ts';
import { CredentialsCheck, credentialsIn, randomSecret } from './signature.ts';
import { eventIn, whyIgnored } from './webhook-event.ts';

const STARTS: Rate = { atOnce: 60, everyMs: 1000 };
/** Requests without a valid secret, of one listener. Senders with the secret are not affected. */
const FAILURES: Rate = { atOnce: 100, everyMs: 100 };

/** The first header that exists counts. */
const ID_HEADERS = ['x-github-delivery', 'idempotency-key', 'webhook-id'];
const LONGEST_ID = 200;

const UNKNOWN = refuse(401, 'unauthorized', { 'WWW-Authenticate': 'Bearer' });
const GONE = refuseForNow(503, 'this listener ends', 5);

/** A request whose head was judged. */
export class Sender {
  constructor(
    readonly head: Head,
    /** Undefined: there is none of that name here. */
    readonly trigger: Trigger | undefined,
    private readonly check: CredentialsCheck,
  ) {}

  /** The head alone shows the secret. */
  get isProven(): boolean {
    return this.check.byHead === 'genuine';
  }
  update(piece: Uint8Array): void {
    this.check.update(piece);
  }
  get wrong(): string {
    return this.check.wrong;
  }
  /** To be called once, after the last piece. */
  genuineTrigger(): Trigger | undefined {
    return this.check.isGenuine() ? this.trigger : undefined;
  }
  header(name: string): string | undefined {
    return textOf(this.head.headers[name]);
  }
}

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

  /**
   * The sender, or the answer to one without the secret. Only a signature cannot be judged without the body.
   * The record is read anew for each request, so that a removal or a new secret counts at once.
   */
  judge(head: Head): Sender | Reply {
    try {
      const trigger = this.findTrigger(head.name);
      const given = credentialsIn((name) => textOf(head.headers[name]));
      const check = new CredentialsCheck(trigger.secret, given);
      if (check.byHead !== 'wrong') return new Sender(head, trigger.found, check);
      check.isGenuine();
      return this.refuseUnknown(check.wrong);
    } catch (thrown) {
      return bugReply(thrown);
    }
  }

  /** Never rejects. */
  async answer(sender: Sender, body: RequestBody): Promise<Reply> {
    try {
      const trigger = sender.genuineTrigger();
      if (!trigger) return this.refuseUnknown(sender.wrong);
      const id = deliveryId(sender.head);
      if (id !== null && id.length > LONGEST_ID)
        return refuse(400, `the id of a delivery may have ${LONGEST_ID} characters`);
      const ignored = whyIgnored(
        trigger,
        eventIn((name) => sender.header(name)),
      );
      if (ignored !== undefined) return { status: 200, body: { message: ignored } };
      const seconds = this.rateLimiterOf(trigger.name).take();
      if (seconds > 0) return refuseForNow(429, 'too many deliveries', seconds);
      return await this.inOrder(() => this.start(sender, trigger, body));
    } catch (thrown) {
      return bugReply(thrown);
    }
  }

  /** `why`: for the history; the sender does not learn it. */
  private refuseUnknown(why: string): Reply {
    const seconds = this.failures.take();
    return seconds > 0 ? refuseForNow(429, 'too many requests', seconds) : { ...UNKNOWN, why };
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

  /** The trigger, and its secret; for a name without a trigger a secret that no sender knows. */
  private findTrigger(name: string): { found: Trigger | undefined; secret: string } {
    const names = listTriggers(this.home);
    const isThere = names.includes(name);
    const read = readTrigger(
      this.home,
      isThere ? name : names.includes(this.other) ? this.other : (names[0] ?? 'none'),
    );
    const isServed = read.kind === 'read' && this.isServedHere(read.value);
    const unknownSecret = randomSecret();
    const found = isThere && isServed ? read.value : undefined;
    if (isServed) this.other = read.value.name;
    return { found, secret: found?.secret ?? unknownSecret };
  }

  private isServedHere(trigger: Trigger): boolean {
    const { host, port } = this.address;
    return trigger.host === host && trigger.port === port && isInThisNamespace(trigger);
  }

  private async start(sender: Sender, judged: Trigger, body: RequestBody): Promise<Reply> {
    if (!isWanted(this.home)) {
      this.end();
      return GONE;
    }
    // the trigger may have been removed, or have another secret, since its head was judged
    const trigger = this.findTrigger(sender.head.name).found;
    if (!trigger || trigger.secret !== judged.secret) return this.refuseUnknown(sender.wrong);
    let payload: Buffer;
    try {
      payload = body.read();
    } catch (thrown) {
      const reply = refuseForNow(503, 'the body could not be read again', 10);
      return { ...reply, why: `the body could not be read again: ${errnoOf(thrown)}` };
    }
    const done = await deliver(this.home, trigger, {
      id: deliveryId(sender.head),
      header: (name) => sender.header(name.toLowerCase()) ?? '',
      body: payload,
    });
    if (done.kind === 'started') return { status: 202, body: { id: done.job } };
    if (done.kind === 'failed')
      return { ...refuseForNow(503, 'the job could not be started', 10), isNoted: true };
    const error = `this was ${done.why}`;
    return { status: 409, body: { error, ...(done.job !== null && { id: done.job }) }, isNoted: true };
  }
}

function bugReply(thrown: unknown): Reply {
  logLine(`this is a bug in bgjob, please report it: ${sourceStack(thrown)}`);
  return refuse(500, 'a bug in bgjob');
}

/** Null: the sender gave it none. */
export const deliveryId = ({ headers }: Head): string | null =>
  ID_HEADERS.map((name) => textOf(headers[name])).find((one) => one !== undefined) ?? null;

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
