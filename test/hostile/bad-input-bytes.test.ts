/**
 * Bytes that are not UTF-8, in every place where a caller can put them. Node reads them as U+FFFD: whatever is passed on
 * would be something else, so it is refused. (bash makes the bytes: a test in Node cannot.)
 */
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { refusesLine } from '../rig/refusal.ts';
import { rigTest } from '../rig/rig.ts';

rigTest('a word that is not UTF-8 is refused, whatever it is', async (rig) => {
  await rig.runOut(['true']);
  const lines = [
    `bgjob run -- cat $'f\\351'`,
    `bgjob run $'cat f\\351'`,
    // what UTF-8 has for half a surrogate pair, and a sequence that is cut off
    `bgjob run -- cat $'\\355\\240\\200'`,
    `bgjob run -- cat $'\\342\\202'`,
    `bgjob run -e $'X=\\351' -- true`,
    `bgjob run -C $'\\351' -- true`,
    `bgjob run -- cat fine $'also \\357\\277\\275' $'f\\351'`,
    `echo true | bgjob run - $'\\351'`,
    `bgjob wait $'\\351'`,
    `bgjob wait 1 --until-file $'\\351'`,
    `bgjob tail 1 --grep $'\\351'`,
  ];
  for (const line of lines) await refusesLine(rig, line, /^bgjob: ".*" is not UTF-8\n/);
  const json = await rig.bash(`bgjob wait --json $'\\351'`);
  assert.deepEqual([json.code, JSON.parse(json.stderr).error.code], [125, 'usage']);
});

rigTest('what is UTF-8 is exact, U+FFFD too; a script may hold any bytes', async (rig) => {
  const words = ['\ufffd', '\ufeff', 'e\u0301', '\u{10ffff}', '\u202e', '\n', '\x7f', ' ', ''];
  const { code } = await rig.bgjob(['run', '-w', '--', 'printf', '%s.', ...words]);
  assert.equal(code, 0);
  assert.equal(rig.log(1), words.map((word) => `${word}.`).join(''));
  assert.equal((await rig.bash(`printf 'printf "a\\351b"' | bgjob run -w -`)).code, 0);
  assert.deepEqual(fs.readFileSync(rig.file(2, 'out/log')), Buffer.from('a\xe9b', 'latin1'));
  fs.mkdirSync(`${rig.project}/\ufffd`);
  assert.equal((await rig.bgjob(['run', '-w', 'pwd'], { cwd: `${rig.project}/\ufffd` })).code, 0);
  assert.equal(rig.log(3), `${rig.project}/\ufffd\n`);
});

rigTest('a variable that is not UTF-8 would reach the job changed: refused by its name', async (rig) => {
  await refusesLine(
    rig,
    `X=$'secret\\351' bgjob run -- true`,
    /the variable X is not UTF-8\n {2}hint: env -u X bgjob run/,
  );
  await refusesLine(rig, `env $'N\\351=1' bgjob run -- true`, /the variable N\ufffd is not UTF-8\n/);
  // bin/bgjob hands these two over under a name of its own
  for (const name of ['NODE_OPTIONS', 'NODE_EXTRA_CA_CERTS'])
    await refusesLine(
      rig,
      `export NODE_OPTIONS=x NODE_EXTRA_CA_CERTS=/x; ${name}=$'secret\\351' bgjob run -- true`,
      new RegExp(`the variable ${name} is not UTF-8\\n {2}hint: env -u ${name} bgjob run`),
    );
  // nobody else passes it on
  assert.equal((await rig.bash(`X=$'\\351' bgjob ls`)).code, 0);
});

rigTest(
  'a line of --env-file that is not UTF-8 is refused by its number, never by its value',
  async (rig) => {
    await refusesLine(
      rig,
      `bgjob run --env-file <(printf 'A=\\357\\277\\276\\nB=secret\\351\\n') -- true`,
      /\/dev\/fd\/\d+:2: the line is not UTF-8\n/,
    );
    // as editors on Windows write it
    const line = `bgjob run -w --env-file <(printf '\\357\\273\\277A=1\\r\\nB=\\357\\277\\275\\r\\n') 'echo "$A$B"'`;
    assert.equal((await rig.bash(line)).code, 0);
    assert.equal(rig.log(1), '1\ufffd\n');
    await rig.untilLeft(1);
    await refusesLine(
      rig,
      `bgjob run --env-file <(printf 'A\\0=1') -- true`,
      /:1: the name .* holds a NUL byte/,
    );
  },
);

rigTest('a directory whose name is not UTF-8: no job runs elsewhere, and lists go on', async (rig) => {
  await rig.runOut(['true']);
  const there = `mkdir -p $'caf\\351' && cd $'caf\\351' &&`;
  await refusesLine(rig, `${there} bgjob run -- true`, /cannot enter .*\/caf\ufffd: its name is not UTF-8\n/);
  // not even one of the name that Node reads
  fs.mkdirSync(`${rig.project}/caf\ufffd`);
  await refusesLine(rig, `${there} bgjob run -- true`, /cannot enter .*\/caf\ufffd: its name is not UTF-8\n/);
  assert.match((await rig.bash(`${there} bgjob ls -a`)).stdout, /^1 .* true$/m);
});

rigTest('a home whose name is not UTF-8 is not made under another name', async (rig) => {
  const home = `BGJOB_HOME=$PWD/$'h\\351'`;
  await refusesLine(rig, `${home} bgjob ls`, /h\ufffd is not UTF-8\n/);
  await refusesLine(rig, `${home} bgjob run -- true`, /BGJOB_HOME is not UTF-8\n/);
  assert.deepEqual(fs.readdirSync(rig.project), ['.git'], 'nothing was made');
  // the name of a link leads there all the same
  const link = `mkdir $'d\\351' && ln -s $'d\\351' good && BGJOB_HOME=$PWD/good/home`;
  assert.equal((await rig.bash(`${link} bgjob run -w -- true && test -d $'d\\351/home/jobs/1'`)).code, 0);
});
