import { expect } from 'chai';
import { Device } from '../../src/kernel/device.js';
import type { Session } from '../../src/kernel/session.js';
import { Frozen } from '../../src/proc/freeze.js';
import { Heirs } from '../support/heirs.js';
import { moduleUseCount, swapAll } from '../support/vm.js';
import { waitFor } from '../support/wait-for.js';

const byNumber = (a: number, b: number) => a - b;
const straysOf = (session: Session) =>
  [...new Set(session.strays().map(({ pid }) => pid))].sort(byNumber);

/** More than there is room for at first. */
const nrChildren = 24;

describe('strays', () => {
  let device: Device;
  let heirs: Heirs;
  let session: Session;
  const pid = (who: number) => heirs.pid(who);
  const expectStrays = (...who: number[]) =>
    waitFor('the strays', () => straysOf(session).join() === who.map(pid).sort(byNumber).join());

  beforeEach(async () => {
    device = Device.open();
    heirs = await Heirs.start();
    await heirs.write(0, 0, 40);
    await heirs.fork(0, 1);
    session = device.openSession(pid(0), { create: true, exclusive: true });
    await swapAll(session);
  });

  afterEach(async () => {
    session.close();
    heirs[Symbol.dispose]();
    device.close();
    await waitFor('no trace of the sessions', () => moduleUseCount() === 0);
  });

  it('are who was forked since the swap, and theirs, also of a parent that has ended', async () => {
    await expectStrays();
    await heirs.fork(0, 2);
    await heirs.fork(2, 3);
    await expectStrays(2, 3);
    await heirs.exit(2);
    await expectStrays(3);
    await heirs.exit(3);
    await expectStrays();
  });

  it('are tracked no sooner than somebody asks for them', async () => {
    await heirs.fork(0, 2);
    await heirs.fork(2, 3);
    {
      using child = device.openSession(pid(2), { create: true });
      await expectStrays(3);
      await swapAll(child);
      await heirs.fork(2, 4);
      await expectStrays(3, 4);
      expect(straysOf(child), 'one tree').to.deep.equal(straysOf(session));
      const { id } = session.status();
      const origins = [id, child.status().id];
      expect(child.status().tree).to.equal(session.status().tree);
      // The fourth has what its parent has, and through it what that has of the first.
      const originsOf = (of: number) =>
        session.strays().flatMap((stray) => (stray.pid === of ? [stray.origin] : []));
      expect(originsOf(pid(3))).to.deep.equal([id]);
      expect(originsOf(pid(4))).to.include(origins[1]);
      await heirs.exit(2);
    }
    await expectStrays(3, 4);
  });

  it('are none of those that are a target again, or have other memory', async () => {
    await heirs.fork(0, 2);
    using child = device.openSession(pid(2), { create: true });
    await swapAll(child);
    await heirs.fork(2, 3);
    await expectStrays(3);
    {
      using frozen = new Frozen(pid(2));
      await child.revert(frozen);
    }
    await expectStrays(3);
    await heirs.fork(2, 4);
    await expectStrays(3);
  });

  it('are found however many they are', async () => {
    const all = Array.from({ length: nrChildren }, (_, i) => i + 2);
    for (const name of all) await heirs.fork(0, name);
    await expectStrays(...all);
  });
});
