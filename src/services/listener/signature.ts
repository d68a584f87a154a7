/**
 * Checks whether the sender of a delivery has the secret: a bearer token, GitLab's `X-Gitlab-Token`, or an
 * HMAC of the raw body with SHA-256, as GitHub, Gitea, Forgejo and Bitbucket send it. The head proves a token;
 * a signature needs the whole body. Digests of equal length are compared in constant time.
 */
import { createHash, createHmac, randomBytes, timingSafeEqual } from 'node:crypto';

export interface Credentials {
  token: string | undefined;
  signature: string | undefined;
  /** Why neither can prove the sender, for the history. */
  wrong: string;
}

/** The secret in a head, and how it is wrong if it is. */
export function credentialsIn(header: (name: string) => string | undefined): Credentials {
  // GitHub sends sha1 here, beside the other header
  const old = header('x-hub-signature');
  const signature = header('x-hub-signature-256') ?? (/^sha1=/i.test(old ?? '') ? undefined : old);
  const authorization = header('authorization');
  const token = /^Bearer +(\S+)$/i.exec(authorization ?? '')?.[1] ?? header('x-gitlab-token');
  const wrong = () => {
    if (signature !== undefined) return 'its signature is not that of the secret and the body';
    if (token !== undefined) return 'its token is another';
    if (old !== undefined) return 'a signature with sha1 does not count';
    return authorization === undefined
      ? 'it has no token and no signature'
      : 'Authorization is not "Bearer …"';
  };
  return { token, signature, wrong: `no valid secret: ${wrong()}` };
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
    private readonly given: Credentials,
  ) {
    const { token, signature } = given;
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

  /** Why it is not genuine, if it is not. */
  get wrong(): string {
    return this.given.wrong;
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
