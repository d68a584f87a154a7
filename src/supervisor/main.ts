/**
 * The supervisor: one long-lived process per running job, started by the launcher, or in the place of a dead one by the
 * watcher of the shim (`--adopt`). It loads no package. Its descriptors: 3 the job's environment (an adopter: a dead
 * socket), 4 the FIFO `alive`.
 *
 *     supervisor.js HOME ID [--adopt]
 */
import { errnoOf } from '../base/failure.ts';
import { openHome } from '../job/home.ts';
import { claimOwner, type Found, highestGeneration, type Owner, readOwner, readSpec } from '../job/store.ts';
import { identify, isSame } from '../process/identity.ts';
import { adopt } from './adopt.ts';
import { start } from './start.ts';
import { Supervision } from './supervision.ts';

function main(): void {
  const [, , homePath, idText, mode] = process.argv;
  const id = Number(idText);
  // in place of the command line, which `pkill -f` would find
  process.title = `bgjob[${id}]`;
  // before anything is published: a nudge to a Node without handlers would kill it
  let supervision: Supervision | undefined;
  process.on('SIGTERM', () => supervision?.readRequests());
  process.on('SIGURG', () => supervision?.checkMain());
  // ignored, without a default that ends us (HUP, INT) or opens a debugger (USR1)
  for (const signal of ['SIGHUP', 'SIGINT', 'SIGQUIT', 'SIGUSR1', 'SIGUSR2'] as const)
    process.on(signal, () => {});

  const home = openHome(homePath!, false);
  if (!home.ok || !home.value) return;
  const job = home.value.job(id);
  const spec = readSpec(job, id);
  const self = identify(process.pid);
  if (spec.kind !== 'read' || !self) return;

  const before = readOwner(job);
  // also after an owner whose record is damaged
  const generation = mode === '--adopt' ? highestGeneration(job) + 1 : 1;
  // something kills every adopter, or every adopter crashes: then slowly
  if (generation > 10) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1000);
  const owner: Owner = { generation, identity: self };
  const claimed = becomeOwner(owner);
  if (claimed === 'taken') return;
  supervision = new Supervision(home.value, spec.value, owner, claimed === 'mine');
  if (mode === '--adopt') adopt(supervision);
  else start(supervision);

  function becomeOwner(mine: Owner): 'mine' | 'taken' | 'unwritten' {
    // the launcher was first, as nearly always: a claim that must fail would cost a file and a flush before the job starts
    if (before.kind === 'read' && before.value.generation === mine.generation) return whose(before);
    try {
      if (claimOwner(job, mine)) return 'mine';
    } catch (thrown) {
      errnoOf(thrown);
      // a full disk. The launcher may have found room to write the same, or ends us; and nobody but us takes the place of a
      // dead supervisor: the job's limits must hold
      return 'unwritten';
    }
    // the launcher may have written the same for us; anybody else is the owner then, and we leave without a trace
    return whose(readOwner(job));
  }

  function whose(highest: Found<Owner>): 'mine' | 'taken' {
    return highest.kind === 'read' && isSame(highest.value.identity, owner.identity) ? 'mine' : 'taken';
  }
}

main();
