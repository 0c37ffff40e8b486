import { expect } from 'chai';
import { checkUntrackable } from '../../../src/dump/check-untrackable.js';
import { layoutOf, vma } from './fixtures.js';

/** Addresses that nothing is mapped at: this process has names for none of them. */
const heap = vma(16, 32, { state: 'swappable' });

async function codeOf(...vmas: Parameters<typeof layoutOf>): Promise<unknown> {
  return checkUntrackable(process.pid, layoutOf(...vmas)).then(
    (records) => records.length,
    (error: unknown) => (error as { code?: string }).code,
  );
}

describe('checkUntrackable', () => {
  it('refuses memory that nobody else can read, by its address', async () => {
    const secret = vma(64, 65, { kind: 'special', state: 'kind' });
    expect(await codeOf(heap, secret)).to.equal('UNTRACKABLE_MEMORY');
    const error = await checkUntrackable(process.pid, layoutOf(heap, secret)).catch(String);
    expect(error).to.contain('0x40000').and.to.contain('4096 bytes');
  });

  it('accepts what is dumped in full', async () => {
    const states = ['hugetlb', 'special-flags', 'sealed', 'huge', 'stack', 'kind'];
    const residual = states.map((state, i) => vma(100 + i, 101 + i, { state }));
    const vdso = vma(200, 201, { kind: 'special', prot: 5 });
    expect(await codeOf(heap, ...residual, vdso)).to.equal(8);
  });

  it('refuses a target of which nothing can be tracked', async () => {
    expect(await codeOf(vma(16, 32, { state: 'hugetlb' }))).to.equal('NOTHING_TRACKABLE');
  });
});
