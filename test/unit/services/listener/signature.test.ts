/** Who may start the job of a trigger: the documented example of GitHub, and everybody who is close to it. */
import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { test } from 'node:test';
import {
  CredentialsCheck,
  credentialsIn,
  randomSecret,
} from '../../../../src/services/listener/signature.ts';

// https://docs.github.com/en/webhooks/using-webhooks/validating-webhook-deliveries
const SECRET = "It's a Secret to Everybody";
const BODY = Buffer.from('Hello, World!');
const SIGNATURE = 'sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17';

interface Given {
  authorization?: string;
  gitlab?: string;
  signature?: string;
  /** `X-Hub-Signature`. */
  old?: string;
  body?: Buffer;
}

const credentials = ({ authorization, gitlab, signature, old }: Given) => {
  const headers: Record<string, string | undefined> = {
    authorization,
    'x-gitlab-token': gitlab,
    'x-hub-signature-256': signature,
    'x-hub-signature': old,
  };
  return credentialsIn((name) => headers[name]);
};

function genuine({ body = BODY, ...given }: Given, secret = SECRET) {
  const found = credentials(given);
  const check = new CredentialsCheck(secret, found);
  const { byHead } = check;
  for (const byte of body) check.update(Buffer.of(byte));
  const isGenuine = check.isGenuine();
  assert.ok(isGenuine ? byHead !== 'wrong' : byHead !== 'genuine', 'the head said so, or left it open');
  assert.equal(byHead === 'genuine', isGenuine && found.signature === undefined);
  return isGenuine;
}

test("GitHub's documented example", () => {
  assert.ok(genuine({ signature: SIGNATURE }));
  assert.ok(!genuine({ signature: SIGNATURE, body: Buffer.from('Hello, World?') }));
  assert.ok(!genuine({ signature: SIGNATURE }, `${SECRET}.`));
});

test('a signature is 64 hex digits after sha256=, and nothing else', () => {
  const hex = SIGNATURE.slice(7);
  assert.ok(genuine({ signature: `sha256=${hex.toUpperCase()}` }));
  const sha1 = createHmac('sha1', SECRET).update(BODY).digest('hex');
  for (const signature of [
    '',
    'sha256=',
    hex,
    `sha256=${hex.slice(0, 63)}`,
    `sha256=${hex}0`,
    `sha256=${hex} `,
    `${SIGNATURE}, ${SIGNATURE}`,
    `sha1=${sha1}`,
    `sha256=${sha1}`,
    `sha512=${hex}`,
    `sha256=${'0'.repeat(64)}`,
  ])
    assert.ok(!genuine({ signature }), signature);
  for (let at = 0; at < 64; at++) {
    const other =
      hex.slice(0, at) + ((Number.parseInt(hex[at]!, 16) + 1) % 16).toString(16) + hex.slice(at + 1);
    assert.ok(!genuine({ signature: `sha256=${other}` }), `digit ${at}`);
  }
});

test('a token is the whole secret, after the word Bearer', () => {
  const secret = randomSecret();
  assert.ok(genuine({ authorization: `Bearer ${secret}` }, secret));
  assert.ok(
    genuine({ authorization: `bearer  ${secret}` }, secret),
    'the scheme is written as somebody likes',
  );
  for (const authorization of [
    '',
    'Bearer',
    'Bearer ',
    secret,
    `Basic ${secret}`,
    `Bearer ${secret}x`,
    `Bearer ${secret.slice(1)}`,
    `Bearer ${secret} ${secret}`,
    `Bearer ${secret.toUpperCase()}x`,
  ])
    assert.ok(!genuine({ authorization }, secret), authorization);
});

test('nobody is let in without anything, nor by an empty secret; a signature that is there decides', () => {
  assert.ok(!genuine({}));
  assert.ok(!genuine({ authorization: 'Bearer ' }, ''));
  assert.ok(!genuine({ signature: `sha256=${createHmac('sha256', '').update(BODY).digest('hex')}` }, ''));
  const secret = randomSecret();
  const authorization = `Bearer ${secret}`;
  assert.ok(!genuine({ authorization, signature: SIGNATURE }, secret), 'the body is another');
  const signature = `sha256=${createHmac('sha256', secret).update(BODY).digest('hex')}`;
  assert.ok(genuine({ authorization: 'Basic dTpw', signature }, secret), 'beside it that of a proxy');
});

test('GitLab sends the secret itself, Bitbucket its signature in the header where GitHub has sha1', () => {
  const secret = randomSecret();
  const wrong = (given: Given) => credentials(given).wrong;
  assert.ok(genuine({ gitlab: secret }, secret));
  for (const gitlab of ['', `${secret}x`, secret.slice(1), `Bearer ${secret}`])
    assert.ok(!genuine({ gitlab }, secret), gitlab);
  assert.ok(!genuine({ gitlab: '' }, ''));
  assert.ok(!genuine({ gitlab: secret, authorization: 'Bearer x' }, secret), 'the bearer token decides');
  assert.ok(genuine({ gitlab: secret, authorization: 'Basic dTpw' }, secret), 'that of a proxy does not');
  assert.ok(!genuine({ gitlab: secret, signature: SIGNATURE }, secret), 'a signature decides');
  assert.ok(genuine({ old: SIGNATURE }));
  assert.ok(!genuine({ old: SIGNATURE, body: Buffer.from('Hello, World?') }));
  const sha1 = `sha1=${createHmac('sha1', SECRET).update(BODY).digest('hex')}`;
  assert.ok(genuine({ old: sha1, signature: SIGNATURE }), 'as GitHub sends both');
  assert.ok(!genuine({ old: SIGNATURE, signature: `sha256=${'0'.repeat(64)}` }));
  assert.ok(!genuine({ old: sha1 }));
  assert.ok(
    genuine({ old: sha1, authorization: `Bearer ${SECRET.replaceAll(' ', '')}` }, SECRET.replaceAll(' ', '')),
  );
  assert.match(wrong({ old: sha1 }), /^no valid secret: a signature with sha1 does not count$/);
  assert.match(wrong({ signature: SIGNATURE }), /: its signature is not that of the secret and the body$/);
  assert.match(wrong({ gitlab: 'x' }), /: its token is another$/);
  assert.match(wrong({ authorization: 'Basic dTpw' }), /: Authorization is not "Bearer …"$/);
  assert.match(wrong({}), /: it has no token and no signature$/);
});

test('secrets are 32 random bytes', () => {
  const secrets = Array.from({ length: 100 }, randomSecret);
  assert.equal(new Set(secrets).size, 100);
  for (const secret of secrets) assert.match(secret, /^[0-9a-f]{64}$/);
});
