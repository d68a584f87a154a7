/** The key of a sandbox: one for all processes of a shell, another where a job would be confined otherwise. */
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import * as fs from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { confinementOf, mayRunHere, thisSandbox } from '../../../../src/engine/launch/confinement.ts';
import { thisHost } from '../../../../src/engine/os/process-identity.ts';
import { cannotUnshare, inPidNamespace } from '../../../rig/namespaces.ts';
import { missing } from '../../../rig/needs.ts';
import { until } from '../../../rig/until.ts';

const FIXTURE = join(__dirname, 'rig.sandboxkey.fixture.js');

/** The key that a process has which is started behind these words. */
function keyBehind(words: string[] = [], options: { cwd?: string; env?: NodeJS.ProcessEnv } = {}): string {
  const [program, ...args] = [...words, process.execPath, FIXTURE];
  const text = execFileSync(program!, args, {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
    ...options,
  });
  return JSON.parse(text).key;
}

const shell = (line: string): string[] => ['sh', '-c', `${line}; exec "$@"`, 'sh'];

test('the same for all processes that are confined alike', () => {
  const key = keyBehind();
  for (const words of [
    [],
    shell('umask 077'),
    ['setsid'],
    shell('exec 9</dev/null'),
    ['env', '-i'],
    ['nice', '-n', '0'],
  ])
    assert.equal(keyBehind(words), key, words.join(' '));
  assert.equal(keyBehind([], { cwd: '/' }), key, 'another directory');
  assert.equal(keyBehind([], { env: { PATH: process.env['PATH'], OWN: 'x' } }), key, 'another environment');
  // another terminal, as another window of the same person has it
  const inTerminal = ['script', '-qec', `${process.execPath} ${FIXTURE}`, '/dev/null'];
  const text = execFileSync(inTerminal[0]!, inTerminal.slice(1), { encoding: 'utf8' });
  assert.equal(JSON.parse(text).key, key, 'another terminal');
  // a background job of a shell with job control has a process group of its own
  assert.equal(keyBehind(['sh', '-mc', '"$@" & wait $!', 'sh']), key, 'another group');
});

const isRoot = process.getuid!() === 0;
const OTHER: [what: string, words: string[], skip: string | false][] = [
  ['niceness', ['nice', '-n', '5'], false],
  ['more niceness', ['nice', '-n', '6'], false],
  ['fewer files', shell('ulimit -n 100'), false],
  ['no core', shell('ulimit -c 0; ulimit -t 1000'), false],
  ['the UTS namespace', ['unshare', '--uts'], cannotUnshare()],
  ['the pid namespace', inPidNamespace(), cannotUnshare()],
  ['the network', ['unshare', '--net'], cannotUnshare()],
  ['addresses', ['setarch', '-R'], missing('setarch')],
  ['no new privileges', ['setpriv', '--no-new-privs'], !isRoot && 'setpriv is asked as root'],
  ['another group', ['setpriv', '--regid', '1', '--clear-groups'], !isRoot && 'setpriv is asked as root'],
  [
    'one processor',
    ['taskset', '-c', '0'],
    missing('taskset') || (availableParallelism() === 1 && 'there is one processor only'),
  ],
];

/** Each key, once it was asked for. */
const keys = new Map<string, string>();

for (const [what, words, skip] of OTHER)
  test(`another: ${what}`, { skip }, () => {
    keys.set('none', keys.get('none') ?? keyBehind());
    keys.set(what, keyBehind(words));
    assert.notEqual(keys.get(what), keys.get('none'));
  });

test('each is its own', () => assert.equal(new Set(keys.values()).size, keys.size));

const placement = {
  ...{ queue: 'q', priority: 0, notBefore: null, after: [] },
  ...{ umask: 0o22, ioPriority: null, batch: null },
};

test('who may run here: the same sandbox, in the same group or one that is gone', () => {
  const { sandbox, cgroup } = thisSandbox();
  const { bootId } = thisHost();
  const may = (other: { sandbox?: string; cgroup?: string }, boot = bootId): boolean =>
    mayRunHere({ placement: { ...placement, sandbox, cgroup, ...other }, bootId: boot });
  assert.equal(may({}), true);
  assert.equal(may({ sandbox: 'other' }), false);
  assert.equal(may({ sandbox: 'other' }, 'an earlier boot'), false);
  // of an earlier boot: its groups are gone with it
  assert.equal(may({ cgroup: '0::/system.slice' }, 'an earlier boot'), true);
  assert.equal(mayRunHere({ placement: null, bootId }), false);
});

const hasGroups = fs.existsSync('/sys/fs/cgroup/cgroup.procs');
test('a control group that is there is another place; one that was removed is not', {
  skip: !hasGroups && 'no control groups are to be seen here (/sys/fs/cgroup)',
}, () => {
  const { sandbox, cgroup } = thisSandbox();
  const { bootId } = thisHost();
  const may = (other: string): boolean =>
    mayRunHere({ placement: { ...placement, sandbox, cgroup: other }, bootId });
  assert.equal(may('0::/bgjob-test-that-never-was'), true);
  const there = fs
    .readdirSync('/sys/fs/cgroup', { withFileTypes: true })
    .find((entry) => entry.isDirectory() && `0::/${entry.name}` !== cgroup);
  if (there) assert.equal(may(`0::/${there.name}`), false);
});

/** What runs behind these words says of a schedule that was added behind others; without `added` only what it would add itself. */
function worldBehind(words: string[], added?: object): { added: any; isOurs: boolean | null } {
  const [program, ...args] = [...words, process.execPath, FIXTURE];
  const env = { ...process.env, ...(added && { ADDED: JSON.stringify(added) }) };
  return JSON.parse(execFileSync(program!, args, { encoding: 'utf8', env }));
}

const CONFINED: [what: string, words: string[], skip: string | false][] = [
  ['no new privileges', ['setpriv', '--no-new-privs'], missing('setpriv')],
  ['fewer capabilities', ['setpriv', '--bounding-set', '-net_raw'], !isRoot && 'setpriv is asked as root'],
];

function assertWorldOf(words: string[]): void {
  const outside = worldBehind([]);
  const inside = worldBehind(words);
  assert.notEqual(inside.added.world, outside.added.world);
  assert.equal(worldBehind(words, inside.added).isOurs, true);
  assert.equal(worldBehind([], inside.added).isOurs, false);
  assert.equal(worldBehind(words, outside.added).isOurs, false);
  // of another boot: the numbers mean nothing, the kind of place does
  const before = (added: object) => ({ ...added, world: 'another', bootId: 'another' });
  assert.equal(worldBehind(words, before(inside.added)).isOurs, true);
  assert.equal(worldBehind([], before(inside.added)).isOurs, false);
  assert.equal(worldBehind(words, before(outside.added)).isOurs, false);
  assert.equal(worldBehind([], before(outside.added)).isOurs, true);
}

for (const [what, words, skip] of CONFINED)
  test(`schedules and triggers of another world: ${what}`, { skip }, () => assertWorldOf(words));

test('schedules and triggers of another world: another namespace', { skip: cannotUnshare() }, async () => {
  // one for all calls: the number of a namespace that has ended goes to the next one of any process
  const holder = spawn('unshare', ['--uts', 'cat'], { stdio: ['pipe', 'ignore', 'inherit'] });
  const path = `/proc/${holder.pid}/ns/uts`;
  const own = fs.readlinkSync('/proc/self/ns/uts');
  try {
    await until(
      () => fs.readlinkSync(path),
      (link) => link !== own,
      'a namespace',
    );
    assertWorldOf(['nsenter', `--uts=${path}`]);
  } finally {
    holder.stdin.end();
    await once(holder, 'exit');
  }
});

test('of an earlier version and another boot: for those alone that are not confined', {
  skip: missing('setpriv'),
}, () => {
  const old = { world: 'another', bootId: 'another', place: null };
  assert.equal(worldBehind([], old).isOurs, true);
  assert.equal(worldBehind(['setpriv', '--no-new-privs'], old).isOurs, false);
});

test('the world of a process is the same in another shell, directory, session, niceness, control of addresses', () => {
  const { added } = worldBehind([]);
  for (const words of [shell('ulimit -n 100'), ['nice', '-n', '5'], ['setsid'], shell('cd /; umask 077')])
    assert.deepEqual(worldBehind(words).added, added, words.join(' '));
});

test('confined is what pid 1 is not', () => {
  const status = (fields: Record<string, string>) =>
    new Map(
      Object.entries({
        ...{
          CapPrm: '0000',
          CapBnd: '01ff',
          CapAmb: '0000',
          NoNewPrivs: '0',
          Seccomp: '0',
          Seccomp_filters: '0',
        },
        ...fields,
      }),
    );
  const plain = status({});
  assert.deepEqual(confinementOf(plain, status({ CapPrm: '01ff' }), false), []);
  assert.deepEqual(confinementOf(plain, undefined, false), [], 'where pid 1 cannot be seen');
  const container = { CapBnd: '00fb', Seccomp: '2', Seccomp_filters: '1', NoNewPrivs: '1' };
  assert.deepEqual(confinementOf(status(container), status(container), false), [], 'all of a container');
  assert.deepEqual(
    confinementOf(status({ ...container, Seccomp_filters: '2' }), status(container), false),
    ['Seccomp_filters 2'],
    'one more filter in it',
  );
  assert.deepEqual(confinementOf(status(container), plain, false), [
    'NoNewPrivs 1',
    'Seccomp 2',
    'Seccomp_filters 1',
    'CapBnd 00fb',
  ]);
  assert.deepEqual(confinementOf(status({ CapPrm: '01ff' }), plain, true), [], 'root');
  assert.deepEqual(confinementOf(status({ CapPrm: '000f' }), plain, true), ['CapPrm f'], 'root with less');
  assert.deepEqual(
    confinementOf(status({ CapPrm: '0100', CapAmb: '0100' }), plain, false),
    [],
    'a login gave it',
  );
  assert.deepEqual(confinementOf(new Map([['Name', 'x']]), undefined, false), [], 'an old kernel');
});
