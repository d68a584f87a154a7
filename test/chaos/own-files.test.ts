/** A job that harms its own files: a short round, and what rounds found. */
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { rigTest } from '../rig/rig.ts';
import { killOwner, runPuppet } from './death.ts';
import { ownFiles } from './own-files.ts';
import { partTest } from './part.ts';

partTest(ownFiles);

rigTest(
  'an adopter that does not find the file with the exit status tells the end all the same',
  async (rig) => {
    rig.damaged = true;
    const puppet = await rig.puppet();
    const id = await runPuppet(rig, puppet);
    await killOwner(rig, id);
    fs.unlinkSync(rig.file(id, 'exit.1'));
    fs.symlinkSync('nothing', rig.file(id, 'exit.1'));
    await puppet.exit(7);
    const { code, stdout } = await rig.bgjob(['wait', String(id)]);
    assert.equal(code, 125);
    assert.match(stdout, /^1 lost /);
  },
);
