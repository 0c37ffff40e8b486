import { TrackerError } from '../../src/errors.js';

/** What a `Tracker` and a `TreeTracker` have in common. */
interface Calls {
  round(): Promise<unknown>;
  stop(options: { verify: boolean }): Promise<unknown>;
  close(): Promise<void>;
}

/** Makes the one call of a program that may die in it. */
export async function makeCall(tracker: Calls, call: string): Promise<void> {
  if (call === 'round') await tracker.round();
  else if (call === 'stop') await tracker.stop({ verify: true });
  await tracker.close();
}

/** Prints what has become of it. */
export async function printOutcome(work: () => Promise<void>): Promise<void> {
  try {
    await work();
    console.log('done');
  } catch (error) {
    console.log(error instanceof TrackerError ? error.code : String(error));
  }
}
