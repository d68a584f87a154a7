/**
 * A call that stays with its job says what stood on its stdin and reached nobody, and does not take a byte of
 * it.
 */
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { rigTest } from '../../rig/rig.ts';

const NOTE = /^warning: this call has input on stdin that the job did not get; .*: bgjob run --stdin -$/gm;
/** The writer may be slow: whoever is beside it begins when the pipe is filled. */
const FILLED = 'until read -t 0; do sleep 0.01; done';
/** How often it was said. */
const times = (stderr: string): number => stderr.match(NOTE)?.length ?? 0;

rigTest('a pipe or a file with something in it: one note, and nothing is read', async (rig) => {
  fs.writeFileSync(`${rig.project}/file`, 'data\n');
  for (const call of [
    'run --wait -- cat',
    'run -f -- cat',
    'run --until x -- cat',
    'run --fail-on x -- cat',
    'run -Q q --wait -- cat',
    "run -w 'cat'",
  ])
    for (const line of [
      `echo data | { ${FILLED}; bgjob ${call}; cat; }`,
      `{ bgjob ${call}; cat; } <file`,
      `{ ${FILLED}; bgjob ${call}; cat; } < <(echo data)`,
      `{ bgjob ${call}; cat; } <<<data`,
      `mkfifo fifo; echo data >fifo & { ${FILLED}; bgjob ${call}; cat; } <fifo; rm fifo`,
    ]) {
      const { stdout, stderr } = await rig.bash(line);
      assert.equal(times(stderr), 1, `${line}\n${stderr}`);
      assert.match(stdout, /(^|\n)data\n$/, line);
    }
});

rigTest('nothing there, or nothing that is the job’s: no note', async (rig) => {
  fs.writeFileSync(`${rig.project}/empty`, '');
  fs.writeFileSync(`${rig.project}/file`, 'one\ntwo\n');
  const quiet = async (line: string, out: RegExp): Promise<void> => {
    const { stdout, stderr } = await rig.bash(line);
    assert.equal(times(stderr), 0, `${line}\n${stderr}`);
    assert.match(stdout, out, line);
  };
  const call = 'bgjob run --wait -- true';
  for (const from of ['</dev/null', '<empty', '< <(:)', '<&-', '</'])
    await quiet(`${call} ${from}`, /^\d+\n$/);
  await quiet(`: | ${call}`, /^\d+\n$/);
  // a writer that has written nothing: it is there until the call is over
  await quiet(`mkfifo still; exec 9<>still; ${call} <&9`, /^\d+\n$/);
  // somebody reads it line by line
  await quiet(`while read -r line; do ${call} >/dev/null; echo "$line"; done <file`, /^one\ntwo\n$/);
  // calls that return at once say nothing about what they leave
  await quiet(
    `cat file | while read -r line; do bgjob run -- true >/dev/null; echo "$line"; done`,
    /^one\ntwo\n$/,
  );
  await quiet('bgjob run -- true <file', /^\d+\n$/);
  // it was asked for otherwise
  await quiet('echo data | bgjob run --stdin - -f -- cat', /^data\n$/);
  await quiet('echo data | bgjob run --stdin null -w -- cat', /^\d+\n$/);
  await quiet('echo data | bgjob run --stdin file -f -- cat', /^one\ntwo\n$/);
  await quiet("echo 'echo script' | bgjob run -f -", /^script\n$/);
  await quiet('echo true | bgjob run -Q q -w --batch -', /^\d+\n$/);
});

rigTest('a loop around the calls is not eaten', async (rig) => {
  const line = `seq 3 | { ${FILLED}; while read -r n; do bgjob run --wait -- true >/dev/null; echo "round $n"; done; }`;
  const { stdout, stderr } = await rig.bash(line);
  assert.equal(stdout, 'round 1\nround 2\nround 3\n');
  // after the last round nothing is left
  assert.equal(times(stderr), 2);
});

rigTest('in JSON it is an object on stderr; it comes before the last line', async (rig) => {
  const json = await rig.bash(`echo data | { ${FILLED}; bgjob run --json -w -- true; }`);
  assert.equal(json.stdout.trim().split('\n').length, 2);
  const { warning } = JSON.parse(json.stderr);
  assert.equal(warning.code, 'stdin-not-read');
  assert.match(warning.message, /--stdin -$/);
  const failed = await rig.bash(`echo data | { ${FILLED}; bgjob run -w -- false; }`);
  assert.match(failed.stderr, /^2 exited 1 .*\nwarning: .*\n\[job\] exit code 1\n$/);
});
