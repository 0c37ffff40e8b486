import { expect } from 'chai';
import type { VmaRecord } from '../../../src/image/index.js';
import type { Device } from '../../../src/kernel/device.js';
import type { Session } from '../../../src/kernel/session.js';
import { Members } from '../../../src/tree/members.js';
import { TreeMember } from '../../../src/tree/tree-member.js';
import { fakeSession, vma } from '../dump/fixtures.js';
import { TARGET } from '../image/fixtures.js';

const device = { status: () => undefined } as unknown as Device;
const selection = { roots: [], isTree: false, cgroup: null, skipUntrackable: true };
const options = { selection, allowExternalSharing: false };
/** Of no process. */
const [pidA, pidB, pidC, outsider] = [2 ** 22 + 1, 2 ** 22 + 2, 2 ** 22 + 3, 2 ** 22 + 9];

function mapping(startPage: number, path = '/dev/shm/x', inode = 7): VmaRecord {
  const memory = { kind: 'anon-shared', shared: true, state: 'swappable' } as const;
  return vma(startPage, startPage + 2, { ...memory, path, inode });
}

/** @param sharers as the module answers: the others */
function addMember(
  members: Members,
  pid: number,
  sharers: (startPage: number) => number[] | undefined,
): { member: TreeMember; asked: number[] } {
  const asked: number[] = [];
  const session: Session = fakeSession({
    pid,
    sharers: (startPage) => {
      asked.push(startPage);
      return Promise.resolve(sharers(startPage));
    },
    status: () => ({ id: `session of ${pid}` }) as ReturnType<Session['status']>,
    close: () => undefined,
  });
  const rest = { target: { ...TARGET, pid }, parentPid: 1, member: pid - pidA };
  const member = new TreeMember({ pid, session, ...rest }, null, null);
  members.add(member);
  return { member, asked };
}

async function sharersOf(members: Members, member: TreeMember, ...vmas: VmaRecord[]) {
  const sharing = await members.externalSharing(member, vmas);
  return sharing.map(({ pids }) => pids);
}

describe('memory that members share', () => {
  let members: Members;

  beforeEach(() => {
    members = new Members(device, options, 0);
  });

  it('is asked about once, and has no outsiders among members', async () => {
    const a = addMember(members, pidA, () => [pidB]);
    const b = addMember(members, pidB, () => [pidA]);
    expect(await sharersOf(members, a.member, mapping(100))).to.deep.equal([]);
    expect(await sharersOf(members, b.member, mapping(500))).to.deep.equal([]);
    expect([a.asked, b.asked]).to.deep.equal([[100], []]);
  });

  it('is shared with who was asked about it, when that one is left out', async () => {
    const a = addMember(members, pidA, () => [pidB]);
    const b = addMember(members, pidB, () => [pidA]);
    await sharersOf(members, a.member, mapping(100));
    members.remove(a.member);
    expect(await sharersOf(members, b.member, mapping(500))).to.deep.equal([[pidA]]);
  });

  it('is not shared with a member that has ended', async () => {
    const a = addMember(members, pidA, () => [pidB]);
    const b = addMember(members, pidB, () => [pidA]);
    await sharersOf(members, a.member, mapping(100));
    members.drop(a.member);
    expect(await sharersOf(members, b.member, mapping(500))).to.deep.equal([]);
  });

  it('is asked about again where the first one has unmapped it', async () => {
    const a = addMember(members, pidA, () => undefined);
    const b = addMember(members, pidB, () => [outsider]);
    const c = addMember(members, pidC, () => [outsider]);
    expect(await sharersOf(members, a.member, mapping(100))).to.deep.equal([]);
    expect(await sharersOf(members, b.member, mapping(500))).to.deep.equal([[outsider]]);
    expect(await sharersOf(members, c.member, mapping(600))).to.deep.equal([[outsider]]);
    expect([b.asked, c.asked]).to.deep.equal([[500], []]);
  });
});
