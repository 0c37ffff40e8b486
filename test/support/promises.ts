import { execFileSync } from 'node:child_process';
import { expect } from 'chai';
import { Tracker } from '../../src/tracker.js';
import { whileFamilyStands } from './family.js';
import { compileProgram, Program } from './programs.js';
import { moduleUseCount, newImagesPath } from './vm.js';
import { waitFor } from './wait-for.js';

/** How often swap and revert happen again. */
const defaultFlips = 1;

/** What is different with some programs. */
interface Peculiarities {
  /** lines that come after its last one, from a child */
  lastWords?: readonly string[] | undefined;
  /** children write the memory that is compared, and tracking does not stop them */
  areOthersWriting?: boolean;
  /** fewer for what takes long */
  nrFlips?: number;
}

/** The promises that `test/programs/FAMILY.c` checks. */
export function promisesOf(family: string): string[] {
  return execFileSync(compileProgram(family), { encoding: 'utf8' }).trim().split('\n');
}

/** A program that checks in an endless loop what it was promised; see `test/programs/promise.h`. */
export class PromiseProgram implements Disposable {
  private constructor(readonly program: Program) {}

  static async start(family: string, ...args: string[]): Promise<PromiseProgram> {
    return new PromiseProgram(await Program.start(family, ...args));
  }

  get pid(): number {
    return this.program.pid;
  }

  /** Waits until the program has found everything right that many times more. */
  async iterations(nr: number): Promise<void> {
    expect(await this.program.ask(`+${nr}`)).to.match(/^at \d+$/);
  }

  /** Tells the program to end, which it does with all promises kept. */
  async end(lastWords: readonly string[] = []): Promise<void> {
    expect(await this.program.ask('q')).to.match(/^ok [1-9]/);
    for (const words of lastWords) expect(await this.program.line()).to.equal(words);
    expect(await this.program.exit).to.deep.equal({ code: 0, signal: null });
  }

  [Symbol.dispose](): void {
    this.program.kill();
  }
}

/** Starts tracking of a target whose shared memory others may have mapped, too. */
export async function startTracking(pid: number): Promise<Tracker> {
  const options = { pid, images: newImagesPath(), allowExternalSharing: true };
  return (await Tracker.start(options)).tracker;
}

/** Ends tracking, and finds the images equal to the memory. */
export async function stopVerified(tracker: Tracker): Promise<void> {
  const { verify } = await tracker.stop({ verify: true });
  expect(verify).to.deep.include({ lostWrites: 0, unreadable: 0 });
}

/**
 * Tracks a program for that many rounds, between which it goes on, and puts it back.
 * @param areOthersWriting children write the memory, too, and have to stand for the comparison
 */
export async function trackFor(
  program: PromiseProgram,
  nrRounds: number,
  areOthersWriting = false,
): Promise<void> {
  const tracker = await startTracking(program.pid);
  try {
    for (let round = 0; round < nrRounds; round++) {
      await program.iterations(2);
      await tracker.round();
    }
    await program.iterations(2);
    if (areOthersWriting) await whileFamilyStands(program.pid, () => stopVerified(tracker));
    else await stopVerified(tracker);
  } catch (error) {
    await tracker.close().catch(() => undefined);
    throw error;
  }
}

/**
 * Runs a program untracked, tracked, and while swap and revert happen again and again; then it
 * ends while it is tracked.
 */
export async function expectKept(
  family: string,
  args: readonly string[],
  { lastWords, areOthersWriting, nrFlips = defaultFlips }: Peculiarities = {},
): Promise<void> {
  const useCount = moduleUseCount();
  using program = await PromiseProgram.start(family, ...args);
  await program.iterations(10);
  await trackFor(program, 3, areOthersWriting);
  for (let flip = 0; flip < nrFlips; flip++) await trackFor(program, 1, areOthersWriting);
  await program.iterations(2);
  const tracker = await startTracking(program.pid);
  try {
    await program.iterations(2);
    await program.end(lastWords);
  } finally {
    await tracker.close();
  }
  // Compared with what was before, so that one failure is not that of all that follow.
  await waitFor('no trace of the session', () => moduleUseCount() <= useCount);
}
