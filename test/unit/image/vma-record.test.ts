import { expect } from 'chai';
import { indexOfVma, isSegment, vmaAt } from '../../../src/image/vma-record.js';
import { anonVma } from './fixtures.js';

describe('isSegment', () => {
  it('is true of shared memory whose file can be read', () => {
    const record = (more: object) => isSegment(anonVma(1, 2, { kind: 'anon-shared', ...more }));
    expect(record({ state: 'readonly' })).to.equal(true);
    expect(record({ state: 'kind', path: '/on/overlayfs' })).to.equal(true);
    expect(record({ state: 'kind', path: '/[aio]' })).to.equal(false);
    expect(record({ state: 'hugetlb' })).to.equal(false);
    expect(record({ state: 'special-flags' })).to.equal(false);
    expect(record({ kind: 'anon-private' })).to.equal(false);
  });
});

describe('vmaAt', () => {
  const vmas = [anonVma(10, 20), anonVma(20, 30), anonVma(40, 50)];

  it('finds the mapping of a page, and none in a gap', () => {
    const starts = [9, 10, 19, 20, 30, 39, 40, 49, 50].map((page) => vmaAt(vmas, page)?.startPage);
    const none = undefined;
    expect(starts).to.deep.equal([none, 10, 10, 20, none, none, 40, 40, none]);
  });

  it('knows what comes after a page', () => {
    expect([0, 20, 35, 50].map((page) => indexOfVma(vmas, page))).to.deep.equal([0, 1, 2, 3]);
  });
});
