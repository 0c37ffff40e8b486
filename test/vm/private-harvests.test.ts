import { expect } from 'chai';
import { Device } from '../../src/kernel/device.js';
import { type Layout, vmaKinds } from '../../src/kernel/layout.js';
import type { Session } from '../../src/kernel/session.js';
import { type HarvestWay, harvestsOf } from '../../src/kernel/session-batch.js';
import type { Harvest } from '../../src/native.js';
import { Heirs } from '../support/heirs.js';
import { harvestAndCommit, swapAll } from '../support/vm.js';

const anonShared = vmaKinds.indexOf('anon-shared');

/** Pages of the segment that a harvest has. */
function sharedPages({ runs }: Harvest, layout: Layout): number[] {
  const regions = new Set<number>();
  for (let i = 0; i < layout.length; i++)
    if (layout.kind(i) === anonShared && layout.region(i) > 0) regions.add(layout.region(i));
  const pages: number[] = [];
  for (let i = 0; i < runs.length; i += 3) {
    const [region = 0, page = 0, nrPages = 0] = runs.subarray(i, i + 3);
    if (regions.has(region)) for (let n = 0; n < nrPages; n++) pages.push(page + n);
  }
  return pages.sort((a, b) => a - b);
}

describe('a harvest without shared memory', () => {
  let heirs: Heirs;
  let device: Device;
  let first: Session;
  let second: Session;

  beforeEach(async () => {
    heirs = await Heirs.start();
    await heirs.fork(0, 1);
    for (const who of [0, 1]) await heirs.share(who, 0, 100);
    await heirs.put(0, 0, 100, 1);
    device = Device.open();
    first = device.openSession(heirs.pid(0), { create: true, exclusive: true });
    second = device.openSession(heirs.pid(1), { create: true, tree: first });
    for (const session of [first, second]) await swapAll(session);
    for (const session of [first, second]) await harvestAndCommit(session);
  });

  afterEach(() => {
    first.close();
    second.close();
    device.close();
    heirs[Symbol.dispose]();
  });

  /** Pages of the segment in each harvest, and the harvests, which are open. */
  async function harvest(...ways: HarvestWay[]): Promise<{ pages: number[][]; epochs: number[] }> {
    const outcomes = await harvestsOf(ways);
    const pages: number[][] = [];
    const epochs: number[] = [];
    for (const [i, { session }] of ways.entries()) {
      const found = outcomes[i]?.();
      if (!found) throw new Error('a harvest is missing');
      pages.push(sharedPages(found, await session.layout()));
      epochs.push(found.epoch);
    }
    return { pages, epochs };
  }

  it('leaves what was written to the session that reports it', async () => {
    await heirs.put(0, 3, 2, 2);
    await heirs.put(1, 50, 1, 2);
    const { pages, epochs } = await harvest(
      { session: first, isPrivate: true },
      { session: second },
    );
    expect(pages).to.deep.equal([[], [3, 4, 50]]);
    first.commit(epochs[0] ?? 0);
    second.commit(epochs[1] ?? 0);
    await heirs.put(1, 7, 1, 3);
    expect((await harvest({ session: second })).pages).to.deep.equal([[7]]);
  });

  it('leaves what is reported after it to the next one', async () => {
    await heirs.put(0, 3, 2, 2);
    const ways = [{ session: first, isPrivate: true }, { session: second }];
    const { epochs } = await harvest(...ways);
    first.commit(epochs[0] ?? 0);
    second.commit(epochs[1] ?? 0);
    await heirs.put(1, 7, 1, 3);
    const next = await harvest({ session: first });
    expect(next.pages).to.deep.equal([[3, 4, 7]]);
    first.commit(next.epochs[0] ?? 0);
    await heirs.put(1, 8, 1, 3);
    expect((await harvest({ session: first })).pages).to.deep.equal([[8]]);
  });

  it('has what it did not report in the next one, when it is put back', async () => {
    await heirs.put(1, 5, 1, 2);
    await harvest({ session: second });
    const { epochs } = await harvest({ session: first, isPrivate: true });
    await heirs.put(0, 6, 1, 2);
    first.abort(epochs[0] ?? 0);
    expect((await harvest({ session: first })).pages).to.deep.equal([[5, 6]]);
  });

  it('forgets what it did not report when it is committed, for itself alone', async () => {
    await heirs.put(0, 8, 1, 2);
    await harvest({ session: second });
    const { epochs } = await harvest({ session: first, isPrivate: true });
    await heirs.put(1, 9, 1, 2);
    first.commit(epochs[0] ?? 0);
    expect((await harvest({ session: first })).pages).to.deep.equal([[9]]);
    expect((await harvest({ session: second })).pages).to.deep.equal([[8, 9]]);
  });
});
