import { expect } from 'chai';
import { unexplained } from '../../../src/dump/verify.js';
import { tracked, vma } from './fixtures.js';

describe('differences of shared memory', () => {
  const shared = { shared: true, kind: 'anon-shared' } as const;
  const vmas = [
    tracked(100, 110, 1, 50, shared),
    tracked(200, 210, 2, 0, shared),
    vma(300, 310, shared),
    vma(500, 510, { ...shared, prot: 1 }),
    vma(600, 610, { ...shared, path: '/[aio]' }),
  ];
  const runs = Float64Array.of(1, 40, 5, 1, 52, 2, 1, 59, 1, 2, 0, 1, 3, 0, 99);

  it('are lost writes, unless a harvest has the page', () => {
    const harvest = { runs, overflow: false };
    const pages = [101, 102, 103, 104, 109, 200, 201, 300, 400];
    expect(unexplained(pages, vmas, harvest)).to.deep.equal([101, 104, 201, 300, 400]);
    const empty = { runs: new Float64Array(), overflow: false };
    expect(unexplained([102], vmas, empty)).to.deep.equal([102]);
  });

  it('are the work of others where the target only reads, and in AIO rings', () => {
    expect(unexplained([505, 605], vmas, { runs, overflow: false })).to.deep.equal([]);
  });

  it('are none where the log has lost count', () => {
    expect(unexplained([101], vmas, { runs, overflow: true })).to.deep.equal([]);
  });
});
