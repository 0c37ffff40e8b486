import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import {
  checkDirectory,
  ImageChain,
  ImageDirectory,
  type MemberDetails,
  memberOf,
  PageReader,
  squash,
} from '../../../src/image/index.js';
import { crc32c } from '../../../src/image/crc32c.js';
import {
  anonVma,
  firstOf,
  imageErrorOf,
  memberDetails,
  pageOf,
  Scratch,
  spoilRound,
  TARGET,
  withNumber,
} from './fixtures.js';

/** Pid 100 and so on, by number. */
function member(number: number, more: Partial<MemberDetails> = {}): MemberDetails {
  const target = { ...TARGET, pid: 100 + number };
  return memberDetails({ member: number, target, kind: 'full', ...more });
}

async function contentsOf(
  directory: ImageDirectory,
  options: { member?: number; upTo?: number },
  page: number,
  nrPages: number,
): Promise<number[]> {
  await using reader = new PageReader(directory, options);
  const bytes = await reader.read(page, nrPages);
  return Array.from({ length: nrPages }, (_, i) => bytes.readUInt32LE(i * 4096));
}

describe('images of a tree', () => {
  let scratch: Scratch;
  let path: string;

  beforeEach(async () => {
    scratch = await Scratch.create();
    path = scratch.file('images');
  });

  afterEach(async () => {
    await scratch[Symbol.asyncDispose]();
  });

  /**
   * Member 0 stores 16 to 20; member 1 is its child, and its pages of 32 to 35 are refs to the last
   * three; in round 1 the child has a new page.
   */
  async function makeTree(): Promise<void> {
    const sourceFd = await scratch.source([1, 2, 3, 4, 5]);
    await using directory = await ImageDirectory.create(path, { target: TARGET });
    await using first = await directory.beginRound();
    const { extents } = await first
      .member(0)
      .append({ sourceFd, runs: Float64Array.of(0, 16, 2, 2, 18, 2) });
    const filePage = extents.filePage(0) + 1;
    first.member(1).addRefs(32, 3, first.number, filePage);
    const vmas = [anonVma(16, 40)];
    const members = [member(0, { vmas }), member(1, { vmas, parent: 0, parentPid: 100 })];
    await first.commit({ isFrozen: false, members, stats: {} });
    await using second = await directory.beginRound();
    await second.member(1).append({ sourceFd, runs: Float64Array.of(4, 33, 1) });
    const delta = { kind: 'delta', vmas: null } as const;
    await second.commit({
      isFrozen: false,
      members: [member(0, delta), member(1, { ...delta, parent: 0, parentPid: 100 })],
      stats: {},
    });
  }

  it('store a page once for those who share it', async () => {
    await makeTree();
    expect(await checkDirectory(path)).to.deep.include({
      nrMembers: 2,
      nrPages: 5,
      nrRefPages: 3,
      bytes: 5 * 4096,
    });
    await using directory = await ImageDirectory.open(path);
    expect(await contentsOf(directory, { member: 1 }, 32, 4)).to.deep.equal([2, 5, 4, 0]);
    expect(await contentsOf(directory, { member: 1, upTo: 0 }, 32, 4)).to.deep.equal([2, 3, 4, 0]);
    expect(await contentsOf(directory, { member: 0 }, 16, 4)).to.deep.equal([1, 2, 3, 4]);
    expect(directory.rounds[0]?.stats).to.include({ pages: 4, refPages: 3 });
  });

  it('are checked where a ref leads to', async () => {
    await makeTree();
    const file = join(path, 'round-0000.pages');
    const bytes = await readFile(file);
    bytes[4096 * 3] = 77;
    await writeFile(file, bytes);
    await using directory = await ImageDirectory.open(path);
    const error = await imageErrorOf(() => contentsOf(directory, { member: 1 }, 34, 1));
    expect(error.code).to.equal('IMAGES_DAMAGED');
    expect(error.message)
      .to.include('round 0, round-0000.pages: bytes 0 to 16384')
      .and.include('member 0');
  });

  it('may refer to several adjoining extents at once', async () => {
    const sourceFd = await scratch.source(Array.from({ length: 600 }, (_, i) => i + 1));
    await using directory = await ImageDirectory.create(path, { target: TARGET });
    await using writer = await directory.beginRound();
    await writer.member(0).append({ sourceFd, runs: Float64Array.of(0, 0, 600) });
    writer.member(1).addRefs(1000, 200, 0, 200);
    writer.member(1).addRefs(1200, 200, 0, 400);
    const vmas = [anonVma(0, 2000)];
    const members = [member(0, { vmas }), member(1, { vmas })];
    const meta = await writer.commit({ isFrozen: false, members, stats: {} });
    expect(firstOf(meta).extents.length).to.equal(3);
    expect(memberOf(meta, 1)?.extents.length, 'refs that go on are one').to.equal(1);
    const contents = await contentsOf(directory, { member: 1 }, 1000, 400);
    expect(contents).to.deep.equal(Array.from({ length: 400 }, (_, i) => i + 201));
  });

  it('end a member that a round leaves out, and never use its number again', async () => {
    await makeTree();
    await using directory = await ImageDirectory.open(path, { write: true });
    const one = async (number: number, more: Partial<MemberDetails>) => {
      await using writer = await directory.beginRound();
      return await writer.commit({ isFrozen: false, members: [member(number, more)], stats: {} });
    };
    const meta = await one(1, { kind: 'delta', vmas: null });
    expect(meta.nextMember).to.equal(2);
    expect(() => new ImageChain(directory.rounds, { member: 0 })).to.throw(
      RangeError,
      'no member 0',
    );
    expect(new ImageChain(directory.rounds).record.member).to.equal(1);
    expect(new ImageChain(directory.rounds, { member: 0, upTo: 1 }).record.target.pid).to.equal(
      100,
    );
    const again = await one(0, { vmas: [anonVma(0, 1)] }).catch((error: unknown) => String(error));
    expect(again).to.include('member 0: had ended');
    // Another process may have its pid.
    const target = { ...TARGET, pid: 100 };
    expect((await one(2, { vmas: [anonVma(0, 1)], target })).nextMember).to.equal(3);
  });

  it('store a segment once, whoever maps which part of it', async () => {
    const sourceFd = await scratch.source([1, 2, 3, 4]);
    const shared = { shared: true, kind: 'anon-shared', segment: 0 } as const;
    const segment = { segment: 0, dev: '00:01', inode: 9, path: '/memfd:x', nrPages: 8 };
    await using directory = await ImageDirectory.create(path, { target: TARGET });
    const layouts = [
      [anonVma(16, 24, shared)],
      [anonVma(100, 102, { ...shared, offset: 2 * 4096 }), anonVma(102, 104, shared)],
    ];
    const membersOf = (kind: 'full' | 'delta') =>
      layouts.map((vmas, i) => member(i, { kind, vmas: kind === 'full' ? vmas : null }));
    await using first = await directory.beginRound();
    await first.segment(0).append({ sourceFd, runs: Float64Array.of(0, 1, 3) });
    // Where a segment is mapped, nobody's own pages count.
    first.member(0).addRefs(16, 1, 0, 0);
    const full = { ...segment, kind: 'full' } as const;
    await first.commit({
      isFrozen: false,
      members: membersOf('full'),
      segments: [full],
      stats: {},
    });
    await using second = await directory.beginRound();
    await second.segment(0).append({ sourceFd, runs: Float64Array.of(3, 2, 1) });
    second.segment(0).clear(3, 4);
    const delta = { ...segment, nrPages: 3, kind: 'delta' } as const;
    await second.commit({
      isFrozen: false,
      members: membersOf('delta'),
      segments: [delta],
      stats: {},
    });

    expect(await contentsOf(directory, { member: 0, upTo: 0 }, 16, 5)).to.deep.equal([
      0, 1, 2, 3, 0,
    ]);
    expect(await contentsOf(directory, { member: 1, upTo: 0 }, 100, 4)).to.deep.equal([2, 3, 0, 1]);
    expect(await contentsOf(directory, { member: 0 }, 16, 5)).to.deep.equal([0, 1, 4, 0, 0]);
    expect(await contentsOf(directory, { member: 1 }, 100, 4)).to.deep.equal([4, 0, 0, 1]);
    await directory.close();
    const meta = await squash(path, scratch.file('out'));
    expect(meta.pagesBytes).to.equal(2 * 4096);
    await using squashed = await ImageDirectory.open(scratch.file('out'));
    expect(await contentsOf(squashed, { member: 1 }, 100, 4)).to.deep.equal([4, 0, 0, 1]);
  });

  it('keep what is shared when they are squashed', async () => {
    await makeTree();
    const meta = await squash(path, scratch.file('out'));
    expect(meta.pagesBytes, '1, 2, 3, 4 and 5').to.equal(5 * 4096);
    expect(meta.stats).to.include({ pages: 5, refPages: 2 });
    await using directory = await ImageDirectory.open(scratch.file('out'));
    expect(await contentsOf(directory, { member: 0 }, 16, 4)).to.deep.equal([1, 2, 3, 4]);
    expect(await contentsOf(directory, { member: 1 }, 32, 4)).to.deep.equal([2, 5, 4, 0]);
    expect(memberOf(meta, 1)).to.include({ kind: 'full', parent: 0, parentPid: 100 });
  });

  it('can be squashed where pages of zeros were stored with their bytes', async () => {
    await makeTree();
    const file = join(path, 'round-0001.pages');
    await writeFile(file, pageOf(0));
    await spoilRound(path, 1, ({ members: [, child] }) => {
      if (child) child.extents = withNumber(child.extents, 0, 24, crc32c(pageOf(0)));
    });
    await squash(path, scratch.file('out'));
    await using directory = await ImageDirectory.open(scratch.file('out'));
    expect(await contentsOf(directory, { member: 1 }, 32, 4)).to.deep.equal([2, 0, 4, 0]);
  });

  it('keep unknown fields of members and segments', async () => {
    await makeTree();
    {
      await using directory = await ImageDirectory.open(path, { write: true });
      await using writer = await directory.beginRound();
      const known = { kind: 'delta', vmas: null } as const;
      const members = [member(0, { ...known, unknownFields: { color: 'blue' } })];
      const segments = [
        {
          segment: 0,
          dev: '00:01',
          inode: 1,
          path: '',
          nrPages: 1,
          kind: 'full' as const,
          unknownFields: { age: 7 },
        },
      ];
      await writer.commit({ isFrozen: false, members, segments, stats: {} });
    }
    await squash(path, scratch.file('out'));
    for (const images of [path, scratch.file('out')]) {
      await using directory = await ImageDirectory.open(images);
      expect(firstOf(directory.last).unknownFields).to.deep.equal({ color: 'blue' });
      expect(directory.last?.segments[0]?.unknownFields).to.deep.equal({ age: 7 });
    }
  });
});
