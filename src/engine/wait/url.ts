/**
 * Waits until a URL answers. A status below 500 counts, or those that the call names. The body is never read.
 * Each attempt is independent and ends after two seconds at most, whatever the server does.
 */
import { readFileSync } from 'node:fs';
import type { ClientRequest, IncomingMessage } from 'node:http';
import type { LookupFunction } from 'node:net';
import type { SecureContext } from 'node:tls';
import { sleep, systemClock } from '../../base/clock.ts';
import { errnoOf } from '../../base/result.ts';
import { clip, safe } from '../../base/text/sanitize.ts';
import { fail, ok, type Result } from '../../job/failure.ts';
import type { ConditionMet, Report } from './condition.ts';

const ATTEMPT_MS = 2000;
const PAUSE_MS = 100;
const SLOW_AFTER_MS = 60_000;
const SLOW_PAUSE_MS = 300;
const MAX_REDIRECTS = 5;
const TEXT_LIMIT = 200;

export function parseUrl(text: string): Result<URL> {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url && (url.protocol === 'http:' || url.protocol === 'https:')) return ok(url);
  return fail({ code: 'bad-url', text });
}

/** A URL as it may be shown: without name and password. */
export function renderUrl(url: URL): string {
  return clip(safe(`${url.origin}${url.pathname}${url.search}`), TEXT_LIMIT);
}

/** The statuses that count, both ends included. */
export interface StatusRange {
  from: number;
  to: number;
}
const ANY_ANSWER: StatusRange[] = [{ from: 0, to: 499 }];
const IS_STATUS = /^[1-5]\d\d$/;

/** `200`, `200-399`, `200,204,300-399`; undefined: the text is no such list. */
export function parseStatuses(text: string): StatusRange[] | undefined {
  const ranges = text.split(',').map((one) => {
    const [from = '', to = from, ...more] = one.split('-');
    const isRange = IS_STATUS.test(from) && IS_STATUS.test(to) && more.length === 0 && from <= to;
    return isRange ? { from: Number(from), to: Number(to) } : undefined;
  });
  return ranges.every((range) => range !== undefined) ? ranges : undefined;
}

interface UrlOptions {
  insecure: boolean;
  /** Empty: any status below 500. */
  statuses: StatusRange[];
  /** Called when the answer changes (`503`, `ECONNREFUSED`, …): for the message at the deadline. */
  onAnswer?: (text: string) => void;
}

type Answer =
  | { kind: 'status'; status: number; location: string | undefined }
  | { kind: 'error'; text: string }
  | { kind: 'untrusted'; why: string };

/** Errors of OpenSSL and Node about the certificate itself, not about alerts of the server. */
const UNTRUSTED = /^(?!ERR_SSL_).*(CERT|SIGNED|^UNABLE_TO_|HOSTNAME_MISMATCH|INVALID_CA|INVALID_PURPOSE)/;

/** Both addresses, also if /etc/hosts has only one: the server may listen on the other. */
const loopback: LookupFunction = (_name, { all }, callback) => {
  const addresses = [
    { address: '127.0.0.1', family: 4 },
    { address: '::1', family: 6 },
  ];
  process.nextTick(() => (all ? callback(null, addresses) : callback(null, '127.0.0.1', 4)));
};

interface Trust {
  insecure: boolean;
  /** Undefined: what Node trusts by itself. */
  secureContext?: SecureContext;
  /** The file of certificates, if it cannot be read; `errno` is null: Node would find none in it. */
  unread?: { path: string; errno: string | null };
}

/**
 * With the certificates that NODE_EXTRA_CA_CERTS names. Node has not read them: bin/bgjob keeps the variable
 * from it.
 */
function trustOf(url: URL, insecure: boolean): Trust {
  const path = process.env['NODE_EXTRA_CA_CERTS'];
  if (!path || insecure || url.protocol !== 'https:') return { insecure };
  // Node 22.15 and newer know more than their own: those of the system, with NODE_USE_SYSTEM_CA
  const tls = require('node:tls') as typeof import('node:tls') & {
    getCACertificates?: (kind: 'default') => string[];
  };
  try {
    const bytes = readFileSync(path);
    if (!holdsCertificate(bytes)) return { insecure, unread: { path, errno: null } };
    const ca = [...(tls.getCACertificates?.('default') ?? tls.rootCertificates), bytes];
    return { insecure, secureContext: tls.createSecureContext({ ca }) };
  } catch (thrown) {
    return { insecure, unread: { path, errno: errnoOf(thrown) } };
  }
}

/** In PEM form: Node passes over all else in silence. */
function holdsCertificate(bytes: Buffer): boolean {
  const { X509Certificate } = require('node:crypto') as typeof import('node:crypto');
  if (!bytes.includes('-----BEGIN')) return false;
  try {
    new X509Certificate(bytes);
    return true;
  } catch {
    return false;
  }
}

function open(url: URL, { insecure, secureContext }: Trust): ClientRequest {
  const { request } =
    url.protocol === 'https:'
      ? (require('node:https') as typeof import('node:https'))
      : (require('node:http') as typeof import('node:http'));
  const options = {
    // without an agent: the shared one would keep the connection open
    agent: false,
    headers: { connection: 'close', accept: '*/*', 'user-agent': 'bgjob' },
    rejectUnauthorized: !insecure,
    ...(secureContext && { secureContext }),
    autoSelectFamily: true,
    ...(/(^|\.)localhost$/.test(url.hostname) && { lookup: loopback }),
  };
  return request(url, options);
}

/** One request, up to its status line or failure; undefined when `abort` fires. */
function ask(url: URL, trust: Trust, limitMs: number, abort: AbortSignal): Promise<Answer | undefined> {
  return new Promise((resolve) => {
    const call = open(url, trust);
    const finish = (answer: Answer | undefined): void => {
      clearTimeout(timer);
      abort.removeEventListener('abort', stop);
      call.destroy();
      resolve(answer);
    };
    const stop = () => finish(undefined);
    const timer = setTimeout(
      () => finish({ kind: 'error', text: `no answer within ${ATTEMPT_MS / 1000}s` }),
      limitMs,
    );
    abort.addEventListener('abort', stop, { once: true });
    // destroying the request raises another error, which needs a listener
    call.on('error', (error: NodeJS.ErrnoException) => {
      const code = error.code ?? error.message;
      finish(UNTRUSTED.test(code) ? { kind: 'untrusted', why: code } : { kind: 'error', text: safe(code) });
    });
    call.once('response', (response: IncomingMessage) => {
      response.on('error', () => {});
      finish({ kind: 'status', status: response.statusCode ?? 0, location: response.headers.location });
    });
    // an answer, too, from a server that switches the protocol unasked
    call.once('upgrade', () => finish({ kind: 'status', status: 101, location: undefined }));
    call.end();
  });
}

function redirected(from: URL, answer: Answer | undefined, seen: Set<string>): URL | undefined {
  if (answer?.kind !== 'status' || ![301, 302, 303, 307, 308].includes(answer.status)) return undefined;
  const { location } = answer;
  if (location === undefined || !URL.canParse(location, from.href)) return undefined;
  const to = new URL(location, from);
  to.hash = '';
  const isHttp = to.protocol === 'http:' || to.protocol === 'https:';
  return isHttp && to.hostname === from.hostname && !seen.has(to.href) ? to : undefined;
}

/**
 * One attempt. Redirects on the same host are followed, unless their status was asked for; of a loop, or one
 * too many, the status counts.
 */
async function attempt(
  url: URL,
  trust: Trust,
  statuses: StatusRange[],
  abort: AbortSignal,
): Promise<Answer | undefined> {
  const deadline = systemClock.monotonic() + ATTEMPT_MS;
  const seen = new Set<string>();
  for (let at = url; ; ) {
    seen.add(at.href);
    const answer = await ask(at, trust, Math.max(1, deadline - systemClock.monotonic()), abort);
    const isAsked = answer?.kind === 'status' && isAmong(answer.status, statuses);
    const next = !isAsked && seen.size <= MAX_REDIRECTS ? redirected(at, answer, seen) : undefined;
    if (!next) return answer;
    at = next;
  }
}

const isAmong = (status: number, statuses: StatusRange[]): boolean =>
  statuses.some(({ from, to }) => status >= from && status <= to);

/** Waits until the URL answers with a status that counts; fails if a certificate is not trusted. */
export async function waitUrl(
  url: URL,
  { insecure, statuses, onAnswer }: UrlOptions,
  abort: AbortSignal,
  report: Report,
): Promise<Result<ConditionMet | undefined>> {
  const begun = systemClock.monotonic();
  const shown = renderUrl(url);
  let last = '';
  let isReported = false;
  const trust = trustOf(url, insecure);
  while (!abort.aborted) {
    const answer = await attempt(url, trust, statuses, abort);
    if (!answer) break;
    if (answer.kind === 'untrusted')
      return fail({
        code: 'untrusted-certificate',
        url: shown,
        why: answer.why,
        unread: trust.unread ?? null,
      });
    if (answer.kind === 'status' && isAmong(answer.status, statuses.length > 0 ? statuses : ANY_ANSWER))
      return ok({ condition: 'url', facts: { url: shown, status: answer.status } });
    const text = answer.kind === 'status' ? String(answer.status) : answer.text;
    if (text !== last) onAnswer?.(text);
    last = text;
    // a refused connection is normal for a server that is not ready
    if (!isReported && answer.kind === 'status') {
      isReported = true;
      report({ kind: 'url-not-ready', url: shown, answer: text });
    }
    await sleep(systemClock.monotonic() - begun > SLOW_AFTER_MS ? SLOW_PAUSE_MS : PAUSE_MS, abort);
  }
  return ok(undefined);
}
