import { expect } from 'chai';
import { Device } from '../../src/kernel/device.js';
import { type Area, Pages } from '../support/pages.js';
import { swapAll } from '../support/vm.js';

const bytesPerPage = 4096;
/** Inner nodes of the kernel's trees have up to 16 children, of up to 16 regions. */
const fewest = 120;
const most = 248;
const step = 8;

function pageOf({ page }: Area, index: number): Area {
  return { address: ((page + index) * bytesPerPage).toString(16), page: page + index };
}

describe('a session of many regions', () => {
  it('ends without a trace, whatever their number', async () => {
    for (let nrRegions = fewest; nrRegions <= most; nrRegions += step) {
      const target = await Pages.start();
      const area = await target.map(nrRegions * 2 * bytesPerPage);
      await target.write(area, 0, nrRegions, 7, 2);
      // Each second page of another kind keeps the mappings apart.
      for (let page = 1; page < nrRegions * 2; page += 2)
        await target.protect(pageOf(area, page), 1, 'r');
      const device = Device.open();
      const session = device.openSession(target.pid, { create: true, exclusive: true });
      await swapAll(session);
      expect(session.status().nrRegions).to.be.at.least(nrRegions);
      session.close();
      device.close();
      target.program.kill();
    }
  });
});
