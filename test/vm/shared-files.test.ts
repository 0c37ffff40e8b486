import { readdirSync, unlinkSync } from 'node:fs';
import type { Tracker } from '../../src/tracker.js';
import { MountedOverlay } from '../support/file-systems.js';
import { expectKept, PromiseProgram, startTracking, stopVerified } from '../support/promises.js';

/** Tracks a program that has a file, of which it never writes one half, and goes on to the end. */
async function whileTracked(
  goOn: (tracker: Tracker, program: PromiseProgram, unlink: () => void) => Promise<void>,
): Promise<void> {
  using program = await PromiseProgram.start('shared', 'file-still', '/tmp');
  const tracker = await startTracking(program.pid);
  try {
    await program.iterations(2);
    await tracker.round();
    await goOn(tracker, program, () => {
      unlinkSync(`/tmp/promise-${program.pid}`);
    });
    await stopVerified(tracker);
  } catch (error) {
    await tracker.close().catch(() => undefined);
    throw error;
  }
  await program.end();
}

describe('a shared file that is deleted while it is tracked', () => {
  it('is stored as a whole in the next round', () =>
    whileTracked(async (tracker, program, unlink) => {
      unlink();
      await tracker.round();
      await program.iterations(2);
      await tracker.round();
      await program.iterations(2);
    }));

  it('is stored as a whole in the final round', () =>
    whileTracked(async (_tracker, _program, unlink) => {
      unlink();
      await Promise.resolve();
    }));
});

describe('a segment that another process maps all the time', () => {
  it('loses no write, whenever tracking starts', () =>
    expectKept('shared', ['mapper'], { areOthersWriting: true, nrFlips: 3 }));
});

describe('the promises of an overlay file system', () => {
  let overlay: MountedOverlay;

  before(() => {
    overlay = new MountedOverlay();
  });

  after(async () => {
    for (const name of readdirSync(overlay.path)) unlinkSync(`${overlay.path}/${name}`);
    await overlay[Symbol.asyncDispose]();
  });

  for (const name of ['file', 'file-views', 'file-transient', 'file-foreign-write']) {
    it(`hold for shared ${name}`, () =>
      expectKept('shared', [name, overlay.path], { areOthersWriting: true }));
  }

  it('hold for a file that is mapped in the upper layer, and through the overlay', () =>
    expectKept('shared', ['two-names', overlay.base], { areOthersWriting: true }));
});
