import { expect } from 'chai';
import { unexplained } from '../../../src/dump/verify.js';
import { tracked, vma } from './fixtures.js';

describe('differences of shared memory', () => {
  const vmas = [tracked(100, 110, 1, 50), tracked(200, 210, 2), vma(300, 310)];
  const runs = Float64Array.of(1, 40, 5, 1, 52, 2, 1, 59, 1, 2, 0, 1, 3, 0, 99);

  it('are lost writes, unless a harvest has the page', () => {
    const harvest = { runs, overflow: false };
    const pages = [101, 102, 103, 104, 109, 200, 201, 300, 400];
    expect(unexplained(pages, vmas, harvest)).to.deep.equal([101, 104, 201, 300, 400]);
    const empty = { runs: new Float64Array(), overflow: false };
    expect(unexplained([102], vmas, empty)).to.deep.equal([102]);
  });

  it('are none where the log has lost count', () => {
    expect(unexplained([101], vmas, { runs, overflow: true })).to.deep.equal([]);
  });
});
