/**
 * One request, before anybody asks whether it is genuine: what can be refused by its head is, and its body is read as far as it may be
 * long. Nothing here knows which triggers there are.
 */
import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import { hostOf } from './allowed-hosts.ts';

/** Bytes that a body may have. */
export const MOST_BODY_BYTES = 2 ** 20;

export interface Reply {
  status: number;
  /** Becomes JSON. */
  body: object;
  headers?: Record<string, string>;
}

/** What comes before the body. */
export interface Head {
  /** What stands in the path: the name of a trigger, perhaps. */
  name: string;
  headers: IncomingHttpHeaders;
}
/** A whole request. */
export interface ListenerRequest extends Head {
  body: Buffer;
}

const refuse = (status: number, error: string, headers?: Record<string, string>): Reply => ({
  status,
  body: { error },
  ...(headers && { headers }),
});

const BUSY = refuse(503, 'too many bodies at once', { 'Retry-After': '5' });
const TOO_LARGE = refuse(413, `a body may have ${MOST_BODY_BYTES} bytes`);

/** What is refused before the body is read; undefined: nothing. */
export function refuseHead(
  { method, headers }: IncomingMessage,
  mayHost: (host: string) => boolean,
): Reply | undefined {
  const host = hostOf(headers.host);
  if (host === undefined || !mayHost(host))
    return refuse(421, 'this is not the host that is asked for: bgjob trigger add --host NAME');
  if (method !== 'POST') return refuse(405, 'POST only', { Allow: 'POST' });
  // every browser says so of a POST of a page; who delivers is no page
  if (headers.origin !== undefined) return refuse(403, 'not for browsers');
  if (Number(headers['content-length'] ?? 0) > MOST_BODY_BYTES) return TOO_LARGE;
  return undefined;
}

/** So many pieces of a body are put together: one byte in each would cost a hundred times its size. */
const MOST_PIECES = 64;

/**
 * The body, or why it is not taken: it is too long, or `mayHold` says no to so many bytes more. What comes then is read and dropped.
 * Rejects if the connection ends before it does.
 */
export function readBody(
  request: IncomingMessage,
  mayHold: (bytes: number) => boolean,
): Promise<Buffer | Reply> {
  return new Promise((resolve, reject) => {
    let pieces: Buffer[] = [];
    let bytes = 0;
    request.on('data', (piece: Buffer) => {
      bytes += piece.length;
      const refused = bytes > MOST_BODY_BYTES ? TOO_LARGE : mayHold(piece.length) ? undefined : BUSY;
      if (refused) {
        pieces = [];
        bytes = Number.POSITIVE_INFINITY;
        resolve(refused);
        return;
      }
      pieces.push(piece);
      if (pieces.length > MOST_PIECES) pieces = [Buffer.concat(pieces)];
    });
    request.once('end', () => resolve(Buffer.concat(pieces)));
    request.once('error', reject);
    request.once('close', () => reject(Object.assign(new Error('closed'), { code: 'ECONNRESET' })));
  });
}

/** The name in a path, without what follows a question mark; what has more than a name is none. */
export const nameIn = (url: string | undefined): string => /^\/([^/?#]*)(\?|$)/.exec(url ?? '')?.[1] ?? '';
