import { spawnSync } from 'node:child_process';
import { release } from 'node:os';
import { expect } from 'chai';
import type { Progress } from '../../src/dump/reports.js';
import { TreeTracker } from '../../src/tree-tracker.js';
import type { TreeRoundReport } from '../../src/tree/tree-reports.js';
import { Heirs } from '../support/heirs.js';
import { statesOf } from '../support/threads.js';
import { moduleUseCount, newImagesPath } from '../support/vm.js';
import { isDebugKernel, waitFor } from '../support/wait-for.js';

const script = '/tracker/build/dist/test/support/tree-controller.js';

type Call = 'start' | 'round' | 'stop';

/** Nobody is left standing, and everybody has the memory that it should have. */
async function expectUnharmed(heirs: Heirs): Promise<void> {
  for (const pid of heirs.pids.values()) expect(statesOf(pid)).to.not.include('t');
  await heirs.checkAll();
}

/** Three generations, the second one with a brother. */
async function startFamily(): Promise<Heirs> {
  const heirs = await Heirs.start();
  await heirs.write(0, 0, 40);
  await heirs.fork(0, 1);
  await heirs.fork(0, 2);
  await heirs.fork(1, 3);
  return heirs;
}

function expectMembers(heirs: Heirs, { members }: TreeRoundReport): void {
  expect(members.map(({ pid }) => pid)).to.have.members([...heirs.pids.values()]);
}

async function stopVerified(tracker: TreeTracker, heirs: Heirs): Promise<void> {
  const { final, verify } = await tracker.stop({ verify: true });
  expect(verify).to.deep.include({ lostWrites: 0, unreadable: 0 });
  expectMembers(heirs, final);
  await expectUnharmed(heirs);
}

/**
 * Each takes seconds under emulation, most of all where a controller is started: the two kernels share
 * the cases between them. The debug kernel has all.
 */
function myHalf<T>(cases: readonly T[]): T[] {
  const first = release().startsWith('6.1.') ? 0 : 1;
  return cases.filter((_, i) => isDebugKernel || i % 2 === first);
}

describe('a controller of a tree that is killed with SIGKILL', () => {
  function dieAt(call: Call, phase: string, count: number, images: string, pid = 0): void {
    const args = [script, images, call, phase, String(count), String(pid)];
    const { signal, stdout } = spawnSync(process.execPath, args, { encoding: 'utf8' });
    expect(signal, stdout).to.equal('SIGKILL');
  }

  for (const [phase, count] of myHalf([
    ['freeze', 1],
    ['freeze', 3],
    ['swap', 1],
  ] as const)) {
    it(`at ${phase} ${count} of start leaves nothing behind`, async () => {
      using heirs = await startFamily();
      const images = newImagesPath();
      dieAt('start', phase, count, images, heirs.pid(0));
      await expectUnharmed(heirs);
      await waitFor('no session', () => moduleUseCount() === 0);
      const options = { pids: [heirs.pid(0)], isTree: true, allowExternalSharing: true };
      const { tracker } = await TreeTracker.start({ ...options, images: newImagesPath() });
      await stopVerified(tracker, heirs);
    });
  }

  for (const [phase, count] of myHalf([
    ['swap', 3],
    ['harvest', 1],
    ['harvest', 2],
    ['copy', 1],
    ['copy', 4],
    ['commit', 1],
    ['commit', 2],
  ] as const)) {
    it(`at ${phase} ${count} of start leaves a tree that a second one goes on with`, async () => {
      using heirs = await startFamily();
      const images = newImagesPath();
      dieAt('start', phase, count, images, heirs.pid(0));
      await expectUnharmed(heirs);
      await heirs.write(1, 3, 5);
      const second = await TreeTracker.resume({ images });
      expectMembers(heirs, await second.round());
      await heirs.write(2, 3, 5);
      await stopVerified(second, heirs);
    });
  }

  it('in the middle of start leaves a tree that can be stopped at once', async () => {
    using heirs = await startFamily();
    const images = newImagesPath();
    dieAt('start', 'copy', 2, images, heirs.pid(0));
    await heirs.write(1, 3, 5);
    await stopVerified(await TreeTracker.resume({ images }), heirs);
  });

  for (const [call, phase, count] of myHalf([
    ['round', 'freeze', 1],
    ['round', 'swap', 1],
    ['round', 'harvest', 1],
    ['round', 'harvest', 2],
    ['round', 'copy', 1],
    ['round', 'copy', 5],
    ['round', 'commit', 1],
    ['round', 'commit', 2],
    ['stop', 'freeze', 1],
    ['stop', 'freeze', 4],
    ['stop', 'freeze', 5],
    ['stop', 'swap', 1],
    ['stop', 'harvest', 2],
    ['stop', 'copy', 5],
    ['stop', 'commit', 1],
    ['stop', 'commit', 2],
    ['stop', 'revert', 1],
    ['stop', 'revert', 3],
    ['stop', 'revert', 5],
  ] as const)) {
    it(`at ${phase} ${count} of ${call} leaves a tree that a second one goes on with`, async () => {
      using heirs = await startFamily();
      const images = newImagesPath();
      const options = { pids: [heirs.pid(0)], isTree: true, allowExternalSharing: true };
      const { tracker } = await TreeTracker.start({ ...options, images });
      await tracker.close();
      await heirs.fork(1, 4);
      await heirs.write(0, 0, 4);
      await heirs.write(4, 2, 4);
      dieAt(call, phase, count, images);
      await expectUnharmed(heirs);
      await heirs.write(3, 3, 5);
      const second = await TreeTracker.resume({ images });
      expectMembers(heirs, await second.round());
      await heirs.write(2, 3, 5);
      await stopVerified(second, heirs);
    });
  }

  afterEach(async () => {
    await waitFor('no trace of the sessions', () => moduleUseCount() === 0);
  });
});

describe('a member that dies', () => {
  /** Kills a process of the family when a phase is entered for the count-th time, and waits for it. */
  function killAt(heirs: Heirs, who: number, phase: string, count: number) {
    let nrLeft = count;
    return (progress: Progress): void => {
      if (progress.phase !== phase || --nrLeft !== 0) return;
      heirs.kill(who);
    };
  }

  for (const [phase, count, who] of myHalf([
    ['freeze', 1, 1],
    ['freeze', 3, 1],
    ['swap', 1, 1],
    ['swap', 3, 1],
    ['harvest', 1, 1],
    ['harvest', 2, 1],
    ['copy', 1, 1],
    ['copy', 2, 1],
    ['copy', 3, 0],
    ['commit', 1, 1],
    ['commit', 2, 3],
  ] as const)) {
    it(`at ${phase} ${count} of start is left out, or ends: ${who}`, async () => {
      using heirs = await startFamily();
      const options = { pids: [heirs.pid(0)], isTree: true, allowExternalSharing: true };
      const onProgress = killAt(heirs, who, phase, count);
      const images = newImagesPath();
      const { tracker } = await TreeTracker.start({ ...options, images, onProgress });
      await expectUnharmed(heirs);
      await heirs.write(2, 3, 5);
      const round = await tracker.round();
      expectMembers(heirs, round);
      for (const { reason } of round.ended) expect(reason).to.equal('exited');
      await stopVerified(tracker, heirs);
    });
  }

  for (const [call, phase, count, who] of myHalf([
    ['round', 'freeze', 1, 4],
    ['round', 'swap', 1, 4],
    ['round', 'swap', 1, 1],
    ['round', 'harvest', 1, 0],
    ['round', 'harvest', 2, 0],
    ['round', 'copy', 1, 0],
    ['round', 'copy', 2, 1],
    ['round', 'copy', 3, 1],
    ['round', 'commit', 1, 0],
    ['round', 'commit', 2, 1],
    ['stop', 'freeze', 1, 0],
    ['stop', 'freeze', 3, 1],
    ['stop', 'freeze', 5, 1],
    ['stop', 'swap', 1, 4],
    ['stop', 'harvest', 1, 0],
    ['stop', 'copy', 1, 1],
    ['stop', 'copy', 4, 1],
    ['stop', 'commit', 1, 0],
    ['stop', 'commit', 2, 4],
    ['stop', 'verify', 1, 1],
    ['stop', 'revert', 1, 0],
    ['stop', 'revert', 3, 1],
    ['stop', 'revert', 5, 0],
  ] as const)) {
    it(`at ${phase} ${count} of ${call} ends, and the others go on: ${who}`, async () => {
      using heirs = await startFamily();
      let onProgress: (progress: Progress) => void = () => undefined;
      const { tracker } = await TreeTracker.start({
        pids: [heirs.pid(0)],
        isTree: true,
        images: newImagesPath(),
        allowExternalSharing: true,
        onProgress: (progress) => {
          onProgress(progress);
        },
      });
      await heirs.fork(1, 4);
      await heirs.write(0, 0, 4);
      await heirs.write(4, 2, 4);
      onProgress = killAt(heirs, who, phase, count);
      if (call === 'round') {
        await tracker.round();
        await expectUnharmed(heirs);
        await heirs.write(2, 3, 5);
      }
      const { verify } = await tracker.stop({ verify: true });
      expect(heirs.pids.has(who), 'it was killed').to.equal(false);
      expect(verify?.lostWrites).to.equal(0);
      await expectUnharmed(heirs);
    });
  }

  it('between two rounds has ended in the next one, and its children have not', async () => {
    using heirs = await startFamily();
    const options = { pids: [heirs.pid(0)], isTree: true, allowExternalSharing: true };
    const { tracker } = await TreeTracker.start({ ...options, images: newImagesPath() });
    const pid = heirs.pid(1);
    await heirs.fork(1, 4);
    await heirs.fork(4, 5);
    heirs.kill(1);
    const round = await tracker.round();
    expect(round.ended).to.have.length(1);
    expect(round.ended[0]).to.deep.include({ pid, reason: 'exited' });
    expectMembers(heirs, round);
    heirs.kill(0);
    heirs.kill(4);
    await stopVerified(tracker, heirs);
  });

  afterEach(async () => {
    await waitFor('no trace of the sessions', () => moduleUseCount() === 0);
  });
});
