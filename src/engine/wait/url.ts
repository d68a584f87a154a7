/**
 * Waiting until a URL answers: any status below 500 will do, its body is never read. Nothing is kept between two attempts, and
 * no attempt lasts longer than two seconds, whatever the server does or does not do.
 */
import type { ClientRequest, IncomingMessage } from 'node:http';
import type { LookupFunction } from 'node:net';
import { systemClock } from '../../base/clock.ts';
import { clip, safe } from '../../base/text/sanitize.ts';
import { fail, ok, type Result } from '../../job/failure.ts';
import type { ConditionMet, Report } from './condition.ts';
import { sleep } from './job-end.ts';

const ATTEMPT_MS = 2000;
const PAUSE_MS = 100;
const PATIENT_AFTER_MS = 60_000;
const PATIENT_PAUSE_MS = 300;
const REDIRECTS = 5;
const TEXT_LIMIT = 200;

/** A URL that can be waited for. */
export function parseUrl(text: string): Result<URL> {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url && (url.protocol === 'http:' || url.protocol === 'https:')) return ok(url);
  return fail({
    code: 'usage',
    message: `--until-url: "${clip(safe(text), TEXT_LIMIT)}" is not an http or https URL`,
    // localhost:3000 is a URL too, of the scheme "localhost"
    hint: /^[\w.-]+(:\d+)?(\/|$)/.test(text) ? `http://${safe(text)}` : 'http://localhost:3000/',
  });
}

/** A URL as it may be shown: without name and password. */
export function renderUrl(url: URL): string {
  return clip(safe(`${url.origin}${url.pathname}${url.search}`), TEXT_LIMIT);
}

export interface UrlOptions {
  /** A certificate that nobody vouches for will do. */
  insecure: boolean;
  /** Told the last answer whenever it changes (`503`, `ECONNREFUSED`, `no answer within 2s`): for the message at a deadline. */
  onAnswer?: (text: string) => void;
}

type Answer =
  | { kind: 'status'; status: number; location: string | undefined }
  | { kind: 'error'; text: string }
  | { kind: 'untrusted'; why: string };

/** Errors of OpenSSL and Node about the certificate itself; not the server's alerts about ours. */
const UNTRUSTED = /^(?!ERR_SSL_).*(CERT|SIGNED|^UNABLE_TO_|HOSTNAME_MISMATCH|INVALID_CA|INVALID_PURPOSE)/;

/** Both addresses, whatever /etc/hosts says: often it knows but one, and a server listens on the other. */
const loopback: LookupFunction = (_name, { all }, tell) => {
  const addresses = [
    { address: '127.0.0.1', family: 4 },
    { address: '::1', family: 6 },
  ];
  process.nextTick(() => (all ? tell(null, addresses) : tell(null, '127.0.0.1', 4)));
};

function open(url: URL, insecure: boolean): ClientRequest {
  const { request } =
    url.protocol === 'https:'
      ? (require('node:https') as typeof import('node:https'))
      : (require('node:http') as typeof import('node:http'));
  const options = {
    // an agent of its own: the shared one would keep the connection
    agent: false,
    headers: { connection: 'close', accept: '*/*', 'user-agent': 'bgjob' },
    rejectUnauthorized: !insecure,
    autoSelectFamily: true,
    ...(/(^|\.)localhost$/.test(url.hostname) && { lookup: loopback }),
  };
  return request(url, options);
}

/** One request, to its status line or its failure; undefined when `abort` fires. */
function ask(url: URL, insecure: boolean, limitMs: number, abort: AbortSignal): Promise<Answer | undefined> {
  return new Promise((resolve) => {
    const call = open(url, insecure);
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
    // destroying the request makes it fail once more: somebody has to hear that
    call.on('error', (error: NodeJS.ErrnoException) => {
      const code = error.code ?? error.message;
      finish(UNTRUSTED.test(code) ? { kind: 'untrusted', why: code } : { kind: 'error', text: safe(code) });
    });
    call.once('response', (response: IncomingMessage) => {
      response.on('error', () => {});
      finish({ kind: 'status', status: response.statusCode ?? 0, location: response.headers.location });
    });
    // an answer too, from a server that changes its tongue unasked
    call.once('upgrade', () => finish({ kind: 'status', status: 101, location: undefined }));
    call.end();
  });
}

/** Where a redirect leads, if it is one that is followed. */
function redirected(from: URL, answer: Answer | undefined, seen: Set<string>): URL | undefined {
  if (answer?.kind !== 'status' || ![301, 302, 303, 307, 308].includes(answer.status)) return undefined;
  const { location } = answer;
  if (location === undefined || !URL.canParse(location, from.href)) return undefined;
  const to = new URL(location, from);
  to.hash = '';
  const isHttp = to.protocol === 'http:' || to.protocol === 'https:';
  return isHttp && to.hostname === from.hostname && !seen.has(to.href) ? to : undefined;
}

/** One attempt, redirects on the same host followed: a loop, or one too many, is the answer that it is. */
async function attempt(url: URL, insecure: boolean, abort: AbortSignal): Promise<Answer | undefined> {
  const deadline = systemClock.monotonic() + ATTEMPT_MS;
  const seen = new Set<string>();
  for (let at = url; ; ) {
    seen.add(at.href);
    const answer = await ask(at, insecure, Math.max(1, deadline - systemClock.monotonic()), abort);
    const next = seen.size <= REDIRECTS ? redirected(at, answer, seen) : undefined;
    if (!next) return answer;
    at = next;
  }
}

/** Until the URL answers with a status below 500; fails at a certificate that is not trusted. */
export async function waitUrl(
  url: URL,
  { insecure, onAnswer }: UrlOptions,
  abort: AbortSignal,
  report: Report,
): Promise<Result<ConditionMet | undefined>> {
  const begun = systemClock.monotonic();
  const shown = renderUrl(url);
  let last = '';
  let told = false;
  while (!abort.aborted) {
    const answer = await attempt(url, insecure, abort);
    if (!answer) break;
    if (answer.kind === 'untrusted')
      return fail({ code: 'untrusted-certificate', url: shown, why: answer.why });
    if (answer.kind === 'status' && answer.status < 500)
      return ok({ condition: 'url', facts: { url: shown, status: answer.status } });
    const text = answer.kind === 'status' ? String(answer.status) : answer.text;
    if (text !== last) onAnswer?.(text);
    last = text;
    // a refused connection is what everybody expects of a server that is not ready
    if (!told && answer.kind === 'status') {
      told = true;
      report(`${shown} answers ${text}; still waiting`);
    }
    await sleep(systemClock.monotonic() - begun > PATIENT_AFTER_MS ? PATIENT_PAUSE_MS : PAUSE_MS, abort);
  }
  return ok(undefined);
}
