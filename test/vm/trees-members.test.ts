import { expect } from 'chai';
import { TreeTracker } from '../../src/tree-tracker.js';
import { Cgroup } from '../support/cgroup.js';
import { Heirs } from '../support/heirs.js';
import { Program } from '../support/programs.js';
import { PromiseProgram, startTracking, stopVerified } from '../support/promises.js';
import { moduleUseCount, newImagesPath } from '../support/vm.js';
import { waitFor } from '../support/wait-for.js';

/** Ends tracking of all, and finds the images equal to their memory. */
async function stopAllVerified(tracker: TreeTracker): Promise<void> {
  const { verify } = await tracker.stop({ verify: true });
  expect(verify).to.deep.include({ lostWrites: 0, unreadable: 0 });
}

describe('members of trees', () => {
  it('are one where they share their memory', async () => {
    using program = await Program.start('shared_mm');
    await program.line();
    const options = { pids: [program.pid], isTree: true, images: newImagesPath() };
    const { tracker, round } = await TreeTracker.start(options);
    expect(round.members.map(({ pid }) => pid)).to.deep.equal([program.pid]);
    expect(await program.ask('hello')).to.equal('hello');
    await tracker.round();
    await stopAllVerified(tracker);
    expect(await program.ask('hello')).to.equal('hello');
  });

  it('are named when they cannot be tracked, and left out on demand', async () => {
    using heirs = await Heirs.start();
    await heirs.write(0, 0, 64);
    await heirs.fork(0, 1);
    const other = await startTracking(heirs.pid(1));
    const options = { pids: [heirs.pid(0)], isTree: true, allowExternalSharing: true };
    const start = TreeTracker.start({ ...options, images: newImagesPath() });
    const error: unknown = await start.then(
      () => undefined,
      (reason: unknown) => reason,
    );
    expect(error).to.deep.include({ code: 'ALREADY_TRACKED' });
    expect((error as Error).message).to.contain(`pid ${heirs.pid(1)}`);
    await heirs.checkAll();
    const { tracker, round } = await TreeTracker.start({
      ...options,
      images: newImagesPath(),
      skipUntrackable: true,
    });
    expect(round.skipped.map(({ pid, code }) => [pid, code])).to.deep.equal([
      [heirs.pid(1), 'ALREADY_TRACKED'],
    ]);
    expect(round.members).to.have.length(1);
    await stopVerified(other);
    const { members } = await tracker.round();
    expect(members).to.have.length(2);
    await stopAllVerified(tracker);
    await heirs.checkAll();
  });

  it('are those of a cgroup', async () => {
    using heirs = await Heirs.start();
    await using cgroup = new Cgroup('tracker-trees');
    await heirs.write(0, 0, 64);
    await heirs.fork(0, 1);
    cgroup.add(heirs.pid(0));
    cgroup.add(heirs.pid(1));
    const options = { pids: [], cgroup: 'tracker-trees', images: newImagesPath() };
    const { tracker, round } = await TreeTracker.start(options);
    expect(round.members.map(({ pid }) => pid)).to.have.members([...heirs.pids.values()]);
    await heirs.fork(1, 2);
    expect((await tracker.round()).members).to.have.length(3);
    await stopAllVerified(tracker);
    await heirs.checkAll();
    for (const name of heirs.pids.keys()) await heirs.exit(name);
    await waitFor('an empty cgroup', () => heirs.pids.size === 0);
  });

  for (const promise of ['deep', 'wide']) {
    it(`fork and end during rounds: ${promise}`, async () => {
      using program = await PromiseProgram.start('forks', promise);
      const options = { pids: [program.pid], isTree: true, images: newImagesPath() };
      const { tracker } = await TreeTracker.start({ ...options, allowExternalSharing: true });
      for (let round = 0; round < 5; round++) await tracker.round();
      await stopAllVerified(tracker);
      await program.iterations(3);
      await program.end();
    });
  }

  afterEach(async () => {
    await waitFor('no trace of the sessions', () => moduleUseCount() === 0);
  });
});
