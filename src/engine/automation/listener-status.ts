/**
 * The listeners of a home, one for each address and port that triggers name, and which process has such a
 * port.
 */
import { systemClock } from '../../base/clock.ts';
import { type Address, listTriggers, readTrigger } from '../../job/automation/trigger.ts';
import type { Home } from '../../job/home/home.ts';
import type { JobId } from '../../job/spec.ts';
import { isInThisNamespace } from '../launch/confinement.ts';
import { jobOf, type TemplateService } from '../launch/service-launch.ts';
import { describeListener, type Listener, readSocketOwners } from '../observe/port-owner.ts';
import { readTable } from '../os/process-table.ts';
import { normalizeAddress, overlap, type PortSocket, processesWith, socketsOn } from '../os/sockets.ts';
import { readShim } from '../shim/shim-record.ts';
import { listenerOf } from './service-jobs.ts';

interface Serving {
  service: TemplateService;
  names: string[];
}

export function listenersOf(home: Home): Serving[] {
  const found = new Map<string, Serving>();
  for (const name of listTriggers(home)) {
    const read = readTrigger(home, name);
    if (read.kind !== 'read' || !isInThisNamespace(read.value)) continue;
    const service = listenerOf(home, read.value);
    const { names } = found.get(service.fifo) ?? { names: [] };
    found.set(service.fifo, { service, names: [...names, name] });
  }
  return [...found.values()];
}

/** The owner of a port: our listener, no process, or another process; `unknown`: a process that we may not see. */
type PortOwner = { kind: 'ours' } | { kind: 'nobody' } | { kind: 'taken'; by: Listener | 'unknown' };

export async function readPortOwner(home: Home, address: Address): Promise<PortOwner> {
  const wanted = { port: address.port, address: normalizeAddress(address.host) };
  const read = () => socketsOn(address.port, [], true).filter((one) => overlap(one, wanted));
  const namesOf = (sockets: PortSocket[]) => sockets.map(({ socket }) => socket).join();
  for (let sockets = read(); sockets.length > 0; ) {
    const own = jobOf(home, listenerOf(home, address));
    if (own && (await isOpenIn(home, own.id, sockets))) return { kind: 'ours' };
    const owners = (await readSocketOwners(sockets)).map(({ pid }) => describeListener(home, pid));
    if (own && owners.some(({ job }) => job?.id === own.id)) return { kind: 'ours' };
    // the process may have ended before it was looked for
    const again = read();
    if (namesOf(again) === namesOf(sockets)) return { kind: 'taken', by: owners[0] ?? 'unknown' };
    sockets = again;
  }
  return { kind: 'nobody' };
}

/** Whether a process in the session of the job has one of the sockets: the files of few processes are read. */
async function isOpenIn(home: Home, id: JobId, sockets: PortSocket[]): Promise<boolean> {
  const { main } = readShim(home.job(id));
  const members = main ? (await readTable()).filter(({ session }) => session === main.pid) : [];
  const pids = members.map(({ pid }) => pid);
  return processesWith(pids, sockets).length > 0;
}

const POLL_MS = 20;
/** A listener whose last trigger was removed ends within milliseconds. */
const ENDING_MS = 5000;

/** Listens on an address for a moment; returns the system error if that fails. Port 0 stands for any. */
function tryAddress({ host, port }: Address): Promise<string | undefined> {
  const { createServer } = require('node:net') as typeof import('node:net');
  const server = createServer();
  return new Promise((resolve) => {
    server.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? 'EIO'));
    server.listen({ host, port, exclusive: true }, () => server.close(() => resolve(undefined)));
  });
}

/** The same, but it waits for a listener of ours that is about to end. */
export async function waitUntilFree(home: Home, address: Address): Promise<string | undefined> {
  for (const deadline = systemClock.monotonic() + ENDING_MS; ; ) {
    const errno = await tryAddress(address);
    if (errno !== 'EADDRINUSE' || systemClock.monotonic() > deadline) return errno;
    if ((await readPortOwner(home, address)).kind === 'taken') return errno;
    await systemClock.sleep(POLL_MS);
  }
}

/** Below the ports that the kernel gives to outgoing connections: the port must stay usable for years. */
const [FIRST_PORT, LAST_PORT] = [20_000, 32_000];
const MAX_TRIES = 200;

/** A free port of this address; the system error if there is none. */
export async function findPort(host: string): Promise<{ port: number } | { errno: string }> {
  for (let n = 0; ; n++) {
    const port = FIRST_PORT + Math.floor(Math.random() * (LAST_PORT - FIRST_PORT));
    const errno = await tryAddress({ host, port });
    if (errno === undefined) return { port };
    if (errno !== 'EADDRINUSE' || n === MAX_TRIES) return { errno };
  }
}
