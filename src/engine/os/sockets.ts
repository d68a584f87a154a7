/**
 * Listening TCP sockets and who holds them. Linux: the kernel's tables, one per network namespace, so each process is looked
 * up in its own; a socket is named by its inode, which is unique over all of them. macOS: lsof, where a socket is named
 * by its holder's pid. What may not be read is nobody's.
 */
import * as fs from 'node:fs';
import { readRecord } from '../../base/fs/read-record.ts';
import { errnoOf } from '../../base/result.ts';
import { HAS_PROC } from './process-identity.ts';
import { findTool } from './programs.ts';

const LISTEN = '0A';

/** A process through which a network namespace is looked into. */
export type Window = number | 'self';

function readTcp(window: Window): string | undefined {
  let text: string | undefined;
  for (const table of ['tcp', 'tcp6']) {
    try {
      text = (text ?? '') + fs.readFileSync(`/proc/${window}/net/${table}`, 'latin1');
    } catch (thrown) {
      errnoOf(thrown);
    }
  }
  return text;
}

function networkOf(window: Window): string | undefined {
  try {
    return fs.readlinkSync(`/proc/${window}/ns/net`);
  } catch (thrown) {
    errnoOf(thrown);
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

/** Listening sockets in the text of such a table: inode → port. */
function parseListening(text: string): Map<string, number> {
  const ports = new Map<string, number>();
  for (const line of text.split('\n')) {
    const fields = line.trim().split(/\s+/);
    const port = fields[1]?.split(':')[1];
    if (fields[3] === LISTEN && port && fields[9]) ports.set(fields[9], Number.parseInt(port, 16));
  }
  return ports;
}

/** Whether it can be told here who listens: without /proc only lsof knows. */
export const canSeePorts = (): boolean => HAS_PROC || findTool('lsof') !== undefined;

/** The sockets that listen on this port, on any address, in the network namespaces of these processes. */
export function socketsOn(port: number, pids: number[], withOwn: boolean): string[] {
  if (!HAS_PROC) return lsof([`-iTCP:${port}`, '-Fp'], 'p');
  const hex = port.toString(16).toUpperCase().padStart(4, '0');
  const line = new RegExp(`^ *\\d+: [0-9A-F]+:${hex} \\S+ ${LISTEN}(?: +\\S+){5} +(\\d+)`, 'gm');
  return windowsWith(pids, withOwn).flatMap((some) =>
    [...readFirst(some).matchAll(line)].map(([, inode]) => inode!),
  );
}

function socketsOf(pid: number): string[] {
  try {
    return fs.readdirSync(`/proc/${pid}/fd`).flatMap((fd) => {
      try {
        return /^socket:\[(\d+)\]$/.exec(fs.readlinkSync(`/proc/${pid}/fd/${fd}`))?.[1] ?? [];
      } catch (thrown) {
        errnoOf(thrown);
        return [];
      }
    });
  } catch (thrown) {
    errnoOf(thrown);
    return [];
  }
}

/** Those of the processes that hold one of the sockets, as far as we may see. */
export function holdersAmong(pids: number[], sockets: string[]): number[] {
  if (!HAS_PROC) return pids.filter((pid) => sockets.includes(String(pid)));
  return pids.filter((pid) => socketsOf(pid).some((inode) => sockets.includes(inode)));
}

/** The ports on which these processes listen, each in its own network namespace; in order. */
export function portsOf(pids: number[]): number[] {
  if (pids.length === 0) return [];
  if (!HAS_PROC) {
    const names = lsof(['-a', '-p', pids.join(','), '-iTCP', '-Fn'], 'n');
    return inOrder(names.flatMap((name) => Number(/:(\d+)$/.exec(name)?.[1] ?? 0) || []));
  }
  const listening = new Map(windowsOf(pids).flatMap((windows) => [...parseListening(readFirst(windows))]));
  return inOrder(pids.flatMap((pid) => socketsOf(pid).flatMap((inode) => listening.get(inode) ?? [])));
}

const inOrder = (ports: number[]): number[] => [...new Set(ports)].sort((a, b) => a - b);

/** Whether anybody listens on this port here. */
export const isListening = (port: number): boolean => socketsOn(port, [], true).length > 0;

/** What lsof tells of listening sockets in the fields that begin with this letter. */
function lsof(words: string[], field: 'p' | 'n'): string[] {
  const { spawnSync } = require('node:child_process') as typeof import('node:child_process');
  const { stdout } = spawnSync(findTool('lsof') ?? 'lsof', ['-nP', '-sTCP:LISTEN', ...words], {
    encoding: 'utf8',
  });
  const lines = (stdout ?? '').split('\n').filter((line) => line.startsWith(field));
  return [...new Set(lines.map((line) => line.slice(1)))];
}
