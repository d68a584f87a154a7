/**
 * The HTTP server of a listener. The number of connections is limited, and slow senders are cut off when
 * others come, unless the head of their request has the secret. An incomplete request blocks no other. A
 * request without the secret is refused before its body is read.
 */
import {
  createServer,
  type IncomingMessage,
  type Server,
  type ServerResponse,
  STATUS_CODES,
} from 'node:http';
import type { Socket } from 'node:net';
import { systemClock } from '../../base/clock.ts';
import { errnoOf } from '../../base/result.ts';
import type { Address } from '../../job/automation/trigger.ts';
import { type BodyStore, LEAST_BYTES_PER_S, RequestBody } from './body.ts';
import type { Sender } from './handler.ts';
import { announcedBytes, type Head, MOST_BODY_BYTES, nameIn, type Reply, refuseHead } from './request.ts';

/** With more connections, the oldest is closed that is neither complete nor known to be genuine. */
const MOST_CONNECTIONS = 256;
/** So many genuine incomplete requests are spared: the rest is for senders that have not been checked. */
const MOST_SPARED = MOST_CONNECTIONS / 2;
/** For the head, the body, and until the next request of a connection, milliseconds. */
const HEAD_MS = 5000;
const BODY_MS = 15_000;
/** For the largest body of a genuine sender that is just fast enough: Node's own limit comes after ours. */
const REQUEST_MS = HEAD_MS + 2 * BODY_MS + (MOST_BODY_BYTES / LEAST_BYTES_PER_S) * 1000;
const KEEP_ALIVE_MS = 2000;
const POLL_MS = 500;
/** A sender of too much data may go on for a while, so that it gets the answer. */
const DRAIN_MS = 5000;
const DRAIN_BYTES = 2 * MOST_BODY_BYTES;
const MOST_HEAD_BYTES = 16 * 1024;
const MOST_REQUESTS = 100;

interface RequestHandler {
  mayHost(host: string): boolean;
  /** Judges a head: the sender, or the answer to one without the secret. */
  judge(head: Head): Sender | Reply;
  /** Never rejects. */
  answer(sender: Sender, body: RequestBody): Promise<Reply>;
  /** `head` null: it was not read. Status 0: the connection was closed without an answer. */
  answered(reply: Pick<Reply, 'status'> & Partial<Reply>, from: string, head: Head | null): void;
}

export class HttpServer {
  private server: Server | undefined;
  /** The oldest first, with their requests that are not answered yet. */
  private readonly connections = new Map<Socket, Set<IncomingMessage>>();
  private readonly genuine = new WeakSet<IncomingMessage>();
  /** Connections with an unreadable request behind the one that is being answered. */
  private readonly broken = new WeakSet<Socket>();
  /** Connections that were answered or closed before the end of a request: what still comes is dropped. */
  private readonly given = new WeakSet<Socket>();
  constructor(
    private readonly handler: RequestHandler,
    private readonly bodies: BodyStore,
  ) {}

  get isOpen(): boolean {
    return this.server?.listening === true;
  }

  /** Returns the name of a system error. */
  open({ host, port }: Address): Promise<string | undefined> {
    const server = createServer({
      headersTimeout: HEAD_MS,
      requestTimeout: REQUEST_MS,
      keepAliveTimeout: KEEP_ALIVE_MS,
      connectionsCheckingInterval: POLL_MS,
      maxHeaderSize: MOST_HEAD_BYTES,
    });
    server.maxRequestsPerSocket = MOST_REQUESTS;
    server.on('connection', (socket) => this.admit(socket));
    const take = (request: IncomingMessage, response: ServerResponse, waits: boolean) =>
      void this.take(request, response, waits).catch(errnoOf);
    server.on('request', (request, response) => take(request, response, false));
    // a sender that asks before it sends the body is not told to continue if the head is refused
    server.on('checkContinue', (request, response) => take(request, response, true));
    server.on('connect', (_, socket) => this.cut(socket as Socket, 405));
    server.on('clientError', (error: NodeJS.ErrnoException, socket) => {
      if (GONE.has(error.code ?? '') || this.given.has(socket as Socket)) socket.destroy();
      else this.cut(socket as Socket, CUT[error.code ?? ''] ?? 400);
    });
    return new Promise((resolve) => {
      server.once('error', (error) => resolve(errnoOf(error)));
      server.listen({ host, port, exclusive: true, backlog: 511 }, () => {
        server.on('error', () => {});
        this.server = server;
        resolve(undefined);
      });
    });
  }

  /** Requests that are being answered still are. */
  close(): void {
    this.server?.close();
    for (const socket of this.connections.keys()) if (!this.isAwaiting(socket)) this.drop(socket);
    this.server?.closeIdleConnections();
  }

  private isAwaiting(socket: Socket): boolean {
    return [...(this.connections.get(socket) ?? [])].some(({ complete }) => complete);
  }

  private admit(socket: Socket): void {
    this.connections.set(socket, new Set());
    socket.once('close', () => this.connections.delete(socket));
    if (this.connections.size <= MOST_CONNECTIONS) return;
    const oldest = this.oldest() ?? socket;
    this.drop(oldest);
    this.connections.delete(oldest);
    this.handler.answered({ status: 0 }, fromOf(oldest), null);
  }

  private drop(socket: Socket): void {
    this.given.add(socket);
    socket.destroy();
  }

  private oldest(): Socket | undefined {
    let spared = 0;
    for (const [socket, requests] of this.connections) {
      if (this.isAwaiting(socket)) continue;
      if (spared === MOST_SPARED || ![...requests].some((request) => this.genuine.has(request)))
        return socket;
      spared++;
    }
    return undefined;
  }

  /** After the answer to an earlier complete request. */
  private cut(socket: Socket, status: number, head: Head | null = null): void {
    if (this.isAwaiting(socket)) {
      this.broken.add(socket);
      return;
    }
    if (this.connections.has(socket)) this.handler.answered({ status }, fromOf(socket), head);
    this.given.add(socket);
    const lines = [
      `HTTP/1.1 ${status} ${STATUS_CODES[status]}`,
      'Allow: POST',
      'Connection: close',
      'Content-Length: 0',
    ];
    const text = `${lines.join('\r\n')}\r\n\r\n`;
    if (socket.writable) socket.end(text, () => socket.destroy());
    else socket.destroy();
  }

  private async take(request: IncomingMessage, response: ServerResponse, waits: boolean): Promise<void> {
    const open = this.connections.get(request.socket);
    open?.add(request);
    response.once('close', () => open?.delete(request));
    const refused = refuseHead(request, (host) => this.handler.mayHost(host));
    if (refused) return this.send(response, refused, !waits);
    const head = headOf(request);
    const from = fromOf(request.socket);
    const sender = this.handler.judge(head);
    if ('status' in sender) return this.send(response, sender, !waits);
    if (sender.isProven) this.genuine.add(request);
    const full = this.bodies.refuse(announcedBytes(request.headers), sender.isProven);
    if (full) return this.send(response, full, !waits);
    if (waits) response.writeContinue();
    const body = new RequestBody(this.bodies, sender.isProven, () => this.cut(request.socket, 408, head));
    try {
      const refusal = await this.receive(request, sender, body);
      if (refusal) return this.send(response, refusal, true);
      this.send(response, await this.handler.answer(sender, body), false);
    } catch (thrown) {
      if (!this.given.has(request.socket)) this.handler.answered(LEFT, from, head);
      throw thrown;
    } finally {
      body.close();
    }
  }

  /** Returns the answer to a body that cannot be taken. Rejects if the connection ends first. */
  private async receive(
    request: IncomingMessage,
    sender: Sender,
    body: RequestBody,
  ): Promise<Reply | undefined> {
    const begun = systemClock.monotonic();
    const timer = setInterval(() => {
      const paidMs = sender.isProven ? (body.bytes / LEAST_BYTES_PER_S) * 1000 : 0;
      if (systemClock.monotonic() - begun > BODY_MS + paidMs) this.cut(request.socket, 408, headOf(request));
    }, POLL_MS);
    try {
      return await readInto(request, (piece) => {
        sender.update(piece);
        return body.add(piece);
      });
    } finally {
      clearInterval(timer);
      body.finish();
    }
  }

  /** `isEarly`: the sender may still send the body, which is dropped. */
  private send(response: ServerResponse, reply: Reply, isEarly: boolean): void {
    const { status, body, headers } = reply;
    const { req: request } = response;
    this.handler.answered(reply, fromOf(request.socket), headOf(request));
    const text = `${JSON.stringify(body)}\n`;
    response.writeHead(status, {
      'Content-Type': 'application/json',
      'Content-Length': Buffer.byteLength(text),
      ...headers,
      ...((status >= 300 || this.broken.has(request.socket)) && { Connection: 'close' }),
    });
    if (!isEarly || request.readableEnded) response.end(text);
    else {
      // whole for the sender; but Node closes after `end`, and a sender that still sends would lose the answer
      this.given.add(request.socket);
      response.write(text);
      drain(request, () => response.end());
    }
  }
}

/**
 * Gives each piece of the body to `add`, until that refuses one; the rest is dropped. Rejects if the
 * connection ends first.
 */
function readInto(
  request: IncomingMessage,
  add: (piece: Buffer) => Reply | undefined,
): Promise<Reply | undefined> {
  return new Promise((resolve, reject) => {
    let isRefused = false;
    request.on('data', (piece: Buffer) => {
      if (isRefused) return;
      const refusal = add(piece);
      if (!refusal) return;
      isRefused = true;
      resolve(refusal);
    });
    request.once('end', () => resolve(undefined));
    request.once('error', reject);
    request.once('close', () => reject(Object.assign(new Error('closed'), { code: 'ECONNRESET' })));
  });
}

/** Drops the rest of a request. Closes the connection if that is long. */
function drain(request: IncomingMessage, end: () => void): void {
  const { socket } = request;
  let bytes = 0;
  const timer = setTimeout(() => socket.destroy(), DRAIN_MS);
  request.on('data', (piece: Buffer) => {
    bytes += piece.length;
    if (bytes > DRAIN_BYTES) socket.destroy();
  });
  request.once('end', end);
  request.once('close', () => clearTimeout(timer));
  request.on('error', () => {});
}

const headOf = ({ url, headers }: IncomingMessage): Head => ({ name: nameIn(url), headers });

/** The sender closed the connection. */
const GONE = new Set(['ECONNRESET', 'EPIPE', 'HPE_INVALID_EOF_STATE']);
const LEFT = { status: 0, why: 'its sender closed the connection before the end of the body' };

const fromOf = (socket: Socket): string => socket.remoteAddress ?? '?';

/** The answers to Node's errors for requests that cannot be read. */
const CUT: Record<string, number> = {
  ERR_HTTP_REQUEST_TIMEOUT: 408,
  HPE_HEADER_OVERFLOW: 431,
  HPE_CHUNK_EXTENSIONS_OVERFLOW: 413,
};
