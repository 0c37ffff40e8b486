import { expect } from 'chai';
import { noFreeze } from '../../../src/dump/reports.js';
import { ImageDirectory, PageReader, type VmaRecord } from '../../../src/image/index.js';
import { copyMember, planMembers } from '../../../src/tree/copy-members.js';
import type { MemberRound } from '../../../src/tree/member-round.js';
import { StoredPages } from '../../../src/tree/stored-pages.js';
import type { TreeMember } from '../../../src/tree/tree-member.js';
import { FakeSessions } from '../../support/fake-sessions.js';
import { layoutOf, tracked, vma } from '../../unit/dump/fixtures.js';
import { numbersOf, memberDetails, Scratch, TARGET } from '../../unit/image/fixtures.js';

const nrPages = 6;

/** A round in which a member has joined. */
function roundOf(member: TreeMember, vmas: readonly VmaRecord[], runs: number[]): MemberRound {
  const swap = { layout: layoutOf(), names: [], nrVmas: 0, nrPages: 0, freeze: noFreeze };
  const rest = { sharing: [], ipcNamespace: undefined, isHarvester: false, stored: new Map() };
  const numbers = { nrPages: 0, nrPinned: 0, nrRescans: 0, overflow: false };
  const harvest = { epoch: 1, runs: Float64Array.from(runs), ...numbers };
  return { member, swap, vmas, isSame: false, harvest, ...rest };
}

describe('an heir', () => {
  let scratch: Scratch;
  let sessions: FakeSessions;

  beforeEach(async () => {
    scratch = await Scratch.create();
    sessions = new FakeSessions();
  });

  afterEach(async () => {
    sessions[Symbol.dispose]();
    await scratch[Symbol.asyncDispose]();
  });

  /** A parent and its child, which has written page 3 of what it has from it. */
  async function makeFamily(): Promise<{ parent: MemberRound; heir: MemberRound }> {
    const [target, child] = [sessions.add(101), sessions.add(102)];
    await scratch.source([1, 2, 3, 4, 5, 6], 'parent');
    await scratch.source([1, 2, 3, 99, 5, 6], 'heir');
    target.regions.set(1, scratch.file('parent'));
    child.regions.set(1, scratch.file('heir'));
    const mappings = () => [
      tracked(16, 16 + nrPages, 1, 0, { prot: 3 }),
      vma(64, 66, { prot: 3, state: 'huge' }),
    ];
    const member = target.member(0);
    const parent = roundOf(member, mappings(), []);
    const heir = roundOf(child.member(1, member), mappings(), [1, 3, 1]);
    return { parent, heir };
  }

  /** Plans both; then stores those that are left, and reads what the heir has in the images. */
  async function store(rounds: readonly MemberRound[], left: readonly MemberRound[]) {
    const images = await ImageDirectory.create(scratch.file('images'), { target: TARGET });
    await using _ = images;
    const parentOf = (list: readonly MemberRound[]) => (round: MemberRound) =>
      list.find(({ member }) => member.sessionId === round.member.lineage?.sessionId);
    await planMembers(rounds, parentOf(rounds), false);
    await using writer = await images.beginRound();
    const stored = { donors: new StoredPages(), frames: new StoredPages() };
    for (const round of left) {
      const rest = { parentOf: parentOf(left), isFrozen: false };
      await copyMember(round, { images, writer, ...stored, ...rest });
    }
    const { nrPages: nrStored } = writer.member(1).counts;
    const members = left.map(({ member, vmas }) =>
      memberDetails({
        member: member.number,
        target: member.context.target,
        kind: 'full',
        vmas: [...vmas],
      }),
    );
    await writer.commit({ members, isFrozen: false, stats: {} });
    await using reader = new PageReader(images, { member: 1 });
    return { nrStored, contents: numbersOf(await reader.read(16, nrPages)) };
  }

  it('stores what it does not have from its parent', async () => {
    const { parent, heir } = await makeFamily();
    const { nrStored, contents } = await store([parent, heir], [parent, heir]);
    expect(contents).to.deep.equal([1, 2, 3, 99, 5, 6]);
    expect(nrStored).to.equal(1);
  });

  it('stores all that it has when its parent ends before it is copied', async () => {
    const { parent, heir } = await makeFamily();
    const { nrStored, contents } = await store([parent, heir], [heir]);
    expect(contents).to.deep.equal([1, 2, 3, 99, 5, 6]);
    expect(nrStored).to.equal(nrPages);
    expect(sessions.nrAsked).to.equal(2);
  });
});
