/**
 * The HTTP server of a listener. The number of connections is limited, and slow senders are cut off when
 * others come, unless the head of their request has the secret. An incomplete request blocks no other.
 */
import {
  createServer,
  type IncomingMessage,
  type Server,
  type ServerResponse,
  STATUS_CODES,
} from 'node:http';
import type { Socket } from 'node:net';
import { errnoOf } from '../../base/result.ts';
import type { Address } from '../../job/automation/trigger.ts';
import {
  type Head,
  type ListenerRequest,
  MOST_BODY_BYTES,
  nameIn,
  type Reply,
  readBody,
  refuseHead,
} from './request.ts';

/** With more connections, the oldest is closed that is neither complete nor known to be genuine. */
const MOST_CONNECTIONS = 256;
/** So many genuine incomplete requests are spared: the rest is for senders that have not been checked. */
const MOST_SPARED = MOST_CONNECTIONS / 2;
/** So many bytes of bodies may be in memory, of all requests together; twice as many if they are genuine. */
const MOST_BUFFERED_BYTES = 32 * MOST_BODY_BYTES;
/** For the head, the whole request, and until the next request of a connection, milliseconds. */
const HEAD_MS = 5000;
const REQUEST_MS = 15_000;
const KEEP_ALIVE_MS = 2000;
const POLL_MS = 500;
/** A sender of too much data may go on for a while, so that it gets the answer. */
const DRAIN_MS = 1000;
const DRAIN_BYTES = 4 * MOST_BODY_BYTES;
const MOST_HEAD_BYTES = 16 * 1024;
const MOST_REQUESTS = 100;

interface RequestHandler {
  mayHost(host: string): boolean;
  isGenuine(head: Head): boolean;
  /** Never rejects. */
  answer(request: ListenerRequest): Promise<Reply>;
  answered(status: number, from: string): void;
}

export class HttpServer {
  private server: Server | undefined;
  /** The oldest first, with their requests that are not answered yet. */
  private readonly connections = new Map<Socket, Set<IncomingMessage>>();
  private readonly judged = new WeakMap<IncomingMessage, boolean>();
  /** Connections with an unreadable request behind the one that is being answered. */
  private readonly broken = new WeakSet<Socket>();
  private bufferedBytes = 0;
  constructor(private readonly handler: RequestHandler) {}

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
      // the sender is gone
      if (error.code === 'ECONNRESET' || error.code === 'EPIPE') socket.destroy();
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
    for (const socket of this.connections.keys()) if (!this.isAwaiting(socket)) socket.destroy();
    this.server?.closeIdleConnections();
  }

  private isAwaiting(socket: Socket): boolean {
    return [...(this.connections.get(socket) ?? [])].some(({ complete }) => complete);
  }

  /** Whether a request is genuine by its head. Checked once, and only with too many connections. */
  private isGenuine(request: IncomingMessage): boolean {
    const known = this.judged.get(request) ?? this.handler.isGenuine(headOf(request));
    this.judged.set(request, known);
    return known;
  }

  private admit(socket: Socket): void {
    this.connections.set(socket, new Set());
    socket.once('close', () => this.connections.delete(socket));
    if (this.connections.size <= MOST_CONNECTIONS) return;
    const oldest = this.oldest() ?? socket;
    oldest.destroy();
    this.connections.delete(oldest);
    this.handler.answered(0, fromOf(oldest));
  }

  private oldest(): Socket | undefined {
    let spared = 0;
    for (const [socket, requests] of this.connections) {
      if (this.isAwaiting(socket)) continue;
      if (spared === MOST_SPARED || ![...requests].some((request) => this.isGenuine(request))) return socket;
      spared++;
    }
    return undefined;
  }

  /** After the answer to an earlier complete request. */
  private cut(socket: Socket, status: number): void {
    if (this.isAwaiting(socket)) {
      this.broken.add(socket);
      return;
    }
    if (this.connections.has(socket)) this.handler.answered(status, fromOf(socket));
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
    if (refused) return this.send(response, refused, true);
    if (waits) response.writeContinue();
    let mine = 0;
    response.once('close', () => {
      this.bufferedBytes -= mine;
    });
    const body = await readBody(request, (bytes) => {
      const buffered = this.bufferedBytes + bytes;
      const isFull = buffered > MOST_BUFFERED_BYTES;
      if (isFull && !(buffered <= 2 * MOST_BUFFERED_BYTES && this.isGenuine(request))) return false;
      this.bufferedBytes += bytes;
      mine += bytes;
      return true;
    });
    if (!Buffer.isBuffer(body)) return this.send(response, body, true);
    const reply = await this.handler.answer({ ...headOf(request), body });
    this.send(response, reply, false);
  }

  /** `isEarly`: more of the request may come, which is dropped. */
  private send(response: ServerResponse, { status, body, headers }: Reply, isEarly: boolean): void {
    const { req: request } = response;
    this.handler.answered(status, fromOf(request.socket));
    const text = `${JSON.stringify(body)}\n`;
    response.writeHead(status, {
      'Content-Type': 'application/json',
      'Content-Length': Buffer.byteLength(text),
      ...headers,
      // after an immediate close, a sender that still sends would lose the answer
      ...(((status !== 202 && !isEarly) || this.broken.has(request.socket)) && { Connection: 'close' }),
    });
    response.end(text);
    if (isEarly && !request.complete) drain(request);
  }
}

/** Closes the connection if the rest is long. */
function drain(request: IncomingMessage): void {
  const { socket } = request;
  let bytes = 0;
  const timer = setTimeout(() => socket.destroy(), DRAIN_MS);
  request.on('data', (piece: Buffer) => {
    bytes += piece.length;
    if (bytes > DRAIN_BYTES) socket.destroy();
  });
  request.once('close', () => clearTimeout(timer));
  request.on('error', () => {});
}

const headOf = ({ url, headers }: IncomingMessage): Head => ({ name: nameIn(url), headers });

const fromOf = (socket: Socket): string => socket.remoteAddress ?? '?';

/** The answers to Node's errors for requests that cannot be read. */
const CUT: Record<string, number> = {
  ERR_HTTP_REQUEST_TIMEOUT: 408,
  HPE_HEADER_OVERFLOW: 431,
  HPE_CHUNK_EXTENSIONS_OVERFLOW: 413,
};
