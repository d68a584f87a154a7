/**
 * One request before authorization: its head, and the answers that its head allows. This file knows nothing
 * of triggers.
 */
import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import { hostOf } from './allowed-hosts.ts';

/** What GitHub sends at most. */
export const MOST_BODY_BYTES = 25 * 2 ** 20;

export interface Reply {
  status: number;
  /** It is sent as JSON. */
  body: { id?: number; error?: string; message?: string };
  headers?: Record<string, string>;
  /** Why no job was started, for the history, where the answer does not say it. */
  why?: string;
  /** The history has it already. */
  isNoted?: boolean;
}

export interface Head {
  /** May be that of a trigger. */
  name: string;
  headers: IncomingHttpHeaders;
}

export const refuse = (status: number, error: string, headers?: Record<string, string>): Reply => ({
  status,
  body: { error },
  ...(headers && { headers }),
});

export const refuseForNow = (status: number, error: string, seconds: number): Reply =>
  refuse(status, error, { 'Retry-After': String(seconds) });

export const TOO_LARGE = refuse(413, `a body may have 25 MiB (${MOST_BODY_BYTES} bytes)`);

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
  if (announcedBytes(headers) > MOST_BODY_BYTES) return TOO_LARGE;
  return undefined;
}

/** 0 for a body without a length. */
export const announcedBytes = (headers: IncomingHttpHeaders): number =>
  Number(headers['content-length'] ?? 0);

/** Without its query; empty if the path has more than a name. A proxy may send the URL whole, or add a slash. */
export const nameIn = (url: string | undefined): string =>
  /^(?:https?:\/\/[^/?#]*)?\/([^/?#]*)\/?(\?|$)/i.exec(url ?? '')?.[1] ?? '';
