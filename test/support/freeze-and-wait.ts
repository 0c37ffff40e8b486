/**
 * A controller that freezes the pid it is given, prints `ready`, and then, with `exit`, leaves at
 * the next line without thawing; otherwise it waits to be killed.
 */
import { createInterface } from 'node:readline';
import { Frozen } from '../../src/proc/freeze.js';

const frozen = new Frozen(Number(process.argv[2]));
console.log('ready');
for await (const line of createInterface({ input: process.stdin })) {
  if (line === 'exit') process.exit(0);
}
frozen.thaw();
