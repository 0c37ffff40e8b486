import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import {
  ImageDirectory,
  memberOf,
  PageReader,
  type SegmentDetails,
} from '../../../src/image/index.js';
import type { Device } from '../../../src/kernel/device.js';
import { Members } from '../../../src/tree/members.js';
import { Segments } from '../../../src/tree/segments.js';
import { StoredPages } from '../../../src/tree/stored-pages.js';
import type { TreeMember } from '../../../src/tree/tree-member.js';
import { takeTreeRound, type TreeState } from '../../../src/tree/tree-round.js';
import type { TreeRoundReport } from '../../../src/tree/tree-reports.js';
import { FakeSessions } from '../../support/fake-sessions.js';
import { FakeShared } from '../../support/fake-shared.js';
import type { End, FakeTarget } from '../../support/fake-target.js';
import { layoutOf, tracked, vma } from '../../unit/dump/fixtures.js';
import { memberDetails, numbersOf, Scratch, TARGET } from '../../unit/image/fixtures.js';

const nrPages = 4;
const device = { status: () => undefined } as unknown as Device;
const selection = { roots: [], isTree: true, cgroup: null, skipUntrackable: false };
const options = { selection, allowExternalSharing: true };

/** A member of a tree, and its target. */
interface Player {
  target: FakeTarget;
  member: TreeMember;
}

describe('a round of a tree, in which a member ends', () => {
  let scratch: Scratch;
  let sessions: FakeSessions;
  let images: ImageDirectory;
  let segment: FakeShared;
  let members: Members;
  /** number 0, which reports for the segment, number 1, and a child of the first that is new */
  let parent: Player;
  let other: Player;
  let heir: Player;

  beforeEach(async () => {
    scratch = await Scratch.create();
    sessions = new FakeSessions();
    await scratch.source([31, 32, 33, 34], 'segment');
    segment = new FakeShared(scratch.file('segment'), nrPages);
    images = await ImageDirectory.create(scratch.file('images'), { target: TARGET });
    members = new Members(device, options, 3);
    parent = await addMember(0, 2 ** 22 + 1, [11, 12, 13, 14]);
    other = await addMember(1, 2 ** 22 + 2, [21, 22, 23, 24]);
    // The names of what it maps are looked up.
    heir = await addMember(2, process.pid, [11, 12, 13, 99], parent.member);
    for (const { target } of [parent, other]) target.share(segment);
    await storeFirst(parent, other);
  });

  afterEach(async () => {
    await images.close();
    sessions[Symbol.dispose]();
    await scratch[Symbol.asyncDispose]();
  });

  async function addMember(
    number: number,
    pid: number,
    content: number[],
    from?: TreeMember,
  ): Promise<Player> {
    const target = sessions.add(pid);
    await scratch.source(content, `region-${number}`);
    target.regions.set(1, scratch.file(`region-${number}`));
    target.vmas = [
      tracked(16, 16 + nrPages, 1, 0, { prot: 3 }),
      vma(64, 66, { prot: 3, state: 'huge' }),
    ];
    const member = target.member(number, from);
    members.add(member);
    return { target, member };
  }

  /** The round before, which has all of their private memory, and the segment. */
  async function storeFirst(...players: Player[]): Promise<void> {
    const source = async (path: string) => ({
      sourceFd: await scratch.openFd(path, 'r'),
      runs: Float64Array.of(0, 16, nrPages),
    });
    await using writer = await images.beginRound();
    const details = [];
    for (const { target, member } of players) {
      const name = { kind: 'anon-shared', path: '/dev/shm/x', dev: '00:01', inode: 7 } as const;
      const more = { prot: 3, shared: true, segment: 0, ...name };
      const region = segment.trackers.get(target) ?? 0;
      target.vmas = [...target.vmas, tracked(100, 100 + nrPages, region, 0, more)];
      member.previous = { vmas: target.vmas, layout: layoutOf(...target.vmas) };
      member.firstRound = 0;
      await writer.member(member.number).append(await source(target.regions.get(1) ?? ''));
      details.push(
        memberDetails({
          member: member.number,
          target: member.context.target,
          kind: 'full',
          sessionId: target.id,
          vmas: [...target.vmas],
        }),
      );
    }
    const { sourceFd } = await source(segment.path);
    await writer.segment(0).append({ sourceFd, runs: Float64Array.of(0, 0, nrPages) });
    const name = { dev: '00:01', inode: 7, path: '/dev/shm/x' };
    const stored: SegmentDetails = { segment: 0, ...name, nrPages, kind: 'full' };
    await writer.commit({ members: details, segments: [stored], isFrozen: false, stats: {} });
  }

  function stateOf(): TreeState {
    const stored = { donors: new StoredPages(), frames: new StoredPages() };
    return { members, images, segments: Segments.of(images.rounds), ...stored };
  }

  async function takeRound(state: TreeState): Promise<TreeRoundReport> {
    return takeTreeRound(state, { swapped: new Map(), freezeMs: () => 0 });
  }

  async function contentOf({ member }: Player, page: number): Promise<number[]> {
    await using reader = new PageReader(images, { member: member.number });
    return numbersOf(await reader.read(page, nrPages));
  }

  /** All that lives is in the images as it is. */
  async function expectStored(...players: Player[]): Promise<void> {
    for (const player of players) {
      const file = player.target.regions.get(1) ?? '';
      const message = `member ${player.member.number}`;
      const content = numbersOf(readFileSync(file));
      expect(await contentOf(player, 16), message).to.deep.equal(content);
    }
    expect(await contentOf(other, 100)).to.deep.equal(numbersOf(readFileSync(segment.path)));
  }

  const ends: [End, string][] = [
    ['harvest', 'while it is harvested'],
    ['resident', 'when it is asked what it has'],
    ['copy', 'while it is copied'],
  ];
  for (const [end, when] of ends)
    it(`drops it, and has all of its child and of the segment: ${when}`, async () => {
      const state = stateOf();
      parent.target.write(1, 2, 113);
      other.target.write(1, 0, 121);
      heir.target.log.push([1, 3]);
      segment.put(1, 132);
      parent.target.endsAt = end;
      const report = await takeRound(state);
      expect(report.ended.map(({ member }) => member)).to.deep.equal([0]);
      expect(images.last?.members.map(({ member }) => member)).to.deep.equal([1, 2]);
      await expectStored(other, heir);
      segment.put(2, 133);
      heir.target.write(1, 0, 111);
      await takeRound(state);
      await expectStored(other, heir);
    });

  for (const end of ['segment', 'commit'] as const)
    it(`has what it has read of it before: ${end}`, async () => {
      const state = stateOf();
      parent.target.write(1, 2, 113);
      heir.target.log.push([1, 3], [1, 2]);
      segment.put(1, 132);
      parent.target.endsAt = end;
      await takeRound(state);
      expect(images.last?.members.map(({ member }) => member)).to.deep.equal([0, 1, 2]);
      await expectStored(parent, other, heir);
      const inherited = images.last && memberOf(images.last, 2)?.inherited;
      expect(inherited).to.have.length.above(0);
    });

  it('comes to nothing where nobody is left', async () => {
    const state = stateOf();
    for (const { target } of [parent, other, heir]) {
      target.write(1, 2, 113);
      target.endsAt = 'copy';
    }
    const error: unknown = await takeRound(state).catch((reason: unknown) => reason);
    expect(error).to.have.property('code', 'NO_MEMBER');
    expect(images.rounds).to.have.length(1);
  });
});
