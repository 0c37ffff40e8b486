import { expect } from 'chai';
import { TreeTracker } from '../../src/tree-tracker.js';
import { Crowd } from '../support/crowd.js';
import { moduleUseCount, newImagesPath } from '../support/vm.js';
import { isDebugKernel, waitFor } from '../support/wait-for.js';

/** Each takes its time on the debug kernel. */
const nrProcesses = isDebugKernel ? 24 : 100;
const nrWriters = nrProcesses / 2;
const family = {
  maxProcesses: nrProcesses + 20,
  fanOut: 6,
  mappings: 2,
  pages: 32,
  segmentPages: 64,
};

describe(`a tree of ${nrProcesses} processes`, function () {
  this.timeout(isDebugKernel ? 900_000 : 300_000);

  it('loses no write, also of those that are born or end between rounds', async () => {
    using crowd = await Crowd.start(family);
    await crowd.fork(nrProcesses - 1);
    await crowd.write(nrProcesses, 2);
    const options = { pids: [crowd.pid], isTree: true, images: newImagesPath() };
    const { tracker, round } = await TreeTracker.start(options);
    expect(round.members).to.have.length(nrProcesses);
    expect(round.segments.map(({ nrPages, pages }) => [nrPages, pages])).to.deep.equal([[64, 64]]);

    await crowd.write(nrWriters, 3);
    await crowd.put(16);
    const second = await tracker.round();
    expect(second.segments.map(({ pages }) => pages)).to.deep.equal([16]);
    expect(second.dirtyPages).to.be.at.least(nrWriters * 3 + 16);

    await crowd.fork(10);
    await crowd.write(nrProcesses + 10, 1);
    await crowd.put(5);
    const third = await tracker.round();
    expect(third.members.filter(({ isNew }) => isNew)).to.have.length(10);
    expect(third.segments.map(({ pages }) => pages)).to.deep.equal([5]);

    await crowd.end(5);
    await crowd.write(nrWriters, 4);
    // The other pages are those of older rounds.
    await crowd.put(20);
    const { final, verify } = await tracker.stop({ verify: true });
    expect(final.ended).to.have.length(5);
    expect(final.segments.map(({ pages }) => pages)).to.deep.equal([20]);
    expect(verify).to.deep.include({ lostWrites: 0, unreadable: 0 });
    await crowd.check();
  });

  it('loses no write to a segment when the process ends that has reported them', async () => {
    using crowd = await Crowd.start({ ...family, fanOut: 20 });
    await crowd.fork(20);
    // Process 0 is none of them: it lives on, and tells its children what to do.
    const pids = (await crowd.pids()).slice(1);
    const options = { pids, isTree: true, images: newImagesPath(), allowExternalSharing: true };
    const { tracker, round } = await TreeTracker.start(options);
    expect(round.members.map(({ pid }) => pid)).to.deep.equal(pids);
    for (const [who, nrPages] of [
      [1, 7],
      [2, 5],
    ] as const) {
      await crowd.put(nrPages);
      await tracker.round();
      await crowd.put(nrPages);
      await crowd.leave(who);
      const report = await tracker.round();
      expect(report.ended.map(({ pid }) => pid)).to.deep.equal([pids[who - 1]]);
      // What the last round has reported may be in the next one's log once more; it is not all.
      expect(report.segments).to.have.length(1);
      expect(report.segments[0]?.pages).to.be.within(nrPages, 2 * nrPages);
    }
    await crowd.put(3);
    const { verify } = await tracker.stop({ verify: true });
    expect(verify).to.deep.include({ lostWrites: 0, unreadable: 0 });
    await crowd.check();
  });

  afterEach(async () => {
    await waitFor('no trace of the sessions', () => moduleUseCount() === 0);
  });
});
