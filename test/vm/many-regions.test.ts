import { expect } from 'chai';
import { Device } from '../../src/kernel/device.js';
import { Pages } from '../support/pages.js';
import { swapAll } from '../support/vm.js';

const bytesPerPage = 4096;
/** Inner nodes of the kernel's trees have up to 16 children, of up to 16 regions. */
const fewest = 120;
const most = 248;
const step = 16;

describe('a session of many regions', () => {
  it('ends without a trace, whatever their number', async () => {
    for (let nrRegions = fewest; nrRegions <= most; nrRegions += step) {
      const target = await Pages.start();
      const area = await target.map(nrRegions * 2 * bytesPerPage);
      await target.write(area, 0, nrRegions, 7, 2);
      await target.comb(area, nrRegions * 2);
      const device = Device.open();
      const session = device.openSession(target.pid, { create: true, exclusive: true });
      await swapAll(session);
      expect(session.status().nrRegions).to.be.at.least(nrRegions);
      session.close();
      device.close();
      target.program.kill();
    }
  }).timeout(600_000);
});
