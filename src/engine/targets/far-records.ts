/** The end record of the far shim: one line, padded, whose last word is the POSIX checksum of the rest. */
import type { FarEnd } from './engine.ts';

const TABLE = Array.from({ length: 256 }, (_, byte) => {
  let sum = byte << 24;
  for (let bit = 0; bit < 8; bit++) sum = sum < 0 ? (sum << 1) ^ 0x04c11db7 : sum << 1;
  return sum;
});

/** The first word that `cksum` prints. */
export function posixChecksum(bytes: Uint8Array): number {
  let sum = 0;
  const add = (byte: number) => {
    sum = (sum << 8) ^ TABLE[((sum >>> 24) ^ byte) & 0xff]!;
  };
  for (const byte of bytes) add(byte);
  for (let length = bytes.length; length > 0; length = Math.floor(length / 256)) add(length & 0xff);
  return ~sum >>> 0;
}

/** Undefined: it is not whole, or not of this version. It is believed only with its checksum. */
export function parseFarEnd(line: string): FarEnd | undefined {
  const match = /^(1 ([A-Za-z0-9-]+) (\d{1,3}) (-|timeout|max-log) (\d+) ([01])) (\d+)\s*$/.exec(line);
  if (!match) return undefined;
  const [, text, uid, status, limit, took, stopped, sum] = match;
  if (posixChecksum(Buffer.from(text!)) !== Number(sum) || Number(status) > 255) return undefined;
  return {
    uid: uid!,
    status: Number(status),
    limit: limit === '-' ? null : (limit as 'timeout' | 'max-log'),
    tookMs: Number(took) * 10,
    afterStop: stopped === '1',
    verdict: null,
    restarts: 0,
  };
}
