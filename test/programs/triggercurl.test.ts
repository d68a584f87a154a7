/** A trigger as its hint says that it is tried: by curl. */
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { signature } from '../rig/http.ts';
import { missing } from '../rig/needs.ts';
import { rigTest } from '../rig/rig.ts';
import { addTrigger, removeTriggers } from '../rig/triggers.ts';

rigTest(
  'a real curl: bearer token, signature, a body that is too large, and what it prints',
  async (rig) => {
    const { url, secret } = await addTrigger(rig, ['hook', 'cat "$BGJOB_PAYLOAD"; echo']);
    const curl = async (line: string) => (await rig.bash(line, { env: { URL: url, SECRET: secret } })).stdout;
    assert.equal(
      await curl(`curl -s -w '%{http_code}' -H "Authorization: Bearer $SECRET" -d '{"a":1}' "$URL"`),
      '{"id":2}\n202',
    );
    await rig.bgjob(['wait', '2']);
    assert.match(rig.log(2), /^\{"a":1\}\n/);
    const body = `{"zen":"it's"}`;
    const signed = signature(secret, body)['X-Hub-Signature-256'];
    assert.equal(
      await curl(
        `curl -s -H 'X-Hub-Signature-256: ${signed}' -H 'X-GitHub-Delivery: 7' --data-raw '${body.replace("'", `'\\''`)}' "$URL"`,
      ),
      '{"id":3}\n',
    );
    fs.writeFileSync(join(rig.project, 'big'), Buffer.alloc(27_000_000));
    for (const how of [
      '',
      "-H 'Expect:'",
      "-H 'Transfer-Encoding: chunked'",
      "-H 'Transfer-Encoding: chunked' -H 'Expect:'",
    ])
      assert.equal(
        await curl(
          `curl -s -w '%{http_code} %{exitcode}' -o /dev/null ${how} -H "Authorization: Bearer $SECRET" --data-binary @big "$URL"`,
        ),
        '413 0',
        how,
      );
    assert.equal(await curl('curl -s -w "%{http_code}" -o /dev/null "$URL"'), '405');
    await removeTriggers(rig);
  },
  { skip: missing('curl') },
);
