import { expect } from 'chai';
import { Layout } from '../../../src/kernel/layout.js';
import { layoutBytes } from './layout-bytes.js';

const heap = { start: 0x55d0c1000000n, end: 0x55d0c1800000n, prot: 3 };

describe('Layout', () => {
  it('reads every field of every mapping', () => {
    const layout = new Layout(
      layoutBytes(
        { ...heap, regionPage: 0x123456789n, region: 0xfffffffe },
        {
          start: 0x7ffff7ff0000n,
          end: 0x7ffffffff000n,
          prot: 5,
          kind: 4,
          state: 2,
          file: 0xfedcba98,
        },
      ),
    );
    expect(layout.length).to.equal(2);
    expect(layout.startPage(0)).to.equal(0x55d0c1000);
    expect(layout.endPage(0)).to.equal(0x55d0c1800);
    expect(layout.regionPage(0)).to.equal(0x123456789);
    expect(layout.region(0)).to.equal(0xfffffffe);
    expect(layout.prot(0)).to.equal(3);
    expect([layout.kindName(0), layout.stateName(0)]).to.deep.equal(['anon-private', 'tracked']);
    expect(layout.startPage(1)).to.equal(0x7ffff7ff0);
    expect(layout.endPage(1)).to.equal(0x7ffffffff);
    expect([layout.file(0), layout.file(1)]).to.deep.equal([0, 0xfedcba98]);
    expect([layout.kindName(1), layout.stateName(1)]).to.deep.equal(['special', 'readonly']);
  });

  it('names kinds and states in the order of the ABI', () => {
    const vmas = [0, 1, 2, 3, 4, 5, 6, 7, 8].map((n) => ({ ...heap, kind: n % 5, state: n }));
    const layout = new Layout(layoutBytes(...vmas));
    expect(vmas.map((_, i) => layout.stateName(i)).join(' ')).to.equal(
      'tracked swappable readonly kind stack special-flags huge hugetlb sealed',
    );
    expect(
      vmas
        .slice(0, 5)
        .map((_, i) => layout.kindName(i))
        .join(' '),
    ).to.equal('anon-private file-private anon-shared file-shared special');
  });

  it('gives a state of a newer module a name of its own', () => {
    expect(new Layout(layoutBytes({ ...heap, state: 99 })).stateName(0)).to.equal('unknown-99');
  });

  it('equals another one until any mapping differs', () => {
    const layout = new Layout(layoutBytes(heap));
    expect(layout.equals(new Layout(layoutBytes(heap)))).to.equal(true);
    expect(layout.equals(new Layout(layoutBytes({ ...heap, state: 1 })))).to.equal(false);
    expect(layout.equals(new Layout(layoutBytes(heap, heap)))).to.equal(false);
    expect(layout.equals(new Layout(layoutBytes()))).to.equal(false);
  });

  it('refuses a mapping it does not have', () => {
    expect(() => new Layout(layoutBytes(heap)).startPage(1)).to.throw(RangeError, 'mapping 1 of 1');
  });
});
