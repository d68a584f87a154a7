/**
 * Whether a delivery comes from somebody who knows the secret: a bearer token, or GitHub's `X-Hub-Signature-256`, an HMAC over the
 * body as it came. Digests of equal length are compared, in the same time whatever they are.
 */
import { createHash, createHmac, randomBytes, timingSafeEqual } from 'node:crypto';

export interface Credentials {
  authorization: string | undefined;
  signature: string | undefined;
  body: Uint8Array;
}

/** For a trigger that is not there: the same work, and nobody knows it. */
export const randomSecret = (): string => randomBytes(32).toString('hex');

const digestOf = (bytes: string | Uint8Array): Buffer => createHash('sha256').update(bytes).digest();

/** A signature that is there decides alone: beside it, Authorization may be that of a proxy. Both are computed in any case. */
export function isGenuine(secret: string, { authorization, signature, body }: Credentials): boolean {
  const token = /^Bearer +(\S+)$/i.exec(authorization ?? '')?.[1];
  const hex = /^sha256=([0-9a-f]{64})$/i.exec(signature ?? '')?.[1];
  const expected = createHmac('sha256', secret).update(body).digest();
  const isToken = timingSafeEqual(digestOf(token ?? ''), digestOf(secret)) && token !== undefined;
  const isSigned =
    timingSafeEqual(digestOf(Buffer.from(hex ?? '', 'hex')), digestOf(expected)) && hex !== undefined;
  return secret !== '' && (signature === undefined ? isToken : isSigned);
}
