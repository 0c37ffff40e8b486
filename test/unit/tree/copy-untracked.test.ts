import { expect } from 'chai';
import { withoutNumbered } from '../../../src/tree/copy-untracked.js';

const rows = (...values: number[]) => Float64Array.from(values);

describe('withoutNumbered', () => {
  it('finds what lies before, between and behind', () => {
    const runs = rows(10, 10, 30, 5, 50, 2);
    const numbered = rows(7, 12, 2, 9, 14, 1, 3, 18, 2, 4, 32, 1);
    expect([...withoutNumbered(runs, numbered)]).to.deep.equal([
      [10, 2],
      [15, 3],
      [30, 2],
      [33, 2],
      [50, 2],
    ]);
  });

  it('finds nothing where all have numbers, and all where none has', () => {
    expect([...withoutNumbered(rows(1, 2, 3, 1), rows(7, 1, 2, 9, 3, 1))]).to.deep.equal([]);
    expect([...withoutNumbered(rows(1, 2, 5, 1), rows())]).to.deep.equal([
      [1, 2],
      [5, 1],
    ]);
  });

  it('finds nothing in what has numbers over the border of two runs', () => {
    const [runs, numbered] = [rows(10, 2, 12, 2, 14, 4, 30, 1), rows(7, 10, 7)];
    expect([...withoutNumbered(runs, numbered)]).to.deep.equal([
      [17, 1],
      [30, 1],
    ]);
  });
});
