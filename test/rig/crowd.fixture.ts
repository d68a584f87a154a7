/** One of many processes that do the same at the same instant. See crowd.ts. */
import { claim } from '../../src/base/fs/atomic-write.ts';
import { openHome } from '../../src/job/home/home.ts';
import { claimId } from '../../src/job/home/ids.ts';
import { claimName } from '../../src/job/home/name-claims.ts';

const [, , what, path, times] = process.argv;

function act(n: number): unknown {
  if (what === 'claim') return claim(`${path}.${n}`, `${process.pid}\n`);
  const home = what === 'open' ? openHome(path!, true) : openHome(path!, false);
  if (!home.ok || !home.value) throw new Error(JSON.stringify(home));
  if (what === 'name') return claimName(home.value, { name: 'web', project: '/p' }, process.pid);
  return what === 'open' ? home.value.token : claimId(home.value);
}

process.stdout.write('ready\n');
// the end of stdin is the start signal for all
process.stdin.resume().on('end', () => {
  const results = Array.from({ length: Number(times) }, (_, n) => act(n));
  process.stdout.write(JSON.stringify({ pid: process.pid, results }));
});
