import { writeFileSync } from 'node:fs';
import { expect } from 'chai';
import { Device } from '../../src/kernel/device.js';
import type { Session } from '../../src/kernel/session.js';
import { type Area, Pages } from '../support/pages.js';
import { harvestAndCommit, pagesOf, swapAll } from '../support/vm.js';

const nrPages = 4096;

describe('the dirty log', () => {
  let target: Pages;
  let area: Area;
  let device: Device;
  let session: Session;

  beforeEach(async () => {
    target = await Pages.start();
    area = await target.map(nrPages * 4096);
    await target.write(area, 0, nrPages, 7);
    device = Device.open();
    session = device.openSession(target.pid, { create: true, exclusive: true });
    await swapAll(session);
  });

  afterEach(() => {
    session.close();
    device.close();
    target.program.kill();
  });

  async function dirtyPages(): Promise<number[]> {
    const layout = await session.layout();
    return pagesOf(await harvestAndCommit(session), layout, area, nrPages);
  }

  it('has every page with content after the swap', async () => {
    expect(await dirtyPages()).to.have.length(nrPages);
    expect(await target.sum(area, nrPages)).to.equal(7 * nrPages);
  });

  it('reports exactly the pages that were written between two harvests', async () => {
    await dirtyPages();
    expect(await dirtyPages()).to.deep.equal([]);
    await target.write(area, 3, 1, 1);
    await target.write(area, 100, 50, 2, 7);
    await target.write(area, nrPages - 1, 1, 3);
    const expected = [3, ...Array.from({ length: 50 }, (_, i) => 100 + i * 7), nrPages - 1];
    expect(await dirtyPages()).to.deep.equal(expected);
    expect(await dirtyPages()).to.deep.equal([]);
  });

  it('reports a page again that is written in every round', async () => {
    await dirtyPages();
    for (let round = 0; round < 20; round++) {
      await target.write(area, round, 2, round + 1);
      expect(await dirtyPages()).to.deep.equal([round, round + 1]);
    }
  });

  it('omits a page that was only read', async () => {
    await dirtyPages();
    await target.sum(area, nrPages);
    expect(await dirtyPages()).to.deep.equal([]);
  });

  it('sees a write after an mprotect round trip across harvests', async () => {
    await dirtyPages();
    await target.write(area, 5, 3, 1);
    await target.protect(area, 16, 'r');
    expect(await dirtyPages()).to.deep.equal([5, 6, 7]);
    await target.protect(area, 16, 'rw');
    await target.write(area, 6, 1, 2);
    expect(await dirtyPages()).to.deep.equal([6]);
  });

  it('reports pages that were discarded, and they read as zeros', async () => {
    await dirtyPages();
    await target.dontneed(area, 10, 5);
    expect(await dirtyPages()).to.deep.equal([10, 11, 12, 13, 14]);
    expect(await target.sum(area, nrPages)).to.equal(7 * (nrPages - 5));
  });

  it('gets the pages of an aborted harvest back', async () => {
    await dirtyPages();
    await target.write(area, 20, 2, 1);
    const { epoch } = await session.harvest();
    await target.write(area, 30, 1, 1);
    session.abort(epoch);
    expect(await dirtyPages()).to.deep.equal([20, 21, 30]);
  });

  it('gets the pages of an uncommitted harvest back when the next one begins', async () => {
    await dirtyPages();
    await target.write(area, 20, 2, 1);
    await session.harvest();
    expect(await dirtyPages()).to.deep.equal([20, 21]);
  });

  it('gets the pages of an uncommitted harvest back when the controller closes', async () => {
    await dirtyPages();
    await target.write(area, 40, 2, 1);
    await session.harvest();
    session.close();
    session = device.openSession(target.pid);
    expect(await dirtyPages()).to.deep.equal([40, 41]);
  });

  it('refuses to commit an older epoch', async () => {
    const { epoch } = await session.harvest();
    session.commit(epoch);
    expect(() => {
      session.commit(epoch);
    }).to.throw(/harvest/);
  });

  it('costs less than a byte per page of a region, and nothing for clean ones', async () => {
    await dirtyPages();
    const { logBytes } = session.status();
    expect(logBytes).to.be.lessThan(nrPages + 192 * 64);
    await dirtyPages();
    expect(session.status().logBytes).to.equal(logBytes);
  });
});

describe('the dirty log of memory in huge pages', () => {
  const setting = '/sys/kernel/mm/transparent_hugepage/enabled';

  it('is exact as well', async () => {
    writeFileSync(setting, 'always');
    try {
      using target = await Pages.start();
      const area = await target.map(nrPages * 4096);
      await target.write(area, 0, nrPages, 7);
      using device = Device.open();
      using session = device.openSession(target.pid, { create: true });
      await swapAll(session);
      const layout = await session.layout();
      await harvestAndCommit(session);
      await target.write(area, 512, 3, 9, 600);
      const harvest = await harvestAndCommit(session);
      expect(pagesOf(harvest, layout, area, nrPages)).to.deep.equal([512, 1112, 1712]);
      expect(await target.sum(area, nrPages)).to.equal(7 * nrPages + 6);
    } finally {
      writeFileSync(setting, 'madvise');
    }
  });
});
