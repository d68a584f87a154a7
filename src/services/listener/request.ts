/**
 * One request before authorization: refuses what its head allows to refuse, and reads its body up to the
 * limit. This file knows nothing of triggers.
 */
import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import { hostOf } from './allowed-hosts.ts';

export const MOST_BODY_BYTES = 2 ** 20;

export interface Reply {
  status: number;
  /** It is sent as JSON. */
  body: object;
  headers?: Record<string, string>;
}

export interface Head {
  /** May be that of a trigger. */
  name: string;
  headers: IncomingHttpHeaders;
}
export interface ListenerRequest extends Head {
  body: Buffer;
}

export const refuse = (status: number, error: string, headers?: Record<string, string>): Reply => ({
  status,
  body: { error },
  ...(headers && { headers }),
});

const BUSY = refuse(503, 'too many bodies at once', { 'Retry-After': '5' });
const TOO_LARGE = refuse(413, `a body may have ${MOST_BODY_BYTES} bytes`);

/** The answer to a request that its head refuses, if it does. */
export function refuseHead(
  { method, headers }: IncomingMessage,
  mayHost: (host: string) => boolean,
): Reply | undefined {
  const host = hostOf(headers.host);
  if (host === undefined || !mayHost(host))
    return refuse(421, 'this is not the host that is asked for: bgjob trigger add --host NAME');
  if (method !== 'POST') return refuse(405, 'POST only', { Allow: 'POST' });
  // every browser sends Origin with a POST from a page; programs do not
  if (headers.origin !== undefined) return refuse(403, 'not for browsers');
  if (Number(headers['content-length'] ?? 0) > MOST_BODY_BYTES) return TOO_LARGE;
  return undefined;
}

/** More pieces are joined: with one byte in each, a body would take a hundred times its size. */
const MOST_PIECES = 64;

/**
 * The body, or the answer to one that is too long, or for which `mayBuffer` refuses more bytes; the rest is
 * dropped. Rejects if the connection ends first.
 */
export function readBody(
  request: IncomingMessage,
  mayBuffer: (bytes: number) => boolean,
): Promise<Buffer | Reply> {
  return new Promise((resolve, reject) => {
    let pieces: Buffer[] = [];
    let bytes = 0;
    request.on('data', (piece: Buffer) => {
      bytes += piece.length;
      const refused = bytes > MOST_BODY_BYTES ? TOO_LARGE : mayBuffer(piece.length) ? undefined : BUSY;
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

/** Without its query; empty if the path has more than a name. */
export const nameIn = (url: string | undefined): string => /^\/([^/?#]*)(\?|$)/.exec(url ?? '')?.[1] ?? '';
