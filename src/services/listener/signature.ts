/**
 * Checks whether the sender of a delivery has the secret: a bearer token, or GitHub's `X-Hub-Signature-256`,
 * an HMAC of the raw body. The head proves a token; a signature needs the whole body. Digests of equal length
 * are compared in constant time.
 */
import { createHash, createHmac, randomBytes, timingSafeEqual } from 'node:crypto';

export interface Credentials {
  authorization: string | undefined;
  signature: string | undefined;
}

/** A secret that no sender has, for a trigger that does not exist: the check must take the same time. */
export const randomSecret = (): string => randomBytes(32).toString('hex');

const digestOf = (bytes: string | Uint8Array): Buffer => createHash('sha256').update(bytes).digest();

/** If there is a signature, it alone decides: Authorization may come from a proxy. */
export class CredentialsCheck {
  private readonly isToken: boolean;
  private readonly hex: string | undefined;
  private readonly hmac;
  constructor(
    readonly secret: string,
    { authorization, signature }: Credentials,
  ) {
    const token = /^Bearer +(\S+)$/i.exec(authorization ?? '')?.[1];
    const isSame = timingSafeEqual(digestOf(token ?? ''), digestOf(secret));
    this.isToken = signature === undefined && secret !== '' && token !== undefined && isSame;
    this.hex = /^sha256=([0-9a-f]{64})$/i.exec(signature ?? '')?.[1];
    this.hmac = createHmac('sha256', secret);
  }

  /** `signed`: the body will prove it, or not. Nothing but the form of the request tells the last two apart. */
  get byHead(): 'genuine' | 'signed' | 'wrong' {
    if (this.isToken) return 'genuine';
    return this.hex === undefined ? 'wrong' : 'signed';
  }

  /** The next piece of the body. */
  update(piece: Uint8Array): void {
    if (this.hex !== undefined) this.hmac.update(piece);
  }

  /** To be called once, after the last piece. */
  isGenuine(): boolean {
    const expected = this.hmac.digest();
    const isSigned = timingSafeEqual(digestOf(Buffer.from(this.hex ?? '', 'hex')), digestOf(expected));
    return this.isToken || (this.secret !== '' && isSigned && this.hex !== undefined);
  }
}
