import { expect } from 'chai';
import { ImageError } from '../../../src/errors.js';
import {
  ExtentTable,
  type MemberDetails,
  type MemberRecord,
  type RoundMeta,
  TreeResolver,
} from '../../../src/image/index.js';
import { anonVma, memberDetails } from './fixtures.js';

/** Quadruples page, nrPages, flags, filePage, of the same round unless a fifth number names it. */
function tableOf(round: number, extents: readonly number[][]): ExtentTable {
  const bytes = Buffer.alloc(extents.length * 32);
  extents.forEach(([page = 0, nrPages = 0, flags = 0, filePage = 0, stored = round], i) => {
    bytes.writeBigUInt64LE(BigInt(page), i * 32);
    bytes.writeUInt32LE(nrPages, i * 32 + 8);
    bytes.writeUInt32LE(flags, i * 32 + 12);
    bytes.writeBigUInt64LE(BigInt(filePage), i * 32 + 16);
    bytes.writeUInt32LE(stored, i * 32 + 28);
  });
  return new ExtentTable(bytes);
}

/** What a test says of a member. */
interface TestMember extends Partial<MemberDetails> {
  extents?: number[][];
  cleared?: number[];
  /** quadruples page, nrPages, from member, from page */
  inherited?: number[];
}

function tree(number: number, ...members: TestMember[]): RoundMeta {
  return {
    number,
    id: String(number),
    parent: null,
    imagesId: '',
    time: '',
    isFrozen: false,
    stats: {},
    members: members.map(
      ({ extents = [], cleared = [], inherited = [], ...more }, member): MemberRecord => ({
        ...memberDetails({ member, kind: number === 0 ? 'full' : 'delta', ...more }),
        cleared: Float64Array.from(cleared),
        extents: tableOf(number, extents),
        inherited: Float64Array.from(inherited),
        unknownFields: {},
      }),
    ),
    segments: [],
    nextMember: members.length,
    nextSegment: 0,
    pagesBytes: 0,
    unknownFields: {},
  };
}

function round(number: number, extents: number[][], more: TestMember = {}): RoundMeta {
  return tree(number, { extents, ...more });
}

function pieces(rounds: RoundMeta[], upTo = rounds.length - 1, member = 0): number[][] {
  const map = new TreeResolver(rounds).pageMap(member, upTo);
  return [...map.entries()].map(({ page, nrPages, round: number, isZero, filePage }) => [
    page,
    nrPages,
    number,
    isZero ? -1 : filePage,
  ]);
}

const EVERYTHING = { vmas: [anonVma(0, 2 ** 40)] };

describe('TreeResolver', () => {
  it('takes the newest of several versions of a page', () => {
    const rounds = [round(0, [[10, 10, 0, 0]], EVERYTHING), round(1, [[12, 2, 0, 0]])];
    expect(pieces(rounds)).to.deep.equal([
      [10, 2, 0, 0],
      [12, 2, 1, 0],
      [14, 6, 0, 4],
    ]);
  });

  it('takes the later of two extents that overlap in one round', () => {
    const rounds = [
      round(
        0,
        [
          [12, 10, 0, 0],
          [10, 4, 0, 10],
        ],
        EVERYTHING,
      ),
    ];
    expect(pieces(rounds)).to.deep.equal([
      [10, 4, 0, 10],
      [14, 8, 0, 2],
    ]);
  });

  it('keeps a hidden extent whole under one that was hidden in its turn', () => {
    const rounds = [
      round(0, [[0, 9, 0, 0]], EVERYTHING),
      round(1, [[3, 3, 0, 0]]),
      round(2, [[2, 5, 1, 0]]),
    ];
    expect(pieces(rounds)).to.deep.equal([
      [0, 2, 0, 0],
      [2, 5, 2, -1],
      [7, 2, 0, 7],
    ]);
  });

  it('forgets what a newer round has cleared, and keeps what that round stores itself', () => {
    const rounds = [
      round(0, [[0, 10, 0, 0]], EVERYTHING),
      round(1, [[5, 1, 0, 0]], { cleared: [4, 8] }),
    ];
    expect(pieces(rounds)).to.deep.equal([
      [0, 4, 0, 0],
      [5, 1, 1, 0],
      [8, 2, 0, 8],
    ]);
  });

  it('ignores everything before the last full round', () => {
    const rounds = [
      round(0, [[0, 10, 0, 0]], EVERYTHING),
      round(1, [[20, 1, 0, 0]], { ...EVERYTHING, kind: 'full' }),
    ];
    expect(pieces(rounds)).to.deep.equal([[20, 1, 1, 0]]);
    expect(pieces(rounds, 0)).to.deep.equal([[0, 10, 0, 0]]);
  });

  it('leaves out what the layout of the round does not map', () => {
    const rounds = [
      round(0, [[0, 10, 0, 0]], EVERYTHING),
      round(1, [], { vmas: [anonVma(1, 3), anonVma(3, 4), anonVma(8, 20)] }),
    ];
    expect(pieces(rounds)).to.deep.equal([
      [1, 3, 0, 1],
      [8, 2, 0, 8],
    ]);
  });

  it('finds the piece that holds a page', () => {
    const extents = [
      [4, 4, 0, 7],
      [10, 1, 1, 0],
    ];
    const map = new TreeResolver([round(0, extents, EVERYTHING)]).pageMap(0, 0);
    expect(map.lookup(3)).to.equal(undefined);
    expect(map.lookup(6)).to.include({ page: 6, nrPages: 2, filePage: 9, isZero: false });
    expect(map.lookup(8)).to.equal(undefined);
    expect(map.lookup(10)).to.include({ page: 10, nrPages: 1, isZero: true });
    expect(map.lookup(11)).to.equal(undefined);
  });

  it('resolves a chain of 300 rounds with 1000 scattered pages each', () => {
    const rounds = Array.from({ length: 300 }, (_, number) =>
      round(
        number,
        Array.from({ length: 1000 }, (_, i) => [i * 600 + number, 1, 0, i]),
        number === 0 ? EVERYTHING : {},
      ),
    );
    expect(new TreeResolver(rounds).pageMap(0, 299).length).to.equal(300_000);
  });

  describe('of a tree', () => {
    it('finds what three generations have in common, and what each has written since', () => {
      const rounds = [
        tree(0, { ...EVERYTHING, extents: [[0, 10, 0, 0]] }),
        tree(
          1,
          {},
          { ...EVERYTHING, kind: 'full', inherited: [0, 10, 0, 0], extents: [[1, 1, 0, 0]] },
        ),
        tree(
          2,
          { extents: [[0, 4, 0, 0]] },
          { extents: [[2, 1, 0, 4]] },
          { ...EVERYTHING, kind: 'full', inherited: [0, 10, 1, 0], extents: [[3, 1, 0, 5]] },
        ),
        tree(3, { extents: [[9, 1, 0, 0]] }, { cleared: [5, 6] }, { extents: [[2, 1, 1]] }),
      ];
      expect(pieces(rounds, 3, 0)).to.deep.equal([
        [0, 4, 2, 0],
        [4, 5, 0, 4],
        [9, 1, 3, 0],
      ]);
      expect(pieces(rounds, 3, 1)).to.deep.equal([
        [0, 1, 0, 0],
        [1, 1, 1, 0],
        [2, 1, 2, 4],
        [3, 2, 0, 3],
        [6, 4, 0, 6],
      ]);
      expect(pieces(rounds, 3, 2)).to.deep.equal([
        [0, 1, 0, 0],
        [1, 1, 1, 0],
        [2, 1, 3, -1],
        [3, 1, 2, 5],
        [4, 6, 0, 4],
      ]);
    });

    it('finds what a mapping has that was moved since the fork', () => {
      const vmas = [anonVma(100, 110)];
      const rounds = [
        tree(0, { ...EVERYTHING, extents: [[3, 10, 0, 0]] }),
        tree(1, {}, { vmas, kind: 'full', inherited: [98, 10, 0, 4] }),
        tree(2, { cleared: [0, 20] }, { extents: [[101, 1, 1]] }),
      ];
      expect(pieces(rounds, 1, 1)).to.deep.equal([[100, 7, 0, 3]]);
      expect(pieces(rounds, 2, 1)).to.deep.equal([
        [100, 1, 0, 3],
        [101, 1, 2, -1],
        [102, 5, 0, 5],
      ]);
    });

    it('inherits nothing that the other one does not map, nor from its segments', () => {
      const shared = { shared: true, kind: 'anon-shared', segment: 0 } as const;
      const vmas = [anonVma(0, 2), anonVma(2, 4, shared), anonVma(6, 8)];
      const rounds = [
        tree(0, { vmas, extents: [[0, 10, 0, 0]] }, { ...EVERYTHING, inherited: [0, 10, 0, 0] }),
      ];
      expect(pieces(rounds, 0, 1)).to.deep.equal([
        [0, 2, 0, 0],
        [6, 2, 0, 6],
      ]);
    });

    it('knows what a member has inherited from one that has ended', () => {
      const rounds = [
        tree(
          0,
          { ...EVERYTHING, extents: [[0, 4, 0, 0]] },
          { ...EVERYTHING, inherited: [0, 4, 0, 0] },
        ),
        tree(1, { member: 1 }),
      ];
      expect(pieces(rounds, 1, 1)).to.deep.equal([[0, 4, 0, 0]]);
      expect(pieces(rounds, 1, 0)).to.deep.equal([]);
    });

    it('takes pages from the pages file that a ref names', () => {
      const rounds = [
        round(0, [[0, 4, 0, 0]], EVERYTHING),
        round(1, [
          [10, 2, 2, 1, 0],
          [12, 1, 0, 0],
        ]),
      ];
      expect(pieces(rounds).slice(1)).to.deep.equal([
        [10, 2, 0, 1],
        [12, 1, 1, 0],
      ]);
    });

    it('finds the memory of 500 members at once', () => {
      const vmas = Array.from({ length: 10 }, (_, i) => anonVma(i * 100, i * 100 + 50));
      const inherited = vmas.flatMap(({ startPage }) => [startPage, 50, 0, startPage]);
      const first = { vmas, extents: vmas.map(({ startPage }, i) => [startPage, 50, 0, i * 50]) };
      const children = Array.from({ length: 499 }, () => ({ vmas, inherited }));
      const rounds = [tree(0, first, ...children)];
      const before = process.cpuUsage();
      const resolver = new TreeResolver(rounds);
      let nrEntries = 0;
      for (let member = 0; member < 500; member++) nrEntries += resolver.pageMap(member, 0).length;
      // Time of this process: the machine may be busy.
      expect(process.cpuUsage(before).user / 1000).to.be.below(1000);
      expect(nrEntries).to.equal(5000);
    });

    it('follows 5000 generations of one round', () => {
      const heirs = Array.from({ length: 5000 }, (_, i) => ({
        ...EVERYTHING,
        inherited: [0, 10, i, 0],
      }));
      const rounds = [tree(0, { ...EVERYTHING, extents: [[0, 10, 0, 0]] }, ...heirs)];
      expect(pieces(rounds, 0, 5000)).to.deep.equal([[0, 10, 0, 0]]);
    });

    it('refuses generations of which each has twice what the one before has', () => {
      const heirs = Array.from({ length: 50 }, (_, i) => ({
        ...EVERYTHING,
        inherited: [0, 2 ** i, i, 0, 2 ** i, 2 ** i, i, 0],
      }));
      const rounds = [tree(0, { ...EVERYTHING, extents: [[0, 1, 0, 0]] }, ...heirs)];
      expect(() => pieces(rounds, 0, 50))
        .to.throw(ImageError, 'inherits more than is stored')
        .with.property('code', 'IMAGES_DAMAGED');
    });
  });
});
