/**
 * Listening TCP sockets and who holds them. Linux: the kernel's tables, one per network namespace, so each process is looked
 * up in its own; a socket is named by its inode, which is unique over all of them. macOS: lsof, where a socket is named
 * by its holder's pid. What may not be read is nobody's.
 */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { endianness } from 'node:os';
import { readRecord } from '../../base/fs/read-record.ts';
import { ignoreSystemError } from '../../base/result.ts';
import { HAS_PROC } from './process-identity.ts';
import { findTool } from './programs.ts';

const LISTEN = '0A';

/** A process through which a network namespace is looked into. */
export type Window = number | 'self';

function readTcp(window: Window): string | undefined {
  let text: string | undefined;
  for (const table of ['tcp', 'tcp6']) {
    try {
      text = (text ?? '') + readFileSync(`/proc/${window}/net/${table}`, 'latin1');
    } catch (thrown) {
      ignoreSystemError(thrown);
    }
  }
  return text;
}

function networkOf(window: Window): string | undefined {
  try {
    return readlinkSync(`/proc/${window}/ns/net`);
  } catch (thrown) {
    ignoreSystemError(thrown);
    return undefined;
  }
}

/** The processes by network namespace; our own is looked at through ourselves, who do not end meanwhile. */
function windowsOf(pids: number[]): Window[][] {
  const own = networkOf('self');
  const windows = new Map<string, Window[]>();
  for (const pid of pids) {
    const network = networkOf(pid);
    if (network === undefined) continue;
    if (network === own) windows.set(network, ['self']);
    else windows.set(network, [...(windows.get(network) ?? []), pid]);
  }
  return [...windows.values()];
}

/**
 * How many TCP sockets each of these namespaces has in use, as a text to compare: it changes with every `listen`, and costs
 * microseconds where the tables cost milliseconds (the kernel walks all its hash buckets). Undefined where it is not told.
 */
export function readSocketCounts(pids: number[], withOwn: boolean): string | undefined {
  const texts = windowsWith(pids, withOwn).flatMap(([window]) =>
    ['sockstat', 'sockstat6'].map((name) => {
      const stored = readRecord(`/proc/${window}/net/${name}`);
      return stored.kind === 'text' ? (/^TCP6?: inuse \d+/m.exec(stored.text)?.[0] ?? '') : '';
    }),
  );
  return texts.length > 0 && texts.some((text) => text !== '') ? texts.join(' ') : undefined;
}

function windowsWith(pids: number[], withOwn: boolean): Window[][] {
  const windows = windowsOf(pids);
  return withOwn && !windows.some(([first]) => first === 'self') ? [...windows, ['self']] : windows;
}

/** The first of the windows that still opens. */
function readFirst(windows: Window[]): string {
  for (const window of windows) {
    const text = readTcp(window);
    if (text !== undefined) return text;
  }
  return '';
}

/** Where a socket listens: `127.0.0.1`, `::1`; `*` for every address, whichever family. */
export interface Listening {
  port: number;
  address: string;
}

/** Whether not both can listen. `0.0.0.0` and `::` take the port on every address. */
export const overlap = (a: Listening, b: Listening): boolean =>
  a.port === b.port && (a.address === b.address || a.address === '*' || b.address === '*');

/**
 * Whether whoever listens there is in the way of a server of which only the port is known: on every address, or on 127.0.0.1. One
 * that has another address for itself alone may stay beside it.
 */
export const isInTheWay = ({ address }: Pick<Listening, 'address'>): boolean =>
  address === '*' || address === '127.0.0.1';

/** An address of /proc/net/tcp and tcp6: words of 32 bits, each in the byte order of the machine. */
function parseAddress(hex: string): string {
  const words = hex.match(/.{8}/g) ?? [];
  if (words.every((word) => word === '00000000')) return '*';
  const bytes = words.flatMap((word) => {
    const four = Buffer.from(word, 'hex');
    return [...(endianness() === 'LE' ? four.reverse() : four)];
  });
  const isMapped = bytes.length === 16 && bytes.slice(0, 10).every((byte) => byte === 0) && bytes[11] === 255;
  if (bytes.length === 4 || isMapped) return unspecified(bytes.slice(-4).join('.'));
  const groups = Array.from({ length: 8 }, (_, n) => ((bytes[2 * n]! << 8) | bytes[2 * n + 1]!).toString(16));
  // as it is written: the longest row of zeros is not
  return groups.join(':').replace(/(^|:)0(:0)+(:|$)/, '::');
}

/** An address as it is compared: all that mean every address are one. */
export const unspecified = (address: string): string =>
  /^(0\.0\.0\.0|::|\*)$/.test(address) ? '*' : address;

/** Listening sockets in the text of such a table, by inode. */
function parseListening(text: string): Map<string, Listening> {
  const sockets = new Map<string, Listening>();
  for (const line of text.split('\n')) {
    const fields = line.trim().split(/\s+/);
    const [address, port] = fields[1]?.split(':') ?? [];
    if (fields[3] === LISTEN && address && port && fields[9])
      sockets.set(fields[9], { port: Number.parseInt(port, 16), address: parseAddress(address) });
  }
  return sockets;
}

/** Whether it can be told here who listens: without /proc only lsof knows. */
export const canSeePorts = (): boolean => HAS_PROC || findTool('lsof') !== undefined;

/** A socket that listens; its name is the inode, or where there is no /proc the pid of its holder. */
export interface PortSocket extends Listening {
  socket: string;
}

/** The sockets that listen on this port, on any address, in the network namespaces of these processes. */
export function socketsOn(port: number, pids: number[], withOwn: boolean): PortSocket[] {
  if (!HAS_PROC) return lsof([`-iTCP:${port}`]);
  const hex = port.toString(16).toUpperCase().padStart(4, '0');
  const line = new RegExp(`^ *\\d+: ([0-9A-F]+):${hex} \\S+ ${LISTEN}(?: +\\S+){5} +(\\d+)`, 'gm');
  return windowsWith(pids, withOwn).flatMap((some) =>
    [...readFirst(some).matchAll(line)].map(([, address, inode]) => ({
      ...{ socket: inode!, port },
      address: parseAddress(address!),
    })),
  );
}

function socketsOf(pid: number): string[] {
  try {
    return readdirSync(`/proc/${pid}/fd`).flatMap((fd) => {
      try {
        return /^socket:\[(\d+)\]$/.exec(readlinkSync(`/proc/${pid}/fd/${fd}`))?.[1] ?? [];
      } catch (thrown) {
        ignoreSystemError(thrown);
        return [];
      }
    });
  } catch (thrown) {
    ignoreSystemError(thrown);
    return [];
  }
}

/** Those of the processes that hold one of the sockets, as far as we may see. */
export function holdersAmong(pids: number[], sockets: PortSocket[]): number[] {
  const names = new Set(sockets.map(({ socket }) => socket));
  if (!HAS_PROC) return pids.filter((pid) => names.has(String(pid)));
  return pids.filter((pid) => socketsOf(pid).some((inode) => names.has(inode)));
}

/** Where these processes listen, each in its own network namespace. */
export function listeningOf(pids: number[]): Listening[] {
  if (pids.length === 0) return [];
  if (!HAS_PROC) return lsof(['-a', '-p', pids.join(','), '-iTCP']);
  const listening = new Map(windowsOf(pids).flatMap((windows) => [...parseListening(readFirst(windows))]));
  return pids.flatMap((pid) => socketsOf(pid).flatMap((inode) => listening.get(inode) ?? []));
}

/** The ports on which these processes listen; in order. */
export const portsOf = (pids: number[]): number[] => portsIn(listeningOf(pids));

export const portsIn = (listening: Listening[]): number[] =>
  [...new Set(listening.map(({ port }) => port))].sort((a, b) => a - b);

/** Whether somebody here is in the way of whoever listens there. */
export const isInUse = (listening: Listening): boolean =>
  socketsOn(listening.port, [], true).some((one) => overlap(one, listening));

/** What lsof tells of listening sockets: a line `pPID` for each process, and a line `nADDRESS:PORT` for each of its sockets. */
function lsof(words: string[]): PortSocket[] {
  const { spawnSync } = require('node:child_process') as typeof import('node:child_process');
  const { stdout } = spawnSync(findTool('lsof') ?? 'lsof', ['-nP', '-sTCP:LISTEN', '-Fpn', ...words], {
    encoding: 'utf8',
  });
  let socket = '';
  return (stdout ?? '').split('\n').flatMap((line) => {
    if (line.startsWith('p')) socket = line.slice(1);
    const [, address, port] = /^n\[?([^\]]*?)\]?:(\d+)$/.exec(line) ?? [];
    return port === undefined ? [] : { socket, port: Number(port), address: unspecified(address!) };
  });
}
