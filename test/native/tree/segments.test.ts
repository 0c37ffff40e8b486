import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import { ImageDirectory, type VmaRecord } from '../../../src/image/index.js';
import { FakeSessions } from '../../support/fake-sessions.js';
import { FakeShared } from '../../support/fake-shared.js';
import type { FakeTarget } from '../../support/fake-target.js';
import { SegmentRounds } from '../../support/segment-rounds.js';
import { numbersOf, Scratch, TARGET } from '../../unit/image/fixtures.js';
import { Random } from '../../unit/image/random.js';

const nrPages = 40;

describe('a segment of several members', function () {
  this.timeout(60_000);

  let scratch: Scratch;
  let sessions: FakeSessions;
  let images: ImageDirectory;
  let rounds: SegmentRounds;
  let segment: FakeShared;
  /** who maps it reports what was written to the segment, too */
  let file: FakeShared;

  beforeEach(async () => {
    scratch = await Scratch.create();
    sessions = new FakeSessions();
    await scratch.source(
      Array.from({ length: nrPages }, (_, i) => i + 1),
      'segment',
    );
    await scratch.source([1, 2], 'file');
    segment = new FakeShared(scratch.file('segment'), nrPages);
    file = new FakeShared(scratch.file('file'), 2);
    images = await ImageDirectory.create(scratch.file('images'), { target: TARGET });
    const names: [FakeShared, Partial<VmaRecord>][] = [
      [segment, { kind: 'anon-shared', path: '/dev/shm/x', inode: 7 }],
      [file, { kind: 'file-shared', path: '/x', inode: 8 }],
    ];
    rounds = new SegmentRounds(images, new Map(names));
  });

  afterEach(async () => {
    await images.close();
    sessions[Symbol.dispose]();
    await scratch[Symbol.asyncDispose]();
  });

  /** A target that maps the segment, and the file if it is to report. */
  function addMapper(hasFile = false): FakeTarget {
    const target = sessions.add(101 + sessions.nrTargets);
    target.share(segment);
    if (hasFile) target.share(file);
    return target;
  }

  async function expectStored(by: FakeTarget, message?: string): Promise<void> {
    const content = numbersOf(readFileSync(segment.path));
    expect(await rounds.contentOf(by, segment), message).to.deep.equal(content);
  }

  function harvestedBy(): [pid: number, isPrivate: boolean][] {
    return sessions.harvested.splice(0).map(({ target, isPrivate }) => [target.pid, isPrivate]);
  }

  it('is harvested by one of them, after the others', async () => {
    const [first, second] = [addMapper(), addMapper()];
    await rounds.take([first, second]);
    segment.put(3, 100);
    harvestedBy();
    expect(await rounds.take([first, second])).to.deep.equal([1]);
    expect(harvestedBy()).to.deep.equal([
      [second.pid, true],
      [first.pid, false],
    ]);
    await expectStored(second);
  });

  it('has what a newcomer takes out of its log, when that one is who reports next', async () => {
    const first = addMapper();
    await rounds.take([first]);
    const newcomer = addMapper(true);
    sessions.onHarvest = (target) => {
      if (target === newcomer) segment.put(3, 100);
    };
    expect(await rounds.take([first, newcomer])).to.deep.equal([1]);
    expect(harvestedBy().at(-1)).to.deep.equal([newcomer.pid, false]);
    sessions.onHarvest = () => undefined;
    first.isOver = true;
    segment.put(9, 101);
    expect(await rounds.take([newcomer])).to.deep.equal([1]);
    await expectStored(newcomer);
  });

  it('is stored whole where one who reports has lost count', async () => {
    const first = addMapper();
    await rounds.take([first]);
    const newcomer = addMapper(true);
    sessions.onHarvest = (target) => {
      if (target === newcomer) segment.put(3, 100);
    };
    newcomer.hasLostCount = true;
    expect(await rounds.take([first, newcomer])).to.deep.equal([nrPages]);
    await expectStored(newcomer);
  });

  it('has what a member takes out of its log whose rounds begin anew', async () => {
    const [first, second] = [addMapper(), addMapper(true)];
    await rounds.take([first, second]);
    rounds.forgetPrevious(second);
    sessions.onHarvest = (target) => {
      if (target === second) segment.put(3, 100);
    };
    expect(await rounds.take([first, second])).to.deep.equal([1]);
    await expectStored(second);
  });

  it('is stored whole when who was to report ends before or while it is copied', async () => {
    const [first, second, third] = [addMapper(), addMapper(), addMapper()];
    await rounds.take([first, second, third]);
    segment.put(3, 100);
    const onCopy = () => [first];
    expect(await rounds.take([first, second, third], { onCopy })).to.deep.equal([nrPages]);
    await expectStored(second);
    segment.put(4, 101);
    second.endsAt = 'harvest';
    expect(await rounds.take([second, third])).to.deep.equal([nrPages]);
    await expectStored(third);
  });

  it('is read through the mapping of another where one has unmapped it', async () => {
    const [first, second] = [addMapper(), addMapper()];
    await rounds.take([first, second]);
    segment.put(3, 100);
    const onCopy = () => {
      first.unshare(segment);
      return [];
    };
    expect(await rounds.take([first, second], { onCopy })).to.deep.equal([1]);
    await expectStored(second);
  });

  it('loses no write, whoever comes, goes, ends or begins anew', async () => {
    const random = new Random();
    let targets = [addMapper()];
    let nrWrites = 100;
    const writeSome = (most: number) => {
      for (let nr = random.below(most + 1); nr > 0; nr--)
        segment.put(random.below(nrPages), nrWrites++);
    };
    const change = (target: FakeTarget) => {
      if (random.chance(0.1)) target.toggle(segment);
      if (random.chance(0.1)) target.toggle(file);
      if (random.chance(0.05)) rounds.forgetPrevious(target);
      if (random.chance(0.02)) target.hasLostCount = true;
      // The first one mostly reports for all.
      if (random.chance(target === targets[0] ? 0.2 : 0.03)) target.endsAt = 'harvest';
    };
    const onCopy = () => {
      writeSome(1);
      const ended = targets.filter(() => random.chance(0.03));
      for (const target of ended) target.isOver = true;
      return ended;
    };
    for (let round = 0; round < 60; round++) {
      targets.forEach(change);
      if (targets.length === 0 || random.chance(0.4)) targets.push(addMapper(random.chance(0.8)));
      writeSome(2);
      sessions.onHarvest = () => {
        writeSome(1);
      };
      await rounds.take(targets, { onCopy, isFailed: random.chance(0.1) });
      sessions.onHarvest = () => undefined;
      targets = targets.filter(({ isOver }) => !isOver);
      if (!random.chance(0.2)) continue;
      // Here nobody writes meanwhile.
      await rounds.take(targets);
      for (const target of targets.filter(({ shared }) => shared.has(segment)))
        await expectStored(target, `SEED=${random.seed}, round ${round}`);
    }
  });
});
