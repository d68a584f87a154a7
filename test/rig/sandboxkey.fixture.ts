/** Prints the key of the sandbox that it runs in. */
import { thisSandbox, thisSandboxKey } from '../../src/engine/queue/confinement.ts';

console.log(JSON.stringify({ key: thisSandboxKey(), ...thisSandbox() }));
