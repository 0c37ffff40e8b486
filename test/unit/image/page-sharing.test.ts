import { expect } from 'chai';
import { ImageDirectory, pageSharing } from '../../../src/image/index.js';
import { anonVma, memberDetails, Scratch, TARGET } from './fixtures.js';

describe('pageSharing', () => {
  let scratch: Scratch;
  let directory: ImageDirectory;

  beforeEach(async () => {
    scratch = await Scratch.create();
    directory = await ImageDirectory.create(scratch.file('images'), { target: TARGET });
  });

  afterEach(async () => {
    await directory.close();
    await scratch[Symbol.asyncDispose]();
  });

  const vmas = [anonVma(0, 10_000)];

  function member(number: number) {
    const target = { ...TARGET, pid: 100 + number, comm: `worker${number}` };
    return memberDetails({ member: number, target, kind: 'full', vmas });
  }

  it('tells own pages from shared ones, and who shares them', async () => {
    const sourceFd = await scratch.source([1, 2, 3, 4, 0, 5]);
    await using writer = await directory.beginRound();
    await writer.member(0).append({ sourceFd, runs: Float64Array.of(0, 0, 6) });
    writer.member(1).inherit(0, 10, 0, 0);
    await writer.member(1).append({ sourceFd, runs: Float64Array.of(0, 0, 1) });
    writer.member(2).addRefs(50, 2, 0, 2);
    // The same page at two addresses is one page of the member.
    writer.member(2).addRefs(60, 1, 0, 2);
    const shared = { shared: true, kind: 'anon-shared', segment: 3 } as const;
    const segment = { segment: 3, dev: '00:01', inode: 8, path: '/dev/shm/x', nrPages: 4 };
    await writer.segment(3).append({ sourceFd, runs: Float64Array.of(0, 0, 2, 4, 2, 1) });
    const members = [0, 1, 2].map(member);
    for (const details of members.slice(1))
      details.vmas = [...vmas, anonVma(20_000, 20_004, shared)];
    await writer.commit({
      isFrozen: false,
      members,
      segments: [{ ...segment, kind: 'full' }],
      stats: {},
    });
    expect(pageSharing(directory.rounds)).to.deep.equal({
      round: 0,
      members: [
        { member: 0, pid: 100, comm: 'worker0', pages: 5, sharedPages: 4, ownPages: 1 },
        { member: 1, pid: 101, comm: 'worker1', pages: 5, sharedPages: 4, ownPages: 1 },
        { member: 2, pid: 102, comm: 'worker2', pages: 2, sharedPages: 2, ownPages: 0 },
      ],
      groups: [
        { members: [0, 1], pages: 2 },
        { members: [0, 1, 2], pages: 2 },
      ],
      segments: [{ ...segment, storedPages: 2, members: [1, 2] }],
    });
  });

  it('takes the same time for a step however many share a page', async () => {
    const nrMembers = 500;
    await using writer = await directory.beginRound();
    const contents = Array.from({ length: 2000 }, (_, i) => i + 1);
    const sourceFd = await scratch.source(contents);
    await writer.member(0).append({ sourceFd, runs: Float64Array.of(0, 0, 2000) });
    for (let number = 1; number < nrMembers; number++) {
      writer.member(number).inherit(0, 2000, 0, 0);
      writer.member(number).appendZeros(number * 3, 1);
    }
    const members = Array.from({ length: nrMembers }, (_, number) => member(number));
    await writer.commit({ isFrozen: false, members, stats: {} });
    const before = process.cpuUsage();
    const sharing = pageSharing(directory.rounds);
    expect(process.cpuUsage(before).user / 1000).to.be.below(2000);
    expect(sharing.groups).to.have.length(nrMembers);
    expect(sharing.groups[0]).to.include({ pages: 2000 - 499 });
    expect(sharing.groups[1]?.members).to.have.length(nrMembers - 1);
    expect(sharing.members[7]).to.include({ pages: 1999, sharedPages: 1999, ownPages: 0 });
  });

  it('knows no round that is not there', () => {
    expect(() => pageSharing(directory.rounds)).to.throw(RangeError, 'no round');
  });
});
