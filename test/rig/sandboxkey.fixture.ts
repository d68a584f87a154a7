/** Prints the key of the sandbox that it runs in, and what schedules and triggers that it would add have. */
import { isOfThisWorld, thisAdded, thisSandbox, thisSandboxKey } from '../../src/engine/queue/confinement.ts';

const added = process.env['ADDED'];
console.log(
  JSON.stringify({
    key: thisSandboxKey(),
    ...thisSandbox(),
    added: thisAdded(),
    isOurs: added === undefined ? null : isOfThisWorld(JSON.parse(added)),
  }),
);
