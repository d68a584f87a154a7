/**
 * The listener: a service that starts the jobs of triggers, on deliveries over HTTP. One listener serves all
 * triggers of an address. What must survive a kill is on disk: a claim for each delivery before its job is
 * started, and a journal. A shell restarts a killed listener.
 */
import { systemClock } from '../../base/clock.ts';
import { removeQuietly } from '../../base/fs/atomic-write.ts';
import { wakeReader } from '../../base/fs/fifo.ts';
import { errnoOf } from '../../base/result.ts';
import { listenerOf, rejectionsOf } from '../../engine/automation/service-jobs.ts';
import { isInThisNamespace, thisNamespaceKey } from '../../engine/launch/confinement.ts';
import { describeListener, listenerText, readSocketOwners } from '../../engine/observe/port-owner.ts';
import { socketsOn } from '../../engine/os/sockets.ts';
import { type Address, hostText, listTriggers, readTrigger } from '../../job/automation/trigger.ts';
import { EXIT } from '../../job/failure.ts';
import type { Home } from '../../job/home/home.ts';
import { foundValue } from '../../job/home/records.ts';
import {
  isWanted,
  mustRestart,
  POLL_MS,
  RESTART,
  startSuccessor,
  WakeFifo,
  waitForClaim,
} from '../service.ts';
import { logLine } from '../service-log.ts';
import { ownHosts } from './allowed-hosts.ts';
import { BodyStore } from './body.ts';
import { pruneDeliveryClaims, settleClaims } from './delivery-claims.ts';
import { addedHosts, DeliveryHandler, deliveryId } from './handler.ts';
import { HttpServer } from './http-server.ts';
import { RejectionLog } from './rejection-log.ts';

/** Milliseconds, short at first, because another listener of ours may be ending. */
const RETRY_MS = [20, 50, 100, 200, 500, 1000, 2000];
const PRUNE_MS = 3_600_000;

const served = (home: Home, { host, port }: Address): string[] =>
  listTriggers(home).filter((name) => {
    const trigger = foundValue(readTrigger(home, name));
    return trigger?.host === host && trigger.port === port && isInThisNamespace(trigger);
  });

/** Of letters and digits. */
const instanceKey = ({ host, port }: Address): string =>
  `${thisNamespaceKey()}p${port}h${host.replace(/[^0-9a-z]/g, 'x')}`;

/** Returns whether the program must restart. */
async function serve(home: Home, address: Address): Promise<boolean> {
  const service = listenerOf(home, address);
  const claim = await waitForClaim(home, home.triggers, instanceKey(address));
  if (claim === undefined) return false;
  const rejections = new RejectionLog(rejectionsOf(home, address), (name) =>
    listTriggers(home).includes(name),
  );
  const bodies = new BodyStore(home.triggers);
  bodies.removeLeft();
  const handler = new DeliveryHandler(home, address, () => wakeReader(service.fifo));
  const hosts = ownHosts(address.host);
  const server = new HttpServer(
    {
      mayHost: (host) => hosts.has(host) || addedHosts(home, address).has(host),
      judge: (head) => handler.judge(head),
      answer: (sender, body) => handler.answer(sender, body),
      answered: (reply, from, head) =>
        rejections.note(reply, from, head && { name: head.name, id: deliveryId(head) }),
    },
    bodies,
  );
  for (const name of served(home, address)) logErrors(name, () => settleClaims(home, name));
  const fifo = new WakeFifo(home, service.fifo);
  await open(server, address, 0);
  // opened last: a process that added the first trigger learns whether the port was free
  await fifo.open();
  const known = new Set<string>();
  // a damaged record may be repaired later
  const isDamaged = (name: string) => known.has(name) && readTrigger(home, name).kind !== 'read';
  for (let failed = 0, pruned = Number.NEGATIVE_INFINITY; isWanted(home); ) {
    const names = served(home, address);
    for (const name of names) known.add(name);
    if (mustRestart(() => names.map((name) => readTrigger(home, name)))) {
      fifo.close();
      server.close();
      rejections.close();
      removeQuietly(claim);
      return true;
    }
    if (names.length === 0 && !listTriggers(home).some(isDamaged)) {
      fifo.close();
      // a process that added a trigger before this has woken us, and not a successor
      if (served(home, address).length === 0) {
        logLine('no trigger is left');
        rejections.forget([]);
        break;
      }
      await fifo.open();
      continue;
    }
    if (systemClock.monotonic() - pruned > PRUNE_MS) {
      for (const name of names) logErrors(name, () => pruneDeliveryClaims(home, name));
      pruned = systemClock.monotonic();
    }
    rejections.write();
    rejections.forget(listTriggers(home));
    if (server.isOpen) await fifo.wait(POLL_MS);
    else {
      await fifo.wait(RETRY_MS[failed] ?? POLL_MS);
      await open(server, address, ++failed);
    }
  }
  fifo.close();
  server.close();
  rejections.close();
  removeQuietly(claim);
  await startSuccessor(home, service);
  return false;
}

async function open(server: HttpServer, address: Address, failed: number): Promise<void> {
  const { host, port } = address;
  const errno = await server.open(address);
  const at = `${hostText(host)}:${port}`;
  if (errno === undefined) logLine(`listens on ${at}`);
  // the first failure may be due to an ending listener of ours
  else if (failed === 0 || failed === RETRY_MS.length)
    logLine(`cannot listen on ${at}: ${await whyNot(errno, port)}`);
}

async function whyNot(errno: string, port: number): Promise<string> {
  if (errno !== 'EADDRINUSE') return errno;
  const [oldest] = await readSocketOwners(socketsOn(port, [], true));
  return `the port is taken${oldest ? ` by ${listenerText(describeListener(undefined, oldest.pid))}` : ''}`;
}

function logErrors(name: string, act: () => void): void {
  try {
    act();
  } catch (thrown) {
    logLine(`${name}: its claims cannot be read: ${errnoOf(thrown)}`);
  }
}

/** Until there are none. Returns the exit code. */
export async function serveTriggers(home: Home, address: Address): Promise<number> {
  process.title = 'bgjob[listener]';
  return (await serve(home, address)) ? RESTART : EXIT.ok;
}
