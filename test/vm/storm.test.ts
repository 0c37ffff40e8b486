import { expect } from 'chai';
import { checkDirectory } from '../../src/image/index.js';
import { TreeTracker } from '../../src/tree-tracker.js';
import type { TreeRoundReport, TreeStopReport } from '../../src/tree/tree-reports.js';
import { livesIn, Storm } from '../support/storm.js';
import { moduleUseCount, newImagesPath } from '../support/vm.js';
import { waitFor } from '../support/wait-for.js';

const nrRounds = 5;
/** `SEED=N` repeats what an error message names. */
const seed = Number(process.env['SEED'] ?? Date.now() % 1_000_000);

/** Takes rounds between which the family goes on, then the final one. */
async function trackStorm(storm: Storm, images: string): Promise<TreeStopReport> {
  const { tracker } = await TreeTracker.start({ pids: [storm.pid], isTree: true, images });
  try {
    storm.begin();
    for (let round = 1; round <= nrRounds; round++) {
      await storm.iterations(3);
      expectRound(await tracker.round(), round);
    }
    return await tracker.stop({ verify: true });
  } finally {
    await tracker.close();
  }
}

/** A newborn may be left out of a round, but of no reason that lasts. */
function expectRound({ round, skipped }: TreeRoundReport, number: number): void {
  expect(round).to.equal(number);
  for (const { code } of skipped) expect(code).to.be.oneOf(['NOTHING_TRACKABLE', 'FREEZE_TIMEOUT']);
}

/** Nothing is lost, and nobody: whoever lived at the cut is in the images. */
async function expectWhole(report: TreeStopReport, images: string): Promise<void> {
  expect(report.final.skipped).to.deep.equal([]);
  const pids = report.final.members.map(({ pid }) => pid);
  expect(pids, 'members').to.include.members(await livesIn(images));
  expect(report.verify).to.deep.include({ lostWrites: 0, unreadable: 0, changedByOthers: 0 });
  await checkDirectory(images);
}

describe('a tree that does nothing but', function () {
  this.timeout(900_000);

  for (const kind of ['fork', 'exec', 'exit', 'deep', 'orphans', 'mixed']) {
    it(`${kind} is tracked with all that live, and none is left standing`, async () => {
      try {
        using storm = await Storm.start(kind, seed);
        await storm.iterations(20);
        const images = newImagesPath();
        await expectWhole(await trackStorm(storm, images), images);
        await storm.iterations(20);
        await storm.end();
      } catch (error) {
        throw new Error(`with SEED=${seed}`, { cause: error });
      }
    });
  }

  afterEach(async () => {
    await waitFor('no trace of the sessions', () => moduleUseCount() === 0);
  });
});
