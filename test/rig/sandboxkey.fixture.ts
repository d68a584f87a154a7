/** Prints the key of the sandbox that it runs in, and what schedules and triggers that it would add have. */
import {
  isInThisNamespace,
  thisAdded,
  thisSandbox,
  thisSandboxKey,
} from '../../src/engine/launch/confinement.ts';

const added = process.env['ADDED'];
console.log(
  JSON.stringify({
    key: thisSandboxKey(),
    ...thisSandbox(),
    added: thisAdded(),
    isOurs: added === undefined ? null : isInThisNamespace(JSON.parse(added)),
  }),
);
