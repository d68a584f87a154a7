/**
 * config.json: what is accepted, what is refused and how that is told; and that the schema in the package
 * says the same.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { messageOf } from '../../../../src/cli/messages/failures.ts';
import { NO_CONFIG, readConfig } from '../../../../src/job/home/config.ts';
import { slurmTarget, sshTarget } from '../../../../src/job/target.ts';
import { folderTest } from '../../../rig/folder.ts';

const SCHEMA = JSON.parse(fs.readFileSync(join(__dirname, '..', 'config.schema.json'), 'utf8'));

/** As much of a validator as the schema needs. */
function fits(schema: any, value: unknown): boolean {
  if (schema.$ref) return fits(SCHEMA.definitions[schema.$ref.split('/').at(-1)], value);
  if (schema.enum) return schema.enum.includes(value);
  const kind = Array.isArray(value) ? 'array' : value === null ? 'null' : typeof value;
  const types = [schema.type].flat();
  const isType = types.includes(kind) || (types.includes('integer') && Number.isInteger(value));
  if (!isType) return false;
  if (typeof value === 'number' && !(value >= schema.minimum)) return false;
  if (typeof value === 'number' && value > (schema.maximum ?? Number.POSITIVE_INFINITY)) return false;
  if (typeof value === 'string' && schema.pattern) return new RegExp(schema.pattern).test(value);
  if (kind !== 'object') return true;
  return Object.entries(value as object).every(([key, below]) => {
    const one = Object.hasOwn(schema.properties ?? {}, key)
      ? schema.properties[key]
      : schema.additionalProperties;
    return Boolean(one) && fits(one, below);
  });
}

const write = (dir: string, text: string): void => fs.writeFileSync(join(dir, 'config.json'), text);
/** The message about a file; undefined if it is accepted. */
function refusal(dir: string, text: string): string | undefined {
  write(dir, text);
  const read = readConfig(dir);
  if (read.ok) return undefined;
  const { message, hint } = messageOf(read.failure);
  assert.ok(hint, message);
  return `${message.replace(`${dir}/config.json`, 'FILE')} → ${hint.replaceAll(dir, 'DIR')}`;
}

folderTest('no file, an empty object, all that may be said', (dir) => {
  assert.deepEqual(readConfig(dir), { ok: true, value: NO_CONFIG });
  assert.deepEqual(readConfig(join(dir, 'no', 'home')), { ok: true, value: NO_CONFIG });
  write(dir, '{}');
  assert.deepEqual(readConfig(dir), { ok: true, value: NO_CONFIG });
  const all = {
    $schema: './config.schema.json',
    grace: '30s',
    maxLog: '64M',
    memory: '2G',
    notify: 'failure',
    tell: 'always',
    queue: 'builds',
    maxWait: 100,
    retention: { olderThan: '30d', keep: 50, maxTotal: '500M' },
    targets: {
      box: { engine: 'ssh', host: 'me@gpu1', ssh: ['-F', 'lab.cfg'], cwd: '/work', dir: '/far', slots: 2 },
    },
  };
  // as an editor of another system saves it
  write(dir, `\ufeff${JSON.stringify(all, null, 2)}`);
  assert.deepEqual(readConfig(dir), {
    ok: true,
    value: {
      graceMs: 30_000,
      maxLogBytes: 64 * 2 ** 20,
      memoryBytes: 2 * 2 ** 30,
      notify: 'failure',
      tell: 'always',
      queue: 'builds',
      maxWaitMs: 100_000,
      targets: new Map([
        [
          'box',
          {
            ...sshTarget('box', 'me@gpu1'),
            ...{ ssh: ['-F', join(dir, 'lab.cfg')], cwd: '/work', dir: '/far', slots: 2 },
          },
        ],
      ]),
      retention: {
        ...NO_CONFIG.retention,
        ...{ olderThanMs: 30 * 86_400_000, keep: 50, maxTotalBytes: 500 * 2 ** 20 },
      },
    },
  });
  // the schema knows the same keys
  assert.deepEqual(Object.keys(SCHEMA.properties).sort(), Object.keys(all).sort());
  assert.deepEqual(
    Object.keys(SCHEMA.properties.retention.properties).sort(),
    Object.keys(all.retention).sort(),
  );
  assert.ok(fits(SCHEMA, all));
});

folderTest('each value: accepted or refused as the schema says', (dir) => {
  const durations = ['90', '90s', '5m', '1h30m', '1.5s', '0', 0, 5, 1.5, '250ms'];
  const noDurations = ['', '5 m', 'soon', '-5s', -5, true, null, [], {}, '5y'];
  const sizes = ['64M', '2G', '2g', '1.5GiB', '100000', 65536];
  const noSizes = ['', '2 G', 'big', -1, true, null, [1], '2X'];
  const texts: [key: string, good: unknown[], bad: unknown[]][] = [
    ['grace', durations, noDurations],
    ['maxWait', durations, noDurations],
    ['retention.olderThan', durations, noDurations],
    ['maxLog', sizes, noSizes],
    ['memory', ['1M', '2g', 2 ** 20], noSizes],
    ['retention.maxTotal', [...sizes, '0', 0], noSizes],
    ['retention.keep', [0, 1, 2000], ['many', -1, 1.5, null, true, 1e10]],
    ['tell', ['always', 'failure', 'never'], [true, 'yes']],
    ['notify', ['always', 'failure', 'never'], [true, false, 'yes', '', null]],
    ['queue', ['a', 'a-1', '1a', '1.2'], ['', '12', 'a b', '-a', 1, null, 'a'.repeat(65)]],
    ['retention', [{}], [1, null, [], 'x']],
    ['$schema', ['x', ''], [1, null]],
  ];
  for (const [key, good, bad] of texts)
    for (const [values, isGood] of [
      [good, true],
      [bad, false],
    ] as const)
      for (const value of values) {
        const [first, second] = key.split('.') as [string, string?];
        const config = { [first]: second === undefined ? value : { [second]: value } };
        const text = JSON.stringify(config);
        assert.equal(refusal(dir, text) === undefined, isGood, text);
        assert.equal(fits(SCHEMA, config), isGood, `the schema: ${text}`);
      }
  // what a schema cannot say
  assert.match(refusal(dir, '{"maxLog": "10k"}')!, /at least "64k"/);
});

folderTest('what is wrong is told by file and key, with what was expected', (dir) => {
  const is = (text: string, says: string) => assert.equal(refusal(dir, text), says);
  const mend = 'fix it, or move it away: mv DIR/config.json DIR/config.json.bad';
  is(
    '{"grace": "soon"}',
    `FILE: "grace" is "soon", but must be a duration such as "90s", "5m", "7d" → ${mend}`,
  );
  is('{"maxWait": "99999d"}', `FILE: "maxWait" is "99999d", but must be at most "36500d" → ${mend}`);
  is('{"maxLog": "9999T"}', `FILE: "maxLog" is "9999T", but must be at most "8191T" → ${mend}`);
  is(
    '{"retention": {"keep": "all"}}',
    `FILE: "retention.keep" is "all", but must be a whole number → ${mend}`,
  );
  is('[]', `FILE is [], but must be an object: { … } → ${mend}`);
  is('{"notify": true}', `FILE: "notify" is true, but must be "always" or "failure" or "never" → ${mend}`);
  const keys = '$schema, grace, maxLog, memory, notify, tell, queue, maxWait, retention, targets';
  for (const [key, meant] of [
    ['max-log', 'maxLog'],
    ['Grace', 'grace'],
    ['max_wait', 'maxWait'],
    ['retension', 'retention'],
    ['notfy', 'notify'],
  ])
    is(
      JSON.stringify({ [key!]: 1 }),
      `FILE: "${key}" is not a key of this file → did you mean "${meant}"? the keys are: ${keys}`,
    );
  is('{"colour": 1}', `FILE: "colour" is not a key of this file → the keys are: ${keys}`);
  is(
    '{"__proto__": {"x": 1}, "toString": 1}',
    `FILE: "__proto__" is not a key of this file → the keys are: ${keys}`,
  );
  is(
    '{"retention": {"older-than": "1d"}}',
    'FILE: "retention.older-than" is not a key of this file → did you mean "retention.olderThan"? the keys are: retention.olderThan, retention.keep, retention.maxTotal',
  );
  assert.match(refusal(dir, '{"grace": "1s",}')!, /^FILE: it is not JSON: .+ → fix it/);
  assert.match(refusal(dir, '')!, /^FILE: (it is not JSON: |it is )/);
  assert.match(refusal(dir, JSON.stringify({ [`\u001b[2J${'x'.repeat(500)}`]: 1 }))!, /^FILE: "\\x1b\[2Jx+…/);
});

folderTest('a link to a file is followed; what is no file hangs nobody', (dir) => {
  const path = join(dir, 'config.json');
  fs.writeFileSync(join(dir, 'real.json'), '{"grace": 7}');
  fs.symlinkSync('real.json', path);
  const read = readConfig(dir);
  assert.equal(read.ok && read.value.graceMs, 7000);
  const replaced = (make: () => void): string => {
    fs.rmSync(path, { recursive: true });
    make();
    const again = readConfig(dir);
    return again.ok ? 'accepted' : messageOf(again.failure).message.replace(path, 'FILE');
  };
  assert.equal(
    replaced(() => fs.symlinkSync('nowhere', path)),
    'FILE: its link leads nowhere',
  );
  assert.equal(
    replaced(() => spawnSync('mkfifo', [path])),
    'FILE: it is not a regular file',
  );
  assert.equal(
    replaced(() => fs.symlinkSync('/dev/zero', path)),
    'FILE: it is not a regular file',
  );
  assert.equal(
    replaced(() => fs.mkdirSync(path)),
    'FILE: it is not a regular file',
  );
});

folderTest('the one in docs/configuration.md is accepted, and names every key', (dir) => {
  const page = fs.readFileSync(join(__dirname, '..', 'docs', 'configuration.md'), 'utf8');
  const [, text] = /## Defaults: config\.json[\s\S]*?```json\n([\s\S]*?)```/.exec(page)!;
  assert.equal(refusal(dir, text!), undefined);
  assert.deepEqual(
    Object.keys(JSON.parse(text!)).sort(),
    Object.keys(SCHEMA.properties)
      .filter((key) => key !== '$schema')
      .sort(),
  );
});

folderTest('a target: each wrong entry is named, with what it may be', (dir) => {
  const says = (target: object, name = 'box') =>
    refusal(dir, JSON.stringify({ targets: { [name]: target } })) ?? 'nothing';
  assert.equal(says({ host: 'gpu1' }), 'nothing');
  assert.match(says({}), /"targets\.box" has no "host"/);
  assert.match(says({ host: '-oProxyCommand=x' }), /"targets\.box\.host" is .* but must be a host/);
  for (const host of ['a b', 'ssh:me@gpu1', 'gpu1:22', '//gpu1', 'me@', 'me@-x', 'ssh://'])
    assert.match(says({ host }), /but must be a host/);
  for (const host of ['ssh://me@gpu1:2222', '::1', 'me@fe80::1%eth0'])
    assert.equal(says({ host }), 'nothing', host);
  assert.match(says({ host: 'gpu1', engine: 'k8s' }), /"targets\.box\.engine" is "k8s", but must be "ssh"/);
  assert.match(says({ host: 'gpu1', ssh: '-F x' }), /but must be a list of words/);
  assert.match(says({ host: 'gpu1', cwd: 'app' }), /but must be a path that begins with \//);
  assert.match(says({ host: 'gpu1', slots: 0 }), /but must be a whole number from 1/);
  assert.match(
    says({ hots: 'gpu1' }),
    /"targets\.box\.hots" is not a key.*did you mean "targets\.box\.host"/,
  );
  assert.match(says({ host: 'gpu1' }, 'local'), /"targets\.local" is "local", but must be a name/);
  assert.match(says({ host: 'gpu1' }, 'ssh:x'), /but must be a name/);
});

folderTest('a target of Slurm: what may be said, and what only there', (dir) => {
  const says = (target: object) => refusal(dir, JSON.stringify({ targets: { hpc: target } })) ?? 'nothing';
  const slurm = { engine: 'slurm' };
  const whole = {
    ...slurm,
    via: 'ssh:me@login',
    ssh: ['-F', 'lab.cfg'],
    partition: 'gpu,cpu',
    options: ['--mem=4G', '-c', '4', '--requeue'],
    setup: 'module load slurm',
    dir: '/scratch/me',
    slots: 3,
  };
  assert.equal(says(slurm), 'nothing');
  assert.ok(fits(SCHEMA, { targets: { hpc: slurm } }));
  assert.equal(says(whole), 'nothing');
  assert.ok(fits(SCHEMA, { targets: { hpc: whole } }));
  const read = readConfig(dir);
  assert.ok(read.ok);
  const { options, setup, partition } = whole;
  assert.deepEqual(read.value.targets.get('hpc'), {
    ...slurmTarget('hpc', 'me@login'),
    ...{ ssh: ['-F', join(dir, 'lab.cfg')], dir: '/scratch/me', slots: 3 },
    slurm: { options, setup, partition },
  });
  assert.match(says({ host: 'x', ...slurm }), /"targets\.hpc\.host" is only for .*"engine": "ssh".*"via"/);
  for (const key of ['via', 'partition', 'options', 'setup'] as const)
    assert.match(says({ host: 'x', [key]: whole[key] }), /is only for targets with "engine": "slurm"/, key);
  assert.match(says({ ...slurm, ssh: ['-v'] }), /"targets\.hpc\.ssh" says nothing without "via"/);
  for (const via of ['login', 'ssh:', 'ssh:-x', 'ssh:a b', 7, null])
    assert.match(says({ ...slurm, via }), /"via".*the login node behind "ssh:"|"targets\.hpc\.via" is/);
  assert.equal(says({ ...slurm, via: 'ssh://me@login:2222' }), 'nothing');
  for (const word of [
    '--chdir=/x',
    '-D/x',
    '--chd=/x',
    '--array=1',
    '-a1',
    '--wait',
    '-o',
    '--output=x',
    '--export',
  ])
    assert.match(says({ ...slurm, options: ['--mem=1G', word] }), /options of sbatch/, word);
  for (const word of ['--wait-all-nodes=1', '--comm', '--exclusive', '-n4', '--time=5'])
    assert.equal(says({ ...slurm, options: [word] }) === 'nothing', word !== '--comm', word);
  for (const wrong of ['', 'a b', '-x', 'a/b'])
    assert.match(says({ ...slurm, partition: wrong }), /partition/);
  for (const wrong of ['', '  ']) assert.match(says({ ...slurm, setup: wrong }), /a line of sh/);
});

folderTest('files in the options of ssh have whole paths: each call has another directory', (dir) => {
  const ssh = ['-F', 'a/lab.cfg', '-i', '~/key', '-S', 'none', '-p', '22', '-F', '/etc/x', '-o', 'Port=1'];
  write(dir, JSON.stringify({ targets: { box: { host: 'gpu1', ssh } } }));
  const read = readConfig(dir);
  assert.ok(read.ok);
  const expected = ssh.with(1, join(dir, 'a/lab.cfg')).with(3, join(homedir(), 'key'));
  assert.deepEqual(read.value.targets.get('box')!.ssh, expected);
});
