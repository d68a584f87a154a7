/**
 * Listening TCP sockets, and which processes have them open. Linux: the tables of the kernel, one per network
 * namespace, so each process is looked up in its own namespace. A socket is named by its inode, which is
 * unique over all namespaces. macOS: lsof, where a socket is named by the pid that has it open. A socket that
 * we may not see belongs to no process.
 */
import { readFileSync } from 'node:fs';
import { endianness } from 'node:os';
import { readText } from '../../base/fs/read-record.ts';
import { attemptQuietly } from '../../base/result.ts';
import { HAS_PROC, openFiles, readLink } from './process-identity.ts';
import { findTool, runTool } from './programs.ts';

const LISTEN = '0A';

/** A process whose /proc/PID/net shows a network namespace. */
type Viewpoint = number | 'self';

function readTcp(viewpoint: Viewpoint): string | undefined {
  const texts = ['tcp', 'tcp6'].flatMap(
    (table) => attemptQuietly(() => readFileSync(`/proc/${viewpoint}/net/${table}`, 'latin1')) ?? [],
  );
  return texts.length > 0 ? texts.join('') : undefined;
}

const networkOf = (viewpoint: Viewpoint): string | undefined => readLink(`/proc/${viewpoint}/ns/net`);

/** The processes by network namespace. Our own is read through `self`, which cannot end meanwhile. */
function viewpointsOf(pids: number[]): Viewpoint[][] {
  const own = networkOf('self');
  const viewpoints = new Map<string, Viewpoint[]>();
  for (const pid of pids) {
    const network = networkOf(pid);
    if (network === undefined) continue;
    if (network === own) viewpoints.set(network, ['self']);
    else viewpoints.set(network, [...(viewpoints.get(network) ?? []), pid]);
  }
  return [...viewpoints.values()];
}

/**
 * How many TCP sockets each of these namespaces has in use, as a text to compare. It changes with every
 * `listen`, and costs microseconds; the tables cost milliseconds, because the kernel walks all its hash
 * buckets. Undefined where the kernel does not show it.
 */
export function readSocketCounts(pids: number[], withOwn: boolean): string | undefined {
  const texts = viewpointsWith(pids, withOwn).flatMap(([viewpoint]) =>
    ['sockstat', 'sockstat6'].map(
      (name) => /^TCP6?: inuse \d+/m.exec(readText(`/proc/${viewpoint}/net/${name}`))?.[0] ?? '',
    ),
  );
  return texts.some((text) => text !== '') ? texts.join(' ') : undefined;
}

function viewpointsWith(pids: number[], withOwn: boolean): Viewpoint[][] {
  const viewpoints = viewpointsOf(pids);
  return withOwn && !viewpoints.some(([first]) => first === 'self') ? [...viewpoints, ['self']] : viewpoints;
}

function readFirst([first, ...others]: Viewpoint[]): string {
  return first === undefined ? '' : (readTcp(first) ?? readFirst(others));
}

/** The address of a listening socket: `127.0.0.1`, `::1`; `*` for every address of either family. */
export interface Listening {
  port: number;
  address: string;
}

/** Whether the two cannot listen at the same time. `0.0.0.0` and `::` take the port on every address. */
export const overlap = (a: Listening, b: Listening): boolean =>
  a.port === b.port && (a.address === b.address || a.address === '*' || b.address === '*');

/**
 * Whether a listener is in the way of a server of which only the port is known: it has every address, or
 * 127.0.0.1. A listener on one other address alone is not.
 */
export const isInTheWay = ({ address }: Pick<Listening, 'address'>): boolean =>
  address === '*' || address === '127.0.0.1';

/** Parses an address of /proc/net/tcp and tcp6: words of 32 bits, each in the byte order of the machine. */
function parseAddress(hex: string): string {
  const words = hex.match(/.{8}/g) ?? [];
  if (words.every((word) => word === '00000000')) return '*';
  const bytes = words.flatMap((word) => {
    const four = Buffer.from(word, 'hex');
    return [...(endianness() === 'LE' ? four.reverse() : four)];
  });
  const isMapped = bytes.length === 16 && bytes.slice(0, 10).every((byte) => byte === 0) && bytes[11] === 255;
  if (bytes.length === 4 || isMapped) return normalizeAddress(bytes.slice(-4).join('.'));
  const groups = Array.from({ length: 8 }, (_, n) => ((bytes[2 * n]! << 8) | bytes[2 * n + 1]!).toString(16));
  // as IPv6 addresses are written: the longest row of zeros is left out
  return groups.join(':').replace(/(^|:)0(:0)+(:|$)/, '::');
}

/** An address for comparison: every form of "all addresses" becomes `*`. */
export const normalizeAddress = (address: string): string =>
  /^(0\.0\.0\.0|::|\*)$/.test(address) ? '*' : address;

/** The listening sockets in a table of the kernel. `port`: a pattern of ports as the table has them. */
function parseListening(text: string, port = '[0-9A-F]{4}'): PortSocket[] {
  const line = new RegExp(`^ *\\d+: ([0-9A-F]+):(${port}) \\S+ ${LISTEN}(?: +\\S+){5} +(\\d+)`, 'gm');
  return [...text.matchAll(line)].map(([, address, hex, inode]) => ({
    ...{ socket: inode!, port: Number.parseInt(hex!, 16) },
    address: parseAddress(address!),
  }));
}

/** Whether listeners can be found on this machine: without /proc that takes lsof. */
export const canSeePorts = (): boolean => HAS_PROC || findTool('lsof') !== undefined;

/** A listening socket. `socket` is the inode, or without /proc the pid that has it open. */
export interface PortSocket extends Listening {
  socket: string;
}

/** The sockets that listen on this port, on any address, in the network namespaces of these processes. */
export function socketsOn(port: number, pids: number[], withOwn: boolean): PortSocket[] {
  if (!HAS_PROC) return lsof([`-iTCP:${port}`]);
  const hex = port.toString(16).toUpperCase().padStart(4, '0');
  return viewpointsWith(pids, withOwn).flatMap((some) => parseListening(readFirst(some), hex));
}

const socketsOf = (pid: number): string[] =>
  [...openFiles(pid)].flatMap(([, target]) => /^socket:\[(\d+)\]$/.exec(target)?.[1] ?? []);

/** The processes among these that have one of the sockets open, as far as we may see. */
export function processesWith(pids: number[], sockets: PortSocket[]): number[] {
  const names = new Set(sockets.map(({ socket }) => socket));
  if (!HAS_PROC) return pids.filter((pid) => names.has(String(pid)));
  return pids.filter((pid) => socketsOf(pid).some((inode) => names.has(inode)));
}

/** The sockets on which these processes listen, each process in its own network namespace. */
export function listeningOf(pids: number[]): Listening[] {
  if (pids.length === 0) return [];
  if (!HAS_PROC) return lsof(['-a', '-p', pids.join(','), '-iTCP']);
  // the tables cost milliseconds, and most processes have no socket
  const open = pids.map((pid) => ({ pid, inodes: socketsOf(pid) })).filter(({ inodes }) => inodes.length > 0);
  const sockets = viewpointsOf(open.map(({ pid }) => pid)).flatMap(readListening);
  const listening = new Map(sockets.map(({ socket, port, address }) => [socket, { port, address }]));
  return open.flatMap(({ inodes }) => inodes.flatMap((inode) => listening.get(inode) ?? []));
}

/** Our own table, if it was read in this turn of the event loop: hundreds of jobs may be looked up in one. */
let ownListening: PortSocket[] | undefined;

function readListening(viewpoints: Viewpoint[]): PortSocket[] {
  if (viewpoints[0] !== 'self') return parseListening(readFirst(viewpoints));
  if (!ownListening) {
    ownListening = parseListening(readFirst(viewpoints));
    setImmediate(() => {
      ownListening = undefined;
    });
  }
  return ownListening;
}

export const portsOf = (pids: number[]): number[] => portsIn(listeningOf(pids));

export const portsIn = (listening: Listening[]): number[] =>
  [...new Set(listening.map(({ port }) => port))].sort((a, b) => a - b);

export const isInUse = (listening: Listening): boolean =>
  socketsOn(listening.port, [], true).some((one) => overlap(one, listening));

/** Asks lsof for listening sockets: a line `pPID` for each process, `nADDRESS:PORT` for each socket. */
function lsof(words: string[]): PortSocket[] {
  const text = attemptQuietly(() => runTool('lsof', ['-nP', '-sTCP:LISTEN', '-Fpn', ...words])) ?? '';
  let socket = '';
  return text.split('\n').flatMap((line) => {
    if (line.startsWith('p')) socket = line.slice(1);
    const [, address, port] = /^n\[?([^\]]*?)\]?:(\d+)$/.exec(line) ?? [];
    return port === undefined ? [] : { socket, port: Number(port), address: normalizeAddress(address!) };
  });
}
