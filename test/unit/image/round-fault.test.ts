import { expect } from 'chai';
import {
  checkDirectory,
  ExtentTable,
  ImageDirectory,
  type MemberRecord,
  type RoundMeta,
} from '../../../src/image/index.js';
import {
  anonVma,
  imageErrorOf,
  memberDetails,
  Scratch,
  spoilRound,
  TARGET,
  withNumber,
} from './fixtures.js';

const REF = 2;
const vmas = [anonVma(0, 100)];

function memberAt({ members }: RoundMeta, index: number): MemberRecord {
  const record = members[index];
  if (!record) throw new Error(`no member at ${index}`);
  return record;
}

/** What somebody has done to a round of {@link makeTree}, and what is said of it. */
const cases: [title: string, round: number, change: (meta: RoundMeta) => void, said: string][] = [
  [
    'a ref to pages that nobody stores',
    1,
    (meta) => {
      const child = memberAt(meta, 1);
      child.extents = withNumber(child.extents, 0, 16, 3);
    },
    'round 1, member 1: extent 0 refers to pages that round 0 does not store',
  ],
  [
    'a ref to a later round',
    1,
    (meta) => {
      const child = memberAt(meta, 1);
      child.extents = withNumber(child.extents, 0, 28, 2);
    },
    'round 1, member 1: extent 0 refers to the later round 2',
  ],
  [
    'a ref to a round that is not there',
    2,
    (meta) => {
      const child = memberAt(meta, 1);
      child.extents = withNumber(withNumber(child.extents, 0, 12, REF), 0, 28, 2 ** 32 - 1);
    },
    'round 2, member 1: extent 0 refers to the later round 4294967295',
  ],
  [
    'pages that are said to be stored by another round',
    2,
    (meta) => {
      const child = memberAt(meta, 1);
      child.extents = withNumber(child.extents, 0, 28, 0);
    },
    'round 2, member 1: extent 0 claims to be stored by round 0',
  ],
  [
    'a ref to pages of zeros',
    1,
    (meta) => {
      const child = memberAt(meta, 1);
      child.extents = withNumber(child.extents, 0, 12, REF | 1);
    },
    'round 1, member 1: extent 0 has unknown flags 3',
  ],
  [
    'pages that two members have stored',
    0,
    (meta) => {
      memberAt(meta, 1).extents = memberAt(meta, 0).extents;
    },
    'round 0, member 1: stores page 0 of the pages file, as member 0',
  ],
  [
    'a member that is listed twice',
    1,
    (meta) => {
      meta.members.push({ ...memberAt(meta, 1), target: { ...TARGET, pid: 7 } });
    },
    'round 1, member 1 is listed twice',
  ],
  [
    'two members with one pid',
    1,
    (meta) => {
      memberAt(meta, 1).target = memberAt(meta, 0).target;
    },
    'round 1, member 1: has pid 100, as member 0',
  ],
  [
    'a number that is used again',
    2,
    (meta) => {
      memberAt(meta, 1).member = 2;
      meta.nextMember = 3;
    },
    'round 2, member 2: begins with a delta',
  ],
  [
    'a number that was not given',
    1,
    (meta) => {
      meta.nextMember = 1;
    },
    'round 1, member 1 is not below the next number, 1',
  ],
  [
    'numbers that are given again',
    2,
    (meta) => {
      meta.members.pop();
      meta.nextMember = 1;
    },
    'round 2, the next member would be 1, a number used before',
  ],
  [
    'a member that inherits from itself',
    0,
    (meta) => {
      memberAt(meta, 1).inherited = Float64Array.of(0, 5, 1, 20);
    },
    'round 0, member 1: inherited range 0 is inherited from itself',
  ],
  [
    'members that inherit from each other',
    0,
    (meta) => {
      memberAt(meta, 0).inherited = Float64Array.of(0, 5, 1, 0);
      memberAt(meta, 1).inherited = Float64Array.of(0, 5, 0, 0);
    },
    'round 0, member 0: inherits from itself through others',
  ],
  [
    'a member that inherits from nobody',
    0,
    (meta) => {
      memberAt(meta, 1).inherited = Float64Array.of(0, 5, 9, 0);
    },
    'round 0, member 1: inherited range 0 is of member 9, which does not live',
  ],
  [
    'a member that inherits in its second round',
    1,
    (meta) => {
      memberAt(meta, 1).inherited = Float64Array.of(0, 5, 0, 0);
    },
    'round 1, member 1: inherits, but not in its first round',
  ],
  [
    'an inherited range that wraps around',
    0,
    (meta) => {
      memberAt(meta, 1).inherited = Float64Array.of(0, 2 ** 52, 0, 1);
    },
    'round 0, member 1: inherited range 0 ends behind the address space',
  ],
  [
    'members that are their own ancestors',
    1,
    (meta) => {
      memberAt(meta, 0).parent = 1;
      memberAt(meta, 1).parent = 0;
    },
    'round 1, member 0: is an ancestor of itself',
  ],
  [
    'a parent that never lived',
    1,
    (meta) => {
      memberAt(meta, 1).parent = 5;
    },
    'round 1, member 1: its parent, member 5, never lived',
  ],
  [
    'a segment that is mapped and not there',
    2,
    (meta) => {
      meta.segments = [];
    },
    'round 2, member 0: maps segment 0, which is not there',
  ],
  [
    'a private mapping that shows a segment',
    0,
    (meta) => {
      memberAt(meta, 1).vmas = [anonVma(0, 10, { segment: 0 })];
    },
    'round 0, member 1: the VMA of pages 0 to 10 cannot show segment 0',
  ],
  [
    'a segment that begins with a delta',
    0,
    (meta) => {
      for (const segment of meta.segments) segment.kind = 'delta';
    },
    'round 0, segment 0: begins with a delta',
  ],
  [
    'half an extent',
    1,
    (meta) => {
      memberAt(meta, 1).extents = new ExtentTable(Buffer.alloc(40));
    },
    'round 1, member 1: the extent table has 40 bytes',
  ],
  [
    'a cleared range that ends before it begins',
    1,
    (meta) => {
      memberAt(meta, 1).cleared = Float64Array.of(5, 5);
    },
    'round 1, member 1: cleared range 0 is empty',
  ],
  [
    'nobody',
    2,
    (meta) => {
      meta.members = [];
    },
    'round 2, no member lives',
  ],
];

describe('an images directory that somebody has changed', () => {
  let scratch: Scratch;
  let path: string;

  beforeEach(async () => {
    scratch = await Scratch.create();
    path = scratch.file('images');
    await makeTree();
  });

  afterEach(async () => {
    await scratch[Symbol.asyncDispose]();
  });

  /** Two members over three rounds; member 0 maps a segment. */
  async function makeTree(): Promise<void> {
    const sourceFd = await scratch.source([1, 2, 3, 4, 5]);
    await using directory = await ImageDirectory.create(path, { target: TARGET });
    for (let round = 0; round < 3; round++) {
      await using writer = await directory.beginRound();
      if (round === 0) await writer.member(0).append({ sourceFd, runs: Float64Array.of(0, 0, 5) });
      if (round === 1) writer.member(1).addRefs(0, 3, 0, 0);
      if (round === 2) await writer.member(1).append({ sourceFd, runs: Float64Array.of(0, 0, 1) });
      const kind = round === 0 ? 'full' : 'delta';
      const shared = anonVma(200, 210, { shared: true, kind: 'anon-shared', segment: 0 });
      const members = [[...vmas, shared], vmas].map((layout, member) => {
        const target = { ...TARGET, pid: 100 + member };
        return memberDetails({ member, target, kind, vmas: round === 0 ? layout : null });
      });
      const segments = [
        { segment: 0, dev: '00:01', inode: 1, path: '', nrPages: 10, kind } as const,
      ];
      await writer.commit({ isFrozen: false, members, segments, stats: {} });
    }
  }

  it('is whole before', async () => {
    expect(await checkDirectory(path)).to.include({ nrRounds: 3, nrMembers: 2 });
  });

  for (const [title, round, change, said] of cases) {
    it(`is refused with ${title}`, async () => {
      await spoilRound(path, round, change);
      for (const use of [() => ImageDirectory.open(path), () => checkDirectory(path)]) {
        const error = await imageErrorOf(use);
        expect(error.message).to.include(said);
        expect(error.code).to.equal('IMAGES_DAMAGED');
        expect(error.facts).to.include({ round });
      }
    });
  }
});
