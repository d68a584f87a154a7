/**
 * The HTTP server of a listener. Connections are few, and whoever is slow is cut off: first of all when others come, unless the head of
 * his request holds the secret. One who never finishes his request holds up nobody.
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

/** So many connections at once; then the oldest goes of which no request is whole, and of which it is not known that it is genuine. */
const MOST_CONNECTIONS = 256;
/** So many genuine ones are spared: there is room for others, whose secrets are not known yet. */
const MOST_SPARED = MOST_CONNECTIONS / 2;
/** Bytes of bodies that are held at once, of all of them; and of genuine ones beyond that. */
const MOST_HELD_BYTES = 32 * MOST_BODY_BYTES;
/** For the head of a request, for all of it, and until the next on the same connection, milliseconds. */
const HEAD_MS = 5000;
const REQUEST_MS = 15_000;
const KEEP_MS = 2000;
/** Between two looks at who is late, milliseconds. */
const POLL_MS = 500;
/** Who sends too much may go on for so long and so many bytes, so that it hears the answer. */
const DRAIN_MS = 1000;
const DRAIN_BYTES = 4 * MOST_BODY_BYTES;
const MOST_HEAD_BYTES = 16 * 1024;
const MOST_REQUESTS = 100;

/** What the server asks of the listener: which names it may be called by, and the answer to a request. */
export interface RequestHandler {
  mayHost(host: string): boolean;
  /** Whether the head of a request shows that whoever sends it knows the secret. */
  isGenuine(head: Head): boolean;
  /** Answers a whole request; never rejects. */
  answer(letter: ListenerRequest): Promise<Reply>;
  /** Told of every answer. */
  answered(status: number, from: string): void;
}

export class HttpServer {
  private readonly handler: RequestHandler;
  private server: Server | undefined;
  /** The oldest first, with the requests of each that are not answered yet. */
  private readonly connections = new Map<Socket, Set<IncomingMessage>>();
  /** Those of which somebody has looked whether they are genuine. */
  private readonly judged = new WeakMap<IncomingMessage, boolean>();
  /** What comes after the request that is being answered is none. */
  private readonly broken = new WeakSet<Socket>();
  /** Of bodies that are not answered yet. */
  private heldBytes = 0;
  constructor(handler: RequestHandler) {
    this.handler = handler;
  }

  get isOpen(): boolean {
    return this.server?.listening === true;
  }

  /** Listens; the system error that says why it cannot. */
  open({ host, port }: Address): Promise<string | undefined> {
    const server = createServer({
      headersTimeout: HEAD_MS,
      requestTimeout: REQUEST_MS,
      keepAliveTimeout: KEEP_MS,
      connectionsCheckingInterval: POLL_MS,
      maxHeaderSize: MOST_HEAD_BYTES,
    });
    server.maxRequestsPerSocket = MOST_REQUESTS;
    server.on('connection', (socket) => this.admit(socket));
    const take = (request: IncomingMessage, response: ServerResponse, waits: boolean) =>
      void this.take(request, response, waits).catch(errnoOf);
    server.on('request', (request, response) => take(request, response, false));
    // whoever asks before it sends a body is not told to go on if that is refused
    server.on('checkContinue', (request, response) => take(request, response, true));
    server.on('connect', (_, socket) => this.cut(socket as Socket, 405));
    server.on('clientError', (error: NodeJS.ErrnoException, socket) => {
      // who went away in the middle hears nothing
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

  /** Listens no more; who is being answered still is. */
  close(): void {
    this.server?.close();
    for (const socket of this.connections.keys()) if (!this.isAwaiting(socket)) socket.destroy();
    this.server?.closeIdleConnections();
  }

  /** Whether a whole request came, which is being answered. */
  private isAwaiting(socket: Socket): boolean {
    return [...(this.connections.get(socket) ?? [])].some(({ complete }) => complete);
  }

  /** Whether a request that is not whole yet is genuine by its head: looked at once, and only where others come. */
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

  /** Who goes when there are too many. */
  private oldest(): Socket | undefined {
    let spared = 0;
    for (const [socket, requests] of this.connections) {
      if (this.isAwaiting(socket)) continue;
      if (spared === MOST_SPARED || ![...requests].some((request) => this.isGenuine(request))) return socket;
      spared++;
    }
    return undefined;
  }

  /** Ends a connection on which no request can be read any more; but not before the answer to one that was whole. */
  private cut(socket: Socket, status: number): void {
    if (this.isAwaiting(socket)) {
      this.broken.add(socket);
      return;
    }
    if (this.connections.has(socket)) this.handler.answered(status, fromOf(socket));
    const text = `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\nAllow: POST\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`;
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
      this.heldBytes -= mine;
    });
    const body = await readBody(request, (bytes) => {
      const held = this.heldBytes + bytes;
      if (held > MOST_HELD_BYTES && !(held <= 2 * MOST_HELD_BYTES && this.isGenuine(request))) return false;
      this.heldBytes += bytes;
      mine += bytes;
      return true;
    });
    if (!Buffer.isBuffer(body)) return this.send(response, body, true);
    const letter = { ...headOf(request), body };
    const reply = await this.handler.answer(letter);
    this.send(response, reply, false);
  }

  /** `isEarly`: there may be more to come, which is dropped. */
  private send(response: ServerResponse, { status, body, headers }: Reply, isEarly: boolean): void {
    const { req: request } = response;
    this.handler.answered(status, fromOf(request.socket));
    const text = `${JSON.stringify(body)}\n`;
    response.writeHead(status, {
      'Content-Type': 'application/json',
      'Content-Length': Buffer.byteLength(text),
      ...headers,
      // closed at once, the answer to somebody who still sends would be lost with what he sent
      ...(((status !== 202 && !isEarly) || this.broken.has(request.socket)) && { Connection: 'close' }),
    });
    response.end(text);
    if (isEarly && !request.complete) drain(request);
  }
}

/** Drops what still comes, and ends the connection if that is long. */
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

/** What Node says of requests that it cannot read to their end. */
const CUT: Record<string, number> = {
  ERR_HTTP_REQUEST_TIMEOUT: 408,
  HPE_HEADER_OVERFLOW: 431,
  HPE_CHUNK_EXTENSIONS_OVERFLOW: 413,
};
