import { expect } from 'chai';
import {
  endingAfter,
  forEachCommon,
  subtract,
  unite,
} from '../../../../src/restore/family/intervals.js';

const of = (...pairs: [number, number][]) => pairs.map(([start, end]) => ({ start, end }));

describe('intervals', () => {
  it('are united where they overlap or touch', () => {
    expect(unite(of([5, 7], [1, 3], [3, 4], [6, 9], [9, 9]))).to.deep.equal(of([1, 4], [5, 9]));
  });

  it('are subtracted, and keep what they have besides', () => {
    const from = [
      { start: 0, end: 10, name: 'a' },
      { start: 12, end: 14, name: 'b' },
    ];
    expect(subtract(from, of([2, 3], [5, 6], [9, 13]))).to.deep.equal([
      { start: 0, end: 2, name: 'a' },
      { start: 3, end: 5, name: 'a' },
      { start: 6, end: 9, name: 'a' },
      { start: 13, end: 14, name: 'b' },
    ]);
  });

  it('are compared with others', () => {
    const common: [number, number][] = [];
    forEachCommon(of([0, 4], [6, 9]), of([1, 2], [3, 7]), (start, end) =>
      common.push([start, end]),
    );
    expect(common).to.deep.equal([
      [1, 2],
      [3, 4],
      [6, 7],
    ]);
  });

  it('are found by where they end', () => {
    const sorted = of([0, 4], [6, 9]);
    expect([3, 4, 8, 9].map((at) => endingAfter(sorted, at)?.start)).to.deep.equal([
      0,
      6,
      6,
      undefined,
    ]);
  });
});
