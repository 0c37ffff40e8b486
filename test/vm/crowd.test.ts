import { expect } from 'chai';
import { TreeTracker } from '../../src/tree-tracker.js';
import { Crowd } from '../support/crowd.js';
import { moduleUseCount, newImagesPath } from '../support/vm.js';
import { waitFor } from '../support/wait-for.js';

const nrProcesses = 200;
const family = { maxProcesses: 220, fanOut: 6, mappings: 2, pages: 32, segmentPages: 64 };

describe('a tree of 200 processes', function () {
  this.timeout(300_000);

  it('loses no write, also of those that are born or end between rounds', async () => {
    using crowd = await Crowd.start(family);
    await crowd.fork(nrProcesses - 1);
    await crowd.write(nrProcesses, 2);
    const options = { pids: [crowd.pid], isTree: true, images: newImagesPath() };
    const { tracker, round } = await TreeTracker.start(options);
    expect(round.members).to.have.length(nrProcesses);
    expect(round.segments.map(({ nrPages, pages }) => [nrPages, pages])).to.deep.equal([[64, 64]]);

    await crowd.write(50, 3);
    await crowd.put(16);
    const second = await tracker.round();
    expect(second.segments.map(({ pages }) => pages)).to.deep.equal([16]);
    expect(second.dirtyPages).to.be.at.least(50 * 3 + 16);

    await crowd.fork(10);
    await crowd.write(nrProcesses + 10, 1);
    await crowd.put(5);
    const third = await tracker.round();
    expect(third.members.filter(({ isNew }) => isNew)).to.have.length(10);
    expect(third.segments.map(({ pages }) => pages)).to.deep.equal([5]);

    await crowd.end(5);
    await crowd.write(20, 4);
    await crowd.put(70);
    const { final, verify } = await tracker.stop({ verify: true });
    expect(final.ended).to.have.length(5);
    expect(final.segments.map(({ pages }) => pages)).to.deep.equal([64]);
    expect(verify).to.deep.include({ lostWrites: 0, unreadable: 0 });
    await crowd.check();
  });

  afterEach(async () => {
    await waitFor('no trace of the sessions', () => moduleUseCount() === 0);
  });
});
