/**
 * A machine without bash: shell lines run under sh, which knows no pipefail, and everything that starts one
 * says so.
 */
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { findings, within } from '../../rig/doctor.ts';
import { cannotUnshare, withFile } from '../../rig/namespaces.ts';
import { missing } from '../../rig/needs.ts';
import { type Answer, type Rig, rigTest } from '../../rig/rig.ts';

const NOTE = '(no bash here: sh -c; a failure before the last | is not noticed)\n';
const AS_BEFORE = '(sh -c, as before; a failure before the last | is not noticed)\n';

const sh = fs.existsSync('/usr/bin/sh') ? fs.realpathSync('/usr/bin/sh') : '';
const skip = cannotUnshare() || missing('dash') || (!fs.existsSync('/usr/bin/bash') && 'bash is elsewhere');
const options = { skip: skip || (!sh.endsWith('dash') && 'sh is no dash here: it may know pipefail') };

const NO_BASH = withFile('/usr/bin/bash', '/dev/null');
const without = (rig: Rig, args: string[], input?: string): Promise<Answer> =>
  within(rig, NO_BASH, args, input === undefined ? {} : { input });
const object = ({ stdout }: Answer): any => JSON.parse(stdout.trim().split('\n').at(-1)!);

rigTest(
  'run: one note for a line with a pipe, none for any other, and JSON names the shell',
  async (rig) => {
    const piped = await without(rig, ['run', '--wait', 'false | true']);
    assert.deepEqual([piped.code, piped.stderr.includes(NOTE)], [0, true]);
    for (const words of [['true || false'], ["echo 'a | b'"], ['--', 'sh', '-c', 'false | true'], ['true']])
      assert.ok(!(await without(rig, ['run', ...words])).stderr.includes('bash'), words.join(' '));
    // whoever counts the last command alone knows
    assert.equal((await without(rig, ['run', '--no-pipefail', 'false | true'])).stderr, '');

    assert.equal(object(await without(rig, ['run', '--json', 'false | true'])).shell, 'sh');
    assert.equal(object(await without(rig, ['run', '--json', 'true'])).shell, 'sh');
    assert.equal(object(await without(rig, ['run', '--json', '--', 'true'])).shell, null);
    assert.equal(object(await rig.bgjob(['run', '--json', 'true | true'])).shell, 'bash');
    assert.deepEqual([(await rig.show(1)).shell, (await rig.show(1)).state], ['sh', 'exited']);
    const shown = (await rig.bgjob(['show', '1'])).stdout;
    assert.match(shown, /^shell +sh -c: a failure before the last \| is not noticed$/m);
    assert.ok(!(await rig.bgjob(['show', '2'])).stdout.includes('shell '));
    assert.equal((await rig.bgjob(['run', '--wait', 'false | true'])).code, 1, 'bash sees it');
  },
  options,
);

rigTest(
  'a script without #! is run the same way; one with #! has the shell that it names',
  async (rig) => {
    assert.equal((await without(rig, ['run', '-'], 'false | true\n')).stderr, NOTE);
    assert.equal((await without(rig, ['run', '-'], '#!/bin/sh\nfalse | true\n')).stderr, '');
    assert.equal((await without(rig, ['run', '-'], 'true\n')).stderr, '');
  },
  options,
);

rigTest(
  '--on-exit, a batch, restart, cron add and trigger add say it, too',
  async (rig) => {
    const hooked = await without(rig, ['run', '--wait', '--on-exit', 'false | true', '--', 'true']);
    assert.ok(hooked.stderr.includes(`--on-exit: ${NOTE}`));
    const batch = await without(rig, ['run', '--batch', '-', '--wait'], 'true\nfalse | true\ntrue | true\n');
    assert.ok(batch.stderr.includes(`stdin:2: ${NOTE.trim()} (and 1 more such line)\n`), batch.stderr);
    const added = await without(rig, ['run', '--batch', '-', '--json'], 'true\nfalse | true\n');
    const shells = added.stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line).shell);
    // plain words need no shell
    assert.deepEqual([shells, added.stderr], [[null, 'sh'], '']);

    const { id } = object(await without(rig, ['run', '--json', '-n', 'again', '-w', 'false | true']));
    assert.equal((await rig.bgjob(['wait', String(id)])).code, 0);
    assert.ok((await without(rig, ['restart', 'again'])).stderr.endsWith(NOTE));
    assert.ok((await rig.bgjob(['restart', '--wait', 'again'])).stderr.includes(AS_BEFORE));

    const cron = await without(rig, ['cron', 'add', '@yearly', '--name', 'nightly', 'false | true']);
    assert.ok(cron.stderr.includes(NOTE), cron.stderr);
    assert.deepEqual((await rig.json(['cron', 'ls']))[0].shell, 'sh');
    const trigger = await without(rig, ['trigger', 'add', 'hook', 'false | true']);
    assert.ok(trigger.stderr.includes(NOTE), trigger.stderr);
    assert.equal((await rig.bgjob(['cron', 'rm', 'nightly'])).code, 0);
    assert.equal((await rig.bgjob(['trigger', 'rm', 'hook'])).code, 0);
  },
  options,
);

rigTest(
  'doctor names the bash that it finds, and notes that there is none',
  async (rig) => {
    assert.match(
      (await rig.bgjob(['doctor'])).stdout,
      /^no problems found: Node [\d.]+, \/usr\/bin\/bash, home /m,
    );
    const [found, ...others] = await findings(rig, NO_BASH);
    assert.deepEqual(
      [found!.code, found!.level, found!.hint, others],
      [...['tool-missing', 'note', 'install bash', []]],
    );
    assert.match(
      found!.message,
      /^bash is not there \(in .*\): a shell line runs under sh -c, which does not notice a failure/,
    );
    assert.match((await without(rig, ['doctor'])).stdout, /^no problems found: Node [\d.]+, no bash, home /m);
  },
  options,
);
