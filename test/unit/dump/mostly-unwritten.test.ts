import { expect } from 'chai';
import { isMostlyUnwritten, MostlyUnwritten } from '../../../src/dump/mostly-unwritten.js';
import { fakeSession, layoutOf, vma } from './fixtures.js';

const minPages = 16_384;

describe('isMostlyUnwritten', () => {
  it('is true from 64 MiB on, below a sixteenth of own pages', () => {
    expect(isMostlyUnwritten(minPages, 0)).to.equal(true);
    expect(isMostlyUnwritten(minPages - 1, 0)).to.equal(false);
    expect(isMostlyUnwritten(minPages, minPages / 16 - 1)).to.equal(true);
    expect(isMostlyUnwritten(minPages, minPages / 16)).to.equal(false);
    expect(isMostlyUnwritten(2 ** 30, 2 ** 20)).to.equal(true);
  });
});

describe('MostlyUnwritten', () => {
  const large = { kind: 'file-private', state: 'swappable' } as const;
  const first = vma(100, 100 + minPages, { ...large, inode: 1 });
  const second = vma(50_000, 50_000 + minPages, { ...large, inode: 2 });

  /** The first mapping has no own page, the second has many; counts the questions. */
  function session() {
    const asked: number[] = [];
    const resident = ([startPage = 0]: Float64Array) => {
      asked.push(startPage);
      const flags = startPage === second.startPage ? 1 : 0;
      const pages = [0, startPage, 5000, flags, 0, startPage + 6000, 10, 1];
      return Promise.resolve(Float64Array.from(pages));
    };
    return { asked, session: fakeSession({ resident }) };
  }

  it('leaves alone what the target has hardly written, and what is not decided', async () => {
    const unwritten = new MostlyUnwritten();
    const layout = layoutOf(first, second, vma(90_000, 90_010, large));
    expect([0, 1, 2].map((i) => unwritten.has(layout, i))).to.deep.equal([true, true, false]);
    await unwritten.decide(session().session, layout);
    expect([0, 1, 2].map((i) => unwritten.has(layout, i))).to.deep.equal([true, false, false]);
  });

  it('asks about each mapping once, until it changes', async () => {
    const unwritten = new MostlyUnwritten();
    const { asked, session: fake } = session();
    const grown = { ...first, endPage: first.endPage + 1 };
    const other = { ...first, inode: 9 };
    for (const mapping of [first, first, grown, grown, other])
      await unwritten.decide(fake, layoutOf(mapping, second));
    expect(asked).to.deep.equal([100, 50_000, 100, 100]);
  });

  it('is the reason in the records, and asks about nothing else', async () => {
    const unwritten = new MostlyUnwritten();
    const { asked, session: fake } = session();
    const records = [
      { ...first },
      vma(50_000, 90_000, { kind: 'anon-private', state: 'swappable' }),
      vma(100_000, 200_000, { kind: 'file-private', state: 'tracked' }),
    ];
    const layout = layoutOf(...records);
    await unwritten.decide(fake, layout);
    unwritten.mark(layout, records);
    expect(asked).to.deep.equal([100]);
    expect(records.map(({ state }) => state)).to.deep.equal([
      'mostly-unwritten',
      'swappable',
      'tracked',
    ]);
  });
});
