/** Listening TCP sockets and who owns them. Linux only; elsewhere nothing is claimed. */
import * as fs from 'node:fs';
import { errnoOf } from '../base/failure.ts';

const LISTEN = '0A';

function readLines(path: string): string[] {
  try {
    return fs.readFileSync(path, 'latin1').split('\n').slice(1);
  } catch (thrown) {
    errnoOf(thrown);
    return [];
  }
}

/** Listening sockets in the network namespace of a process: inode → port. */
function listeningSockets(pid: number | 'self'): Map<string, number> {
  const ports = new Map<string, number>();
  for (const table of ['tcp', 'tcp6']) {
    for (const line of readLines(`/proc/${pid}/net/${table}`)) {
      const fields = line.trim().split(/\s+/);
      const port = fields[1]?.split(':')[1];
      if (fields[3] === LISTEN && port && fields[9]) ports.set(fields[9], Number.parseInt(port, 16));
    }
  }
  return ports;
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

/** The ports on which these processes listen, in order. */
export function portsOf(pids: number[]): number[] {
  const first = pids[0];
  if (first === undefined) return [];
  const listening = listeningSockets(first);
  const ports = pids.flatMap((pid) => socketsOf(pid).flatMap((inode) => listening.get(inode) ?? []));
  return [...new Set(ports)].sort((a, b) => a - b);
}

/** Whether anybody listens on this port here. */
export const isListening = (port: number): boolean => [...listeningSockets('self').values()].includes(port);
