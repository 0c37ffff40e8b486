import { expect } from 'chai';
import { ExtentTableBuilder } from '../../../src/image/extent-table-builder.js';
import { planStore, splitByDonors, storedRanges } from '../../../src/tree/donor-plan.js';
import { StoredPages } from '../../../src/tree/stored-pages.js';

const rows = (...values: number[]) => Float64Array.from(values);

describe('splitByDonors', () => {
  it('tells pages of donors from the own ones between them', () => {
    const { own, donors } = splitByDonors(rows(10, 110, 10, 30, 230, 2), [
      rows(1, 12, 3, 500, 1, 18, 2, 900),
      rows(1, 31, 1, 7),
    ]);
    expect([...own.view()]).to.deep.equal([10, 110, 2, 15, 115, 3, 30, 230, 1]);
    expect([...(donors[0]?.view() ?? [])]).to.deep.equal([500, 112, 3, 900, 118, 2]);
    expect([...(donors[1]?.view() ?? [])]).to.deep.equal([7, 231, 1]);
  });

  it('cuts donors where runs adjoin that lead elsewhere', () => {
    const { own, donors } = splitByDonors(rows(10, 110, 2, 12, 50, 2), [rows(1, 10, 4, 500)]);
    expect(own.length).to.equal(0);
    expect([...(donors[0]?.view() ?? [])]).to.deep.equal([500, 110, 2, 502, 50, 2]);
  });

  it('leaves everything where there are no donors', () => {
    expect([...splitByDonors(rows(1, 2, 3), []).own.view()]).to.deep.equal([1, 2, 3]);
  });
});

describe('planStore', () => {
  it('refers to what is stored, and stores the rest', () => {
    const stored = new StoredPages();
    stored.add({ id: 502, nrPages: 2, round: 3, filePage: 40 });
    stored.add({ id: 510, nrPages: 1, round: 3, filePage: -1 });
    const plan = planStore(rows(500, 100, 5, 510, 200, 2), stored);
    expect([...plan.refs.view()]).to.deep.equal([102, 2, 3, 40, 200, 1, 3, -1]);
    expect([...plan.fresh.view()]).to.deep.equal([500, 100, 2, 504, 104, 1, 511, 201, 1]);
  });
});

describe('storedRanges', () => {
  it('finds where an append has put each, over runs that adjoin', () => {
    const builder = new ExtentTableBuilder();
    builder.addRefs(100, 5, 2, 70);
    builder.addZeros(105, 1);
    const runs = rows(500, 100, 3, 900, 103, 3);
    expect([...storedRanges(runs, builder.build(), 2)]).to.deep.equal([
      { id: 500, nrPages: 3, round: 2, filePage: 70 },
      { id: 900, nrPages: 2, round: 2, filePage: 73 },
      { id: 902, nrPages: 1, round: 2, filePage: -1 },
    ]);
  });
});

describe('StoredPages', () => {
  it('finds ranges over the borders of its buckets', () => {
    const stored = new StoredPages();
    stored.add({ id: 500, nrPages: 1000, round: 1, filePage: 0 });
    const parts = [...stored.split(490, 40)];
    expect(parts.map(({ id, nrPages }) => [id, nrPages])).to.deep.equal([
      [490, 10],
      [500, 12],
      [512, 18],
    ]);
    expect(parts[2]?.stored).to.deep.equal({ round: 1, filePage: 12 });
  });

  it('keeps the rest of a range of which a part is stored elsewhere, or dropped', () => {
    const stored = new StoredPages();
    stored.add({ id: 10, nrPages: 10, round: 1, filePage: 100 });
    stored.add({ id: 13, nrPages: 2, round: 2, filePage: 7 });
    stored.drop(18);
    expect([...stored.split(10, 10)].map(({ id, stored: place }) => [id, place])).to.deep.equal([
      [10, { round: 1, filePage: 100 }],
      [13, { round: 2, filePage: 7 }],
      [15, { round: 1, filePage: 105 }],
      [18, null],
      [19, { round: 1, filePage: 109 }],
    ]);
  });

  it('forgets what a dropped round, or a dropped member, has stored', () => {
    const stored = new StoredPages();
    const isKnown = (id: number) => [...stored.split(id, 1)][0]?.stored !== null;
    stored.add({ id: 1, nrPages: 1, round: 0, filePage: 0 });
    stored.keep();
    stored.add({ id: 2, nrPages: 1, round: 1, filePage: 0 });
    stored.mark();
    stored.add({ id: 3, nrPages: 1, round: 1, filePage: 1 });
    stored.rewind();
    expect([1, 2, 3].map(isKnown)).to.deep.equal([true, true, false]);
    stored.forget();
    expect([1, 2, 3].map(isKnown)).to.deep.equal([true, false, false]);
  });
});
