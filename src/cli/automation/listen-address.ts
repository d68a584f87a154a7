/** `--listen`: the address of a listener, parsed and chosen; a taken port is refused with its owner. */
import { findPort, readPortOwner, waitUntilFree } from '../../engine/automation/listener-status.ts';
import { listenerOf } from '../../engine/automation/service-jobs.ts';
import { isInThisNamespace } from '../../engine/launch/confinement.ts';
import { isServed } from '../../engine/launch/service-launch.ts';
import { portTaken } from '../../engine/observe/port-owner.ts';
import {
  type Address,
  hostText,
  isWildcard,
  listTriggers,
  readTrigger,
} from '../../job/automation/trigger.ts';
import { fail, ok, type Result } from '../../job/failure.ts';
import type { Home } from '../../job/home/home.ts';
import { badAddress, cannotListen, openListenerText } from '../messages/automation.ts';

const DEFAULT_HOST = '127.0.0.1';

/** A parsed `--listen`; `port` null: any. */
export interface ListenAddress {
  host: string;
  port: number | null;
}

/** `8080`, `192.168.1.5`, `0.0.0.0:8080`, `::1`, `[::1]:8080`, `localhost`. */
export function parseListen(text: string | null): Result<ListenAddress> {
  if (text === null) return ok({ host: DEFAULT_HOST, port: null });
  const [, alone, bracketed, plain, portText = alone] =
    /^(?:(\d{1,5})|(?:\[([^\]]*)\]|([^:]+)|(?=.*:.*:))(?::(\d{1,5}))?)$/.exec(text) ?? [];
  const name = alone !== undefined ? DEFAULT_HOST : (bracketed ?? plain ?? text);
  const host = name === 'localhost' ? DEFAULT_HOST : name;
  // most commands do not need node:net
  const { isIP } = require('node:net') as typeof import('node:net');
  const kind = host.includes('%') ? 0 : isIP(host);
  const port =
    portText === undefined || (plain ?? bracketed ?? alone) === undefined ? null : Number(portText);
  if (kind === 0 || (bracketed !== undefined && kind !== 6)) return fail(badAddress(text, 'address'));
  if (port !== null && (port < 1 || port > 65_535)) return fail(badAddress(text, 'port'));
  // the usual form of an IPv6 address
  return ok({ host: kind === 6 ? new URL(`http://[${host}]`).hostname.slice(1, -1) : host, port });
}

/** Of the triggers whose listeners run in this sandbox, the oldest first. */
function knownAddresses(home: Home): Address[] {
  return listTriggers(home)
    .flatMap((name) => {
      const read = readTrigger(home, name);
      return read.kind === 'read' && isInThisNamespace(read.value) ? [read.value] : [];
    })
    .sort((a, b) => a.createdAt - b.createdAt);
}

const refused = (address: Address, errno: string) =>
  fail(cannotListen(address, `${hostText(address.host)}:${address.port}`, errno));

/** Fails if another program has the port, and names that program. */
export async function checkPortOwner(home: Home, address: Address): Promise<Result<void>> {
  const owner = await readPortOwner(home, address);
  if (owner.kind !== 'taken') return ok(undefined);
  if (owner.by === 'unknown') return refused(address, 'EADDRINUSE');
  return fail(portTaken(address.port, owner.by));
}

/** Chooses an address that a listener of ours has or can take: that of earlier triggers, or a free one. */
export async function chooseAddress(home: Home, wanted: ListenAddress): Promise<Result<Address>> {
  const { host } = wanted;
  const known = knownAddresses(home).filter((one) => one.host === host);
  const port = wanted.port ?? known[0]?.port ?? null;
  if (port === null) {
    const found = await findPort(host);
    return 'port' in found ? ok({ host, port: found.port }) : refused({ host, port: 0 }, found.errno);
  }
  const address = { host, port };
  if (known.some((one) => one.port === port) && isServed(listenerOf(home, address))) {
    const checked = await checkPortOwner(home, address);
    return checked.ok ? ok(address) : checked;
  }
  const errno = await waitUntilFree(home, address);
  if (errno === undefined) return ok(address);
  const checked = errno === 'EADDRINUSE' ? await checkPortOwner(home, address) : ok(undefined);
  return checked.ok ? refused(address, errno) : checked;
}

export const openListenerNote = (host: string): string =>
  openListenerText(isWildcard(host) ? 'this machine' : host);
