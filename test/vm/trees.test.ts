import { expect } from 'chai';
import { checkDirectory, pageSharing } from '../../src/image/index.js';
import { TreeTracker } from '../../src/tree-tracker.js';
import type { TreeStopReport } from '../../src/tree/tree-reports.js';
import { Heirs } from '../support/heirs.js';
import { Program } from '../support/programs.js';
import { moduleUseCount, newImagesPath } from '../support/vm.js';
import { waitFor } from '../support/wait-for.js';

/** Tracks a family of heirs.c, without the process that supervises it. */
async function startTree(heirs: Heirs, isTree = true) {
  // Children are adopted when their parent ends: they are named, too.
  const pids = [...heirs.pids.values()];
  return TreeTracker.start({ pids, isTree, images: newImagesPath(), allowExternalSharing: true });
}

async function stopVerified(tracker: TreeTracker, heirs: Heirs): Promise<TreeStopReport> {
  const report = await tracker.stop({ verify: true });
  expect(report.verify).to.deep.include({ lostWrites: 0, unreadable: 0 });
  await heirs.checkAll();
  await checkDirectory(tracker.images.path);
  return report;
}

describe('trees', () => {
  it('that were forked before the start store each page once', async () => {
    using heirs = await Heirs.start();
    await heirs.write(0, 0, 64);
    for (const name of [1, 2, 3]) await heirs.fork(0, name);
    await heirs.write(1, 0, 8);
    const { tracker, round } = await startTree(heirs);
    expect(round.members).to.have.length(4);
    // The area is shared by all, but for what one has written.
    const [first, ...others] = round.members;
    for (const { pages, refPages } of others) {
      expect(refPages).to.be.at.least(56);
      expect(pages).to.be.below((first?.pages ?? 0) - 40);
    }
    await heirs.checkAll();
    const { groups } = pageSharing(tracker.images.rounds);
    const common = groups.find(({ members }) => members.length === 4);
    expect(common?.pages).to.be.at.least(56);
    for (const name of heirs.pids.keys()) await heirs.write(name, name * 4, 10);
    const delta = await tracker.round();
    expect(delta.kind).to.equal('delta');
    for (const { dirtyPages } of delta.members) expect(dirtyPages).to.be.within(10, 40);
    await heirs.checkAll();
    await stopVerified(tracker, heirs);
  });

  it('take in children that are born between rounds, and theirs', async () => {
    using heirs = await Heirs.start();
    await heirs.write(0, 0, 64);
    const { tracker, round } = await startTree(heirs);
    await heirs.fork(0, 1);
    await heirs.write(0, 0, 4);
    await heirs.write(1, 2, 4);
    await heirs.fork(1, 2);
    await heirs.write(2, 10, 2);
    const second = await tracker.round();
    expect(second.members.map(({ pid }) => pid)).to.have.members([...heirs.pids.values()]);
    for (const { isNew, pages } of second.members.filter((member) => member.isNew)) {
      expect(isNew).to.equal(true);
      expect(pages).to.be.below((round.pages * 2) / 3);
    }
    await heirs.checkAll();
    await heirs.forget(1, 20, 3);
    await heirs.forget(0, 22, 3);
    await heirs.forget(2, 60, 2);
    await heirs.fork(2, 3);
    await heirs.forget(3, 50, 4);
    await tracker.round();
    await heirs.fork(3, 4);
    await heirs.write(4, 0, 2);
    await heirs.fork(0, 5);
    await heirs.forget(5, 49, 2);
    const { final } = await stopVerified(tracker, heirs);
    expect(final.members).to.have.length(6);
  });

  it('go on when members exit, and orphans stay', async () => {
    using heirs = await Heirs.start();
    await heirs.write(0, 0, 64);
    await heirs.fork(0, 1);
    await heirs.fork(1, 2);
    const { tracker } = await startTree(heirs);
    await heirs.fork(2, 3);
    await heirs.exit(1);
    const second = await tracker.round();
    expect(second.ended.map(({ reason }) => reason)).to.deep.equal(['exited']);
    await heirs.fork(3, 4);
    await heirs.exit(2);
    await heirs.write(3, 3, 9);
    await tracker.round();
    await heirs.write(4, 0, 3);
    const { members } = await stopVerified(tracker, heirs);
    expect(members.map(({ pid }) => pid)).to.have.members([...heirs.pids.values()]);
  });

  it('store a segment once that members map in different parts', async () => {
    using heirs = await Heirs.start();
    for (const name of [1, 2]) await heirs.fork(0, name);
    await heirs.share(0, 0, 100);
    await heirs.share(1, 50, 100);
    await heirs.share(2, 120, 80);
    await heirs.put(0, 0, 100, 1);
    await heirs.put(1, 60, 70, 2);
    const { tracker, round } = await startTree(heirs);
    expect(round.segments).to.have.length(1);
    expect(round.segments[0]).to.deep.include({ nrPages: 200, pages: 130 });
    await heirs.put(2, 125, 3, 3);
    await heirs.put(0, 55, 2, 4);
    await heirs.fork(1, 3);
    await heirs.put(3, 100, 4, 5);
    const second = await tracker.round();
    expect(second.segments[0]?.pages).to.equal(9);
    await heirs.exit(0);
    await heirs.put(1, 149, 1, 6);
    const third = await tracker.round();
    // Another member reports: also what was reported to the first one after its last harvest.
    expect(third.segments[0]?.pages).to.equal(9 + 1);
    await heirs.put(2, 199, 1, 6);
    const { final } = await stopVerified(tracker, heirs);
    expect(final.segments[0]?.pages).to.equal(1);
  });

  it('tell segments apart that have one inode number', async () => {
    using program = await Program.start('segments');
    const { tracker, round } = await TreeTracker.start({
      pids: [program.pid],
      isTree: true,
      images: newImagesPath(),
    });
    expect(round.segments.map(({ pages }) => pages)).to.deep.equal([4, 4]);
    await program.ask('2');
    const second = await tracker.round();
    expect(second.segments.map(({ pages }) => pages)).to.deep.equal([4, 4]);
    await program.ask('3');
    const { verify } = await tracker.stop({ verify: true });
    expect(verify).to.deep.include({ lostWrites: 0, unreadable: 0 });
    await program.ask('4');
  });

  it('follow exec: what a process was before has ended', async () => {
    using heirs = await Heirs.start();
    using other = await Program.start('reexec');
    const pids = [heirs.pid(0), other.pid];
    const { tracker } = await TreeTracker.start({ pids, images: newImagesPath() });
    process.kill(other.pid, 'SIGUSR1');
    expect(await other.line()).to.equal('again');
    const second = await tracker.round();
    expect(second.ended).to.deep.include({
      member: 1,
      pid: other.pid,
      comm: 'reexec',
      reason: 'exec',
    });
    expect(second.members.map(({ member }) => member)).to.deep.equal([0, 2]);
    await stopVerified(tracker, heirs);
    other.send('q');
    expect((await other.exit).code).to.equal(0);
  });

  it('are continued by a second controller', async () => {
    using heirs = await Heirs.start();
    await heirs.write(0, 0, 64);
    await heirs.fork(0, 1);
    const { tracker } = await startTree(heirs);
    await heirs.write(1, 0, 5);
    await heirs.fork(1, 2);
    await tracker.close();
    const second = await TreeTracker.resume({ images: tracker.images.path });
    const round = await second.round();
    expect(round.members.filter(({ kind }) => kind === 'delta')).to.have.length(2);
    await heirs.write(2, 7, 5);
    await stopVerified(second, heirs);
  });

  afterEach(async () => {
    await waitFor('no trace of the sessions', () => moduleUseCount() === 0);
  });
});
