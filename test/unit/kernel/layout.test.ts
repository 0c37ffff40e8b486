import { expect } from 'chai';
import { Layout } from '../../../src/kernel/layout.js';

/** A `struct tracker_vma` as include/uapi/linux/tracker.h has it. */
interface Vma {
  start: bigint;
  end: bigint;
  regionPage?: bigint;
  region?: number;
  prot?: number;
  kind?: number;
  state?: number;
}

function bytesOf(...vmas: Vma[]): Uint8Array {
  const view = new DataView(new ArrayBuffer(vmas.length * 40));
  vmas.forEach(({ start, end, regionPage = 0n, region = 0, prot = 0, kind = 0, state = 0 }, i) => {
    const at = i * 40;
    view.setBigUint64(at, start, true);
    view.setBigUint64(at + 8, end, true);
    view.setBigUint64(at + 16, regionPage, true);
    view.setUint32(at + 24, region, true);
    view.setUint32(at + 28, prot, true);
    view.setUint16(at + 32, kind, true);
    view.setUint16(at + 34, state, true);
  });
  return new Uint8Array(view.buffer);
}

const heap = { start: 0x55d0c1000000n, end: 0x55d0c1800000n, prot: 3 };

describe('Layout', () => {
  it('reads every field of every mapping', () => {
    const layout = new Layout(
      bytesOf(
        { ...heap, regionPage: 0x123456789n, region: 0xfffffffe },
        { start: 0x7ffff7ff0000n, end: 0x7ffffffff000n, prot: 5, kind: 4, state: 2 },
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
    expect([layout.kindName(1), layout.stateName(1)]).to.deep.equal(['special', 'readonly']);
  });

  it('names kinds and states in the order of the ABI', () => {
    const vmas = [0, 1, 2, 3, 4, 5, 6, 7].map((n) => ({ ...heap, kind: n % 5, state: n }));
    const layout = new Layout(bytesOf(...vmas));
    expect(vmas.map((_, i) => layout.stateName(i)).join(' ')).to.equal(
      'tracked swappable readonly kind stack locked special-flags huge',
    );
    expect(
      vmas
        .slice(0, 5)
        .map((_, i) => layout.kindName(i))
        .join(' '),
    ).to.equal('anon-private file-private anon-shared file-shared special');
  });

  it('gives a state of a newer module a name of its own', () => {
    expect(new Layout(bytesOf({ ...heap, state: 99 })).stateName(0)).to.equal('unknown-99');
  });

  it('equals another one until any mapping differs', () => {
    const layout = new Layout(bytesOf(heap));
    expect(layout.equals(new Layout(bytesOf(heap)))).to.equal(true);
    expect(layout.equals(new Layout(bytesOf({ ...heap, state: 1 })))).to.equal(false);
    expect(layout.equals(new Layout(bytesOf(heap, heap)))).to.equal(false);
    expect(layout.equals(new Layout(bytesOf()))).to.equal(false);
  });

  it('refuses a mapping it does not have', () => {
    expect(() => new Layout(bytesOf(heap)).startPage(1)).to.throw(RangeError, 'mapping 1 of 1');
  });
});
