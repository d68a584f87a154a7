/**
 * Checks whether the sender of a delivery has the secret: a bearer token, or GitHub's `X-Hub-Signature-256`,
 * an HMAC of the raw body. Digests of equal length are compared in constant time.
 */
import { createHash, createHmac, randomBytes, timingSafeEqual } from 'node:crypto';

export interface Credentials {
  authorization: string | undefined;
  signature: string | undefined;
  body: Uint8Array;
}

/** A secret that no sender has, for a trigger that does not exist: the check must take the same time. */
export const randomSecret = (): string => randomBytes(32).toString('hex');

const digestOf = (bytes: string | Uint8Array): Buffer => createHash('sha256').update(bytes).digest();

/**
 * If there is a signature, it alone decides: Authorization may come from a proxy. Both are always computed.
 */
export function isGenuine(secret: string, { authorization, signature, body }: Credentials): boolean {
  const token = /^Bearer +(\S+)$/i.exec(authorization ?? '')?.[1];
  const hex = /^sha256=([0-9a-f]{64})$/i.exec(signature ?? '')?.[1];
  const expected = createHmac('sha256', secret).update(body).digest();
  const isToken = timingSafeEqual(digestOf(token ?? ''), digestOf(secret)) && token !== undefined;
  const isSigned =
    timingSafeEqual(digestOf(Buffer.from(hex ?? '', 'hex')), digestOf(expected)) && hex !== undefined;
  return secret !== '' && (signature === undefined ? isToken : isSigned);
}
