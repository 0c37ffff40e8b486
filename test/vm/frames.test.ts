import { closeSync, readSync } from 'node:fs';
import { expect } from 'chai';
import { Device } from '../../src/kernel/device.js';
import type { Session } from '../../src/kernel/session.js';
import { withFrozen } from '../../src/proc/freeze.js';
import { Heirs } from '../support/heirs.js';
import { harvestAndCommit, moduleUseCount, swapAll } from '../support/vm.js';
import { waitFor } from '../support/wait-for.js';

/** Donors of all that a harvest reports, by their number: how many pages of this session are they? */
async function donorsOf(session: Session): Promise<Map<number, Buffer>> {
  const { runs } = await harvestAndCommit(session);
  const donors = new Map<number, Buffer>();
  for (const part of await session.donors(runs)) {
    for (let i = 0; i < part.runs.length; i += 4) {
      const [nrPages = 0, id = 0] = part.runs.subarray(i + 2, i + 4);
      for (let n = 0; n < nrPages; n++) {
        const page = Buffer.alloc(4096);
        expect(readSync(part.fd, page, 0, 4096, (id + n) * 4096)).to.equal(4096);
        donors.set(id + n, page);
      }
    }
    closeSync(part.fd);
  }
  return donors;
}

/** For each page, how many processes have a frame of it that process 0 has too. */
async function sharedBy(heirs: Heirs): Promise<number[]> {
  const frames = [];
  for (const name of heirs.pids.keys()) frames.push(await heirs.frames(name));
  const [first = [], ...rest] = frames;
  return first.map((frame, page) =>
    frame === 0n ? 0 : rest.filter((other) => other[page] === frame).length,
  );
}

describe('targets that have page frames in common', () => {
  it('have them in common when they are tracked, and their own when they write', async () => {
    using heirs = await Heirs.start();
    using device = Device.open();
    await heirs.write(0, 0, 60);
    for (const name of [1, 2, 3]) await heirs.fork(0, name);
    await heirs.write(0, 0, 20);
    await heirs.write(1, 0, 10);
    const before = await sharedBy(heirs);

    const sessions: Session[] = [];
    for (const pid of heirs.pids.values()) {
      const tree = sessions[0];
      sessions.push(device.openSession(pid, { create: true, ...(tree && { tree }) }));
    }
    for (const session of sessions) await swapAll(session);
    const donors = [];
    for (const session of sessions) donors.push(await donorsOf(session));
    const [first, second, third, fourth] = donors.map((map) => [...map.keys()].sort());
    const common = (a: number[] = [], b: number[] = []) => a.filter((id) => b.includes(id)).length;
    // Pages 20 to 60 of the area at least are the same in all; more of libraries and the heap.
    expect(common(first, second)).to.be.at.least(40);
    expect(common(third, fourth)).to.be.at.least(60);
    expect(common(third, fourth)).to.be.greaterThan(common(first, third));
    await heirs.checkAll();

    for (const name of heirs.pids.keys()) await heirs.write(name, name * 2, 30);
    await heirs.checkAll();
    const dirty = await harvestAndCommit(sessions[3] as Session);
    expect(dirty.nrPages).to.be.within(30, 60);
    for (const part of await (sessions[3] as Session).donors(dirty.runs)) {
      expect(part.runs).to.have.length(0);
      closeSync(part.fd);
    }
    for (const session of sessions) {
      await withFrozen(session.pid, (frozen) => session.revert(frozen));
      session.close();
    }
    await heirs.checkAll();
    // Each has written 30 pages since. Who has not written a page has it in common again.
    const after = await sharedBy(heirs);
    const hasWritten = (name: number, page: number) => page >= name * 2 && page < name * 2 + 30;
    for (let page = 0; page < 60; page++) {
      const others = [1, 2, 3].filter((name) => !hasWritten(name, page)).length;
      const nrShared = hasWritten(0, page) ? 0 : Math.min(others, before[page] ?? 0);
      expect(after[page], `page ${page}`).to.equal(nrShared);
    }
    for (const name of heirs.pids.keys()) await heirs.write(name, 30, 20);
    await heirs.checkAll();
  });

  it('have them in common again when a child was born and tracked meanwhile', async () => {
    using heirs = await Heirs.start();
    using device = Device.open();
    await heirs.write(0, 0, 60);
    const parent = device.openSession(heirs.pid(0), { create: true });
    await swapAll(parent);
    await heirs.fork(0, 1);
    const child = device.openSession(heirs.pid(1), { create: true });
    await swapAll(child);
    await heirs.write(0, 0, 10);
    await heirs.write(1, 10, 10);
    await heirs.check(1);
    await heirs.fork(1, 2);
    const grandchild = device.openSession(heirs.pid(2), { create: true });
    await swapAll(grandchild);
    for (const session of [parent, child, grandchild]) {
      await withFrozen(session.pid, (frozen) => session.revert(frozen));
      session.close();
    }
    await heirs.checkAll();
    const shared = await sharedBy(heirs);
    for (let page = 0; page < 60; page++)
      expect(shared[page], `page ${page}`).to.equal(page < 20 ? 0 : 2);
    for (const name of heirs.pids.keys()) await heirs.write(name, 15, 20);
    await heirs.checkAll();
  });

  afterEach(async () => {
    await waitFor('no trace of the sessions', () => moduleUseCount() === 0);
  });
});
