/**
 * The listener: the job that starts what triggers say, on deliveries over HTTP. One serves all triggers of an address and port. What
 * must survive a kill is on disk: a claim for each delivery before its job is started, and a journal. A shell starts it again
 * when it is killed.
 */
import { systemClock } from '../../base/clock.ts';
import { removeQuietly, wakeReader } from '../../base/fs/atomic-write.ts';
import { errnoOf } from '../../base/result.ts';
import { listenerOf } from '../../engine/automation/service-jobs.ts';
import { describeListener, listenerText, readSocketOwners } from '../../engine/observe/port-owner.ts';
import { socketsOn } from '../../engine/os/sockets.ts';
import { isInThisNamespace, thisNamespaceKey } from '../../engine/queue/confinement.ts';
import { type Address, hostText, listTriggers, readTrigger } from '../../job/automation/trigger.ts';
import { EXIT } from '../../job/failure.ts';
import type { Home } from '../../job/home/home.ts';
import { becomeInstance, Calls, followUp, isWanted, mustRenew, POLL_MS, RENEW } from '../service.ts';
import { tell } from '../service-log.ts';
import { ownHosts } from './allowed-hosts.ts';
import { pruneDeliveryClaims, settleClaims } from './delivery-claims.ts';
import { addedHosts, DeliveryHandler } from './handler.ts';
import { HttpServer } from './http-server.ts';
import { Refusals } from './rejection-log.ts';

/** Until the port is tried again, milliseconds: soon at first, when another of ours may be about to end. */
const RETRY_MS = [20, 50, 100, 200, 500, 1000, 2000];
/** Between two looks for claims that are old. */
const PRUNE_MS = 3_600_000;

/** The triggers of this address. */
const served = (home: Home, { host, port }: Address): string[] =>
  listTriggers(home).filter((name) => {
    const read = readTrigger(home, name);
    return (
      read.kind === 'read' &&
      read.value.host === host &&
      read.value.port === port &&
      isInThisNamespace(read.value)
    );
  });

/** Of an address, in letters and digits. */
const instanceKey = ({ host, port }: Address): string =>
  `${thisNamespaceKey()}p${port}h${host.replace(/[^0-9a-z]/g, 'x')}`;

/** True: a process of the new program has to take over. */
async function serve(home: Home, address: Address): Promise<boolean> {
  const refusals = new Refusals();
  const service = listenerOf(home, address);
  const claim = await becomeInstance(home, home.triggers, instanceKey(address));
  if (claim === undefined) return false;
  const desk = new DeliveryHandler(home, address, () => wakeReader(service.fifo));
  const hosts = ownHosts(address.host);
  const door = new HttpServer({
    mayHost: (host) => hosts.has(host) || addedHosts(home, address).has(host),
    isGenuine: (head) => desk.isGenuine(head),
    answer: (letter) => desk.answer(letter),
    answered: (status, from) => refusals.count(status, from),
  });
  for (const name of served(home, address)) quietly(name, () => settleClaims(home, name));
  const calls = new Calls(home, service.fifo);
  await open(door, address, 0);
  // only now: whoever added the first trigger hears whether the port could be had
  await calls.open();
  const known = new Set<string>();
  // one whose record cannot be read any more may be had again
  const isDamaged = (name: string) => known.has(name) && readTrigger(home, name).kind !== 'read';
  for (let failed = 0, pruned = Number.NEGATIVE_INFINITY; isWanted(home); ) {
    const names = served(home, address);
    for (const name of names) known.add(name);
    if (mustRenew(() => names.map((name) => readTrigger(home, name)))) {
      calls.close();
      door.close();
      removeQuietly(claim);
      return true;
    }
    if (names.length === 0 && !listTriggers(home).some(isDamaged)) {
      calls.close();
      // whoever added one before that has called on us, and not on the next
      if (served(home, address).length === 0) {
        tell('no trigger is left');
        break;
      }
      await calls.open();
      continue;
    }
    if (systemClock.monotonic() - pruned > PRUNE_MS) {
      for (const name of names) quietly(name, () => pruneDeliveryClaims(home, name));
      pruned = systemClock.monotonic();
    }
    refusals.tell();
    if (door.isOpen) await calls.next(POLL_MS);
    else {
      await calls.next(RETRY_MS[failed] ?? POLL_MS);
      await open(door, address, ++failed);
    }
  }
  calls.close();
  door.close();
  refusals.tell(Number.POSITIVE_INFINITY);
  removeQuietly(claim);
  await followUp(home, service);
  return false;
}

async function open(door: HttpServer, address: Address, failed: number): Promise<void> {
  const { host, port } = address;
  const errno = await door.open(address);
  const at = `${hostText(host)}:${port}`;
  if (errno === undefined) tell(`listens on ${at}`);
  // one of ours that ends is no news
  else if (failed === 0 || failed === RETRY_MS.length)
    tell(`cannot listen on ${at}: ${await whyNot(errno, port)}`);
}

async function whyNot(errno: string, port: number): Promise<string> {
  if (errno !== 'EADDRINUSE') return errno;
  const [oldest] = await readSocketOwners(socketsOn(port, [], true));
  return `the port is taken${oldest ? ` by ${listenerText(describeListener(undefined, oldest.pid))}` : ''}`;
}

function quietly(name: string, act: () => void): void {
  try {
    act();
  } catch (thrown) {
    tell(`${name}: its claims cannot be looked through: ${errnoOf(thrown)}`);
  }
}

/** Looks after the triggers of an address, until there are none. Returns the exit code. */
export async function serveTriggers(home: Home, address: Address): Promise<number> {
  process.title = 'bgjob[listener]';
  return (await serve(home, address)) ? RENEW : EXIT.ok;
}
