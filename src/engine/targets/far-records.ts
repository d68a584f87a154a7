/**
 * The end record of the far shim: one line, padded, whose last word is the POSIX checksum of the rest. What
 * the job cost is in another file there. It is sent with the record, and changes nothing in it.
 */
import type { Usage } from '../../job/state.ts';
import { parseTimes } from '../usage/usage-file.ts';
import { type FarEnd, VERDICTS } from './engine.ts';

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

/**
 * `RECORD|LINE|LINE|`, with the lines of the file `usage`; or the record alone. Undefined: the record is not
 * whole, or not of these versions. It is believed only with its checksum.
 */
export function parseFarEnd(line: string): FarEnd | undefined {
  const [record, ...lines] = line.split('|');
  const match = RECORD.exec(record!);
  if (!match) return undefined;
  const [, text, uid, status, limit, took, stopped, restarts, word, said, sum] = match;
  const code = status === '-' ? null : Number(status);
  const known = VERDICTS.find((one) => one === word);
  if (posixChecksum(Buffer.from(text!)) !== Number(sum) || (code ?? 0) > 255) return undefined;
  // of a later version: how it ended is not known then
  const verdict = word === undefined || word === '-' ? null : (known ?? 'unclear');
  if (code === null && verdict === null) return undefined;
  return {
    uid: uid!,
    status: code,
    limit: limit === '-' ? null : (limit as 'timeout' | 'max-log'),
    tookMs: Number(took) * 10,
    afterStop: stopped === '1',
    verdict: verdict && { word: verdict, said: said === '-' ? '' : decodeURIComponent(said!) },
    restarts: Number(restarts ?? 0),
    // after the last bar is a line that is not whole
    usage: usageOf(lines.slice(0, -1), restarts ?? '0'),
  };
}

/**
 * The number of the start, `times` before the job and after it, and samples of before a stop, hundredths of a
 * second: the larger counts. Null: not known, as of a shim of before 0.17.
 */
function usageOf([start, ...lines]: string[], restarts: string): Usage | null {
  // the file is of an earlier attempt
  if (start !== restarts) return null;
  const times = lines.filter((line) => !line.startsWith('sampled '));
  // with the times before the job alone its cost is not known
  const timed = times.length === 4 ? parseTimes(`${times.join('\n')}\n`) : null;
  const samples = lines.map((line) => Number(/^sampled (\d{1,12})$/.exec(line)?.[1] ?? 0) * 10);
  const sampled = Math.max(0, ...samples);
  if (timed === null && sampled === 0) return null;
  const from = timed !== null && timed >= sampled ? 'shim' : 'samples';
  return { cpuMs: Math.max(timed ?? 0, sampled), peakMemoryBytes: null, from };
}

/** Version 2 is of an engine with a will of its own: RESTARTS VERDICT SAID. */
const RECORD =
  /^([12] ([A-Za-z0-9-]+) (\d{1,3}|-) (-|timeout|max-log) (\d+) ([01])(?: (\d+) ([a-z-]+) ([\w.!~*'()%-]+))?) (\d+)\s*$/;

/** The same as text, for the far side to keep. */
export function farEndRecord(end: FarEnd): string {
  const { uid, status, limit, tookMs, afterStop, verdict, restarts } = end;
  const said = encodeURIComponent(verdict?.said ?? '') || '-';
  const words = ['2', uid, status ?? '-', limit ?? '-', Math.round(tookMs / 10), afterStop ? 1 : 0, restarts];
  const text = [...words, verdict?.word ?? '-', said].join(' ');
  return `${text} ${posixChecksum(Buffer.from(text))}`;
}
