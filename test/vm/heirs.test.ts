import { closeSync } from 'node:fs';
import { expect } from 'chai';
import { Device } from '../../src/kernel/device.js';
import type { Session } from '../../src/kernel/session.js';
import { native } from '../../src/native.js';
import { withFrozen } from '../../src/proc/freeze.js';
import type { Tracker } from '../../src/tracker.js';
import { Crowd } from '../support/crowd.js';
import { Heirs } from '../support/heirs.js';
import { startTracking, stopVerified } from '../support/promises.js';
import { Random } from '../unit/image/random.js';
import { moduleUseCount, swapAll } from '../support/vm.js';
import { waitFor } from '../support/wait-for.js';

/** Milliseconds in which the pages of a target's large mapping are found: the best of some tries. */
async function findPages(session: Session, nrPages: number): Promise<number> {
  const layout = await session.layout();
  let i = 0;
  while (layout.region(i) === 0 || layout.endPage(i) - layout.startPage(i) < nrPages) i++;
  const first = layout.regionPage(i);
  const fd = session.openRegion(layout.region(i));
  let best = Infinity;
  for (let tries = 0; tries < 3; tries++) {
    const begin = performance.now();
    const runs = await native.dataRuns([fd], Float64Array.of(0, first, first + nrPages));
    best = Math.min(best, performance.now() - begin);
    expect([...runs]).to.deep.equal([0, first, nrPages]);
  }
  closeSync(fd);
  return best;
}

describe('a child of a target', () => {
  it('is tracked itself, and each has its own memory', async () => {
    using heirs = await Heirs.start();
    await heirs.write(0, 0, 40);
    await heirs.write(0, 50, 4);
    const parent = await startTracking(heirs.pid(0));
    await heirs.fork(0, 1);
    await heirs.write(0, 0, 4);
    await heirs.write(1, 2, 4);
    const child = await startTracking(heirs.pid(1));
    await heirs.checkAll();
    await parent.round();
    await child.round();
    await heirs.write(0, 8, 4);
    await heirs.write(1, 10, 4);
    await heirs.forget(1, 14, 2);
    await heirs.forget(0, 16, 2);
    await heirs.checkAll();
    await stopVerified(child);
    await heirs.checkAll();
    await stopVerified(parent);
    await heirs.checkAll();
  });

  it('keeps what it has when its tracked parent exits', async () => {
    using heirs = await Heirs.start();
    await heirs.write(0, 0, 60);
    const parent = await startTracking(heirs.pid(0));
    await heirs.fork(0, 1);
    const child = await startTracking(heirs.pid(1));
    await heirs.write(0, 0, 10);
    await heirs.exit(0);
    await parent.close();
    await heirs.write(1, 5, 10);
    await heirs.check(1);
    await child.round();
    await stopVerified(child);
    await heirs.check(1);
  });

  it('has children of its own, tracked and not, over generations', async () => {
    using heirs = await Heirs.start();
    await heirs.write(0, 0, 60);
    const trackers = [await startTracking(heirs.pid(0))];
    for (let name = 1; name < 5; name++) {
      await heirs.fork(name - 1, name);
      await heirs.write(name - 1, name * 4, 6);
      trackers.push(await startTracking(heirs.pid(name)));
      await heirs.fork(name, name + 10);
      await heirs.write(name, name * 4 + 2, 2);
    }
    await heirs.checkAll();
    for (const tracker of trackers) await tracker.round();
    await heirs.checkAll();
    for (const tracker of trackers) await stopVerified(tracker);
    await heirs.checkAll();
  });

  it('finds its pages however many the parent has written since an older child was born', async () => {
    const nrPages = 4096;
    const sizes = { mappings: 1, pages: nrPages, segmentPages: 0 };
    using crowd = await Crowd.start({ maxProcesses: 3, fanOut: 2, ...sizes });
    using device = Device.open();
    using parent = device.openSession(crowd.pid, { create: true });
    await swapAll(parent);
    await crowd.fork(1);
    await crowd.write(1, nrPages);
    await crowd.fork(1);
    const [, firstBorn = 0, lastBorn = 0] = await crowd.pids();
    using older = device.openSession(firstBorn, { create: true });
    using younger = device.openSession(lastBorn, { create: true });
    for (const session of [older, younger]) await swapAll(session);
    // What the older one has was saved for it, page by page. The younger one has its parent's.
    const olderMs = await findPages(older, nrPages);
    expect(await findPages(younger, nrPages)).to.be.lessThan(20 * olderMs);
    for (const session of [younger, older, parent])
      await withFrozen(session.pid, (frozen) => session.revert(frozen));
    await crowd.check();
  });

  it('is right whatever the family does', async () => {
    const random = new Random();
    try {
      await new RandomFamily(random).run(120);
    } catch (error) {
      throw new Error(`with SEED=${random.seed}`, { cause: error });
    }
  });

  afterEach(async () => {
    await waitFor('no trace of the sessions', () => moduleUseCount() === 0);
  });
});

/** Forks, writes, drops, exits, starts, rounds and stops, in any order. */
class RandomFamily {
  readonly #random: Random;
  readonly #trackers = new Map<number, Tracker>();

  constructor(random: Random) {
    this.#random = random;
  }

  async run(nrSteps: number): Promise<void> {
    using heirs = await Heirs.start();
    for (let step = 0; step < nrSteps; step++) await this.#step(heirs);
    await heirs.checkAll();
    for (const tracker of this.#trackers.values()) await stopVerified(tracker);
    await heirs.checkAll();
  }

  async #step(heirs: Heirs): Promise<void> {
    const names = [...heirs.pids.keys()];
    const who = names[this.#random.below(names.length)] ?? 0;
    const first = this.#random.below(Heirs.nrPages);
    const nr = 1 + this.#random.below(Heirs.nrPages - first);
    switch (this.#random.below(8)) {
      case 0:
      case 1:
        return heirs.write(who, first, nr);
      case 2:
        return heirs.forget(who, first, Math.min(nr, 4));
      case 3:
        return heirs.check(who);
      case 4:
        return this.#fork(heirs, who);
      case 5:
        return names.length > 3 ? this.#exit(heirs, who) : heirs.write(who, first, 1);
      case 6:
        await this.#trackers.get(who)?.round();
        return;
      default:
        return this.#toggle(heirs, who);
    }
  }

  async #fork(heirs: Heirs, who: number): Promise<void> {
    for (let name = 0; name < 8; name++) if (!heirs.pids.has(name)) return heirs.fork(who, name);
  }

  async #exit(heirs: Heirs, who: number): Promise<void> {
    await heirs.exit(who);
    await this.#trackers.get(who)?.close();
    this.#trackers.delete(who);
  }

  async #toggle(heirs: Heirs, who: number): Promise<void> {
    const tracker = this.#trackers.get(who);
    this.#trackers.delete(who);
    if (tracker) await stopVerified(tracker);
    else this.#trackers.set(who, await startTracking(heirs.pid(who)));
  }
}
