import { expect } from 'chai';
import { AddressSpace } from '../../../../src/restore/plan/address-space.js';
import { forkHelper } from '../../../../src/restore/fork-helper.js';
import { movePages } from '../../../../src/restore/move-pages.js';
import { PageMapBuilder } from '../../../../src/image/page-map.js';
import { ContentNumbers } from '../../../../src/restore/tree/content-numbers.js';

describe('forkHelper', () => {
  const step = { op: 'fork-helper' as const, process: -1, flags: 0, about: 'a helper' };

  it('takes no number that is needed, and the next one where one is taken', () => {
    const avoid = Array.from({ length: 95 }, (_, i) => 300 + i);
    const tried: number[] = [];
    const stub = {
      tryFork: (process: number, tid: number) => {
        expect(process).to.equal(-1);
        tried.push(tid);
        return tried.length === 3;
      },
    };
    forkHelper(stub, { ...step, avoid }, 400);
    expect(tried).to.have.length(3);
    expect(tried.every((pid) => pid >= 395 && pid < 400)).to.equal(true);
  });

  it('says so where all numbers are taken', () => {
    expect(() => {
      forkHelper({ tryFork: () => false }, { ...step, avoid: [] }, 400);
    })
      .to.throw('no free process number')
      .with.property('code', 'NO_FREE_PID');
  });
});

describe('movePages', () => {
  it('is one call, where the kernel can do it in one', () => {
    const calls: unknown[] = [];
    const stub = {
      attempt: (step: { args: readonly unknown[] }) => {
        calls.push(step.args);
        return 0;
      },
      call: () => {
        throw new Error('one call is enough');
      },
      hostPid: process.pid,
    };
    movePages(stub, { op: 'move', fromPage: 16, toPage: 32, nrPages: 2 });
    expect(calls).to.deep.equal([[0x10000, 0x2000, 0x2000, 3, 0x20000]]);
  });
});

describe('AddressSpace.largest', () => {
  it('is the largest hole, without its first and its last page', () => {
    const space = new AddressSpace([
      { start: 0, end: 0x100000 },
      { start: 0x200000, end: 0x7f0000000000 },
      { start: 0x7f1000000000, end: 0x7ffffffff000 },
    ]);
    expect(space.largest()).to.deep.equal({ start: 0x7f0000001000, end: 0x7f0ffffff000 });
  });
});

describe('ContentNumbers', () => {
  it('gives consecutive pages of a round consecutive numbers, and no others', () => {
    const builder = new PageMapBuilder();
    builder.add(1, 4, 0, 10);
    builder.add(9, 2, 2, 0);
    builder.add(20, 1, 2, -1);
    const numbers = new ContentNumbers([builder.build()]);
    expect(numbers.of(0, 11)).to.equal(numbers.of(0, 10) + 1);
    expect(numbers.of(2, 0)).to.be.greaterThan(numbers.of(0, 13) + 1);
    for (const place of [
      { round: 0, filePage: 13 },
      { round: 2, filePage: 0 },
      { round: 2, filePage: 1 },
    ])
      expect(numbers.placeOf(numbers.of(place.round, place.filePage))).to.deep.equal(place);
  });
});
