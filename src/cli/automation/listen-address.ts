/** `--listen`: where a listener listens, and who has the port if it cannot. */
import { clip, safe } from '../../base/text/sanitize.ts';
import { findPort, readPortOwner, waitUntilFree } from '../../engine/automation/listener-status.ts';
import { isServed, listenerOf } from '../../engine/automation/service-jobs.ts';
import { portTaken } from '../../engine/observe/port-owner.ts';
import { isInThisNamespace } from '../../engine/queue/confinement.ts';
import {
  type Address,
  hostText,
  isWildcard,
  listTriggers,
  readTrigger,
} from '../../job/automation/trigger.ts';
import { type Failure, fail, ok, type Result } from '../../job/failure.ts';
import type { Home } from '../../job/home/home.ts';
import { errnoText } from '../messages/failures.ts';

const DEFAULT_HOST = '127.0.0.1';

/** What was typed; `port` null: any. */
export interface Wanted {
  host: string;
  port: number | null;
}

const usage = (message: string, hint: string): { ok: false; failure: Failure } =>
  fail({ code: 'usage', message, hint });

/** `8080`, `192.168.1.5`, `0.0.0.0:8080`, `::1`, `[::1]:8080`, `localhost`. */
export function parseListen(text: string | null): Result<Wanted> {
  if (text === null) return ok({ host: DEFAULT_HOST, port: null });
  const [, alone, bracketed, plain, portText = alone] =
    /^(?:(\d{1,5})|(?:\[([^\]]*)\]|([^:]+)|(?=.*:.*:))(?::(\d{1,5}))?)$/.exec(text) ?? [];
  const name = alone !== undefined ? DEFAULT_HOST : (bracketed ?? plain ?? text);
  const host = name === 'localhost' ? DEFAULT_HOST : name;
  // loaded here alone
  const { isIP } = require('node:net') as typeof import('node:net');
  const kind = host.includes('%') ? 0 : isIP(host);
  const port =
    portText === undefined || (plain ?? bracketed ?? alone) === undefined ? null : Number(portText);
  const wrong = (why: string) =>
    usage(
      `--listen: "${clip(safe(text), 80)}" is ${why}`,
      '--listen 8080, --listen 192.168.1.5:8080, --listen [::1]:8080',
    );
  if (kind === 0 || (bracketed !== undefined && kind !== 6)) return wrong('no address of this machine');
  if (port !== null && (port < 1 || port > 65_535)) return wrong('no port');
  // in the one way in which it is usually written
  return ok({ host: kind === 6 ? new URL(`http://[${host}]`).hostname.slice(1, -1) : host, port });
}

/** The addresses of the triggers that are served here, the oldest first. */
function knownAddresses(home: Home): Address[] {
  return listTriggers(home)
    .flatMap((name) => {
      const read = readTrigger(home, name);
      return read.kind === 'read' && isInThisNamespace(read.value) ? [read.value] : [];
    })
    .sort((a, b) => a.createdAt - b.createdAt);
}

function refused({ host, port }: Address, errno: string): { ok: false; failure: Failure } {
  const at = `${hostText(host)}:${port}`;
  if (errno === 'EADDRNOTAVAIL')
    return usage(`--listen: no network of this machine has the address ${host}`, 'ip -brief address');
  if (errno === 'EACCES')
    return usage(`--listen: ${at}: ports below 1024 are not for everybody`, '--listen 8080');
  if (errno === 'EADDRINUSE') return usage(`port ${port} is taken`, `ss -ltnp 'sport = :${port}'`);
  return usage(`--listen: cannot listen on ${at}: ${errnoText(errno)}`, '--listen 8080');
}

/** Fails, and names who has it, if the port is somebody else's. */
export async function checkPortOwner(home: Home, address: Address): Promise<Result<void>> {
  const owner = await readPortOwner(home, address);
  if (owner.kind !== 'taken') return ok(undefined);
  if (owner.by === 'unknown') return refused(address, 'EADDRINUSE');
  return fail(portTaken(address.port, owner.by));
}

/** An address that our listener has, or may have: that of the triggers that are there, or one that is free. */
export async function chooseAddress(home: Home, wanted: Wanted): Promise<Result<Address>> {
  const { host } = wanted;
  const known = knownAddresses(home).filter((one) => one.host === host);
  const port = wanted.port ?? known[0]?.port ?? null;
  if (port === null) {
    const found = await findPort(host);
    return 'port' in found ? ok({ host, port: found.port }) : refused({ host, port: 0 }, found.errno);
  }
  const address = { host, port };
  if (known.some((one) => one.port === port) && isServed(listenerOf(home, address))) {
    const held = await checkPortOwner(home, address);
    return held.ok ? ok(address) : held;
  }
  const errno = await waitUntilFree(home, address);
  if (errno === undefined) return ok(address);
  const held = errno === 'EADDRINUSE' ? await checkPortOwner(home, address) : ok(undefined);
  return held.ok ? refused(address, errno) : held;
}

/** What is to be known of an address that others can reach. */
export const openNote = (host: string): string =>
  `whoever reaches ${isWildcard(host) ? 'this machine' : safe(host)} reaches this listener, and what comes is not encrypted: better a proxy with TLS, or a tunnel, before the default 127.0.0.1`;
