import { expect } from 'chai';
import type { VmaRecord } from '../../../src/image/index.js';
import { planHeir, withoutCleared } from '../../../src/tree/heir-plan.js';

function vma(startPage: number, nrPages: number, region: number, regionPage: number): VmaRecord {
  const rest = { prot: 3, shared: false, path: '', offset: 0, dev: '00:00', inode: 0 };
  const kind = 'anon-private';
  const endPage = startPage + nrPages;
  return { startPage, endPage, region, regionPage, kind, state: 'tracked', ...rest };
}

describe('planHeir', () => {
  it('inherits what the parent shows of the same region, wherever', () => {
    const { inherited, known } = planHeir([vma(100, 10, 1, 5)], [vma(300, 4, 1, 8)], 9);
    expect(inherited).to.deep.equal([{ page: 103, nrPages: 4, fromPage: 300 }]);
    expect(known).to.have.length(1);
    expect(known[0]).to.deep.include({ startPage: 103, endPage: 107, region: 1, regionPage: 8 });
  });

  it('inherits over several mappings of the parent, and nothing between them', () => {
    const parent = [vma(500, 2, 1, 6), vma(300, 4, 1, 0)];
    const { inherited } = planHeir([vma(100, 10, 1, 0)], parent, 9);
    expect(inherited).to.deep.equal([
      { page: 100, nrPages: 4, fromPage: 300 },
      { page: 106, nrPages: 2, fromPage: 500 },
    ]);
  });

  it('inherits nothing of regions that are newer than its session, or shared', () => {
    const shared = { ...vma(10, 2, 1, 0), shared: true };
    expect(planHeir([vma(100, 2, 4, 0)], [vma(100, 2, 4, 0)], 3).inherited).to.deep.equal([]);
    expect(planHeir([shared], [shared], 3).inherited).to.deep.equal([]);
  });
});

describe('withoutCleared', () => {
  it('cuts out what the heir has given back', () => {
    const ranges = [
      { page: 10, nrPages: 10, fromPage: 110 },
      { page: 30, nrPages: 5, fromPage: 230 },
    ];
    const cleared = Float64Array.of(28, 31, 12, 14, 13, 15, 19, 22);
    expect([...withoutCleared(ranges, cleared)]).to.deep.equal([
      { page: 10, nrPages: 2, fromPage: 110 },
      { page: 15, nrPages: 4, fromPage: 115 },
      { page: 31, nrPages: 4, fromPage: 231 },
    ]);
  });
});
