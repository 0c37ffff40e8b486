import { expect } from 'chai';
import { checkDirectory } from '../../src/image/index.js';
import { TreeTracker } from '../../src/tree-tracker.js';
import { Heirs } from '../support/heirs.js';
import { PagePlaces } from '../support/page-places.js';
import { moduleUseCount, newImagesPath } from '../support/vm.js';
import { waitFor } from '../support/wait-for.js';

const all = Heirs.nrAnonPages;

/** A family that comes into being before the start, or between two rounds. */
type Moment = 'before the start' | 'between two rounds' | 'in the final round';
const moments: readonly Moment[] = ['before the start', 'between two rounds', 'in the final round'];

/** Tracks a family whose memory `grow` has made, and ends with all of it compared. */
async function trackFamily(
  heirs: Heirs,
  moment: Moment,
  grow: () => Promise<void>,
): Promise<PagePlaces> {
  await heirs.write(0, 0, all);
  if (moment === 'before the start') await grow();
  const options = { isTree: true, images: newImagesPath(), allowExternalSharing: true };
  const { tracker } = await TreeTracker.start({ ...options, pids: [...heirs.pids.values()] });
  if (moment !== 'before the start') await grow();
  await heirs.checkAll();
  if (moment !== 'in the final round') {
    const { members } = await tracker.round();
    expect(members.map(({ pid }) => pid)).to.have.members([...heirs.pids.values()]);
  }
  const { verify, members } = await tracker.stop({ verify: true });
  expect(verify).to.deep.include({ lostWrites: 0, unreadable: 0 });
  expect(members.map(({ pid }) => pid)).to.have.members([...heirs.pids.values()]);
  await heirs.checkAll();
  await checkDirectory(tracker.images.path);
  return new PagePlaces(tracker.images.rounds);
}

/** Which processes have a page of the memory in one place of the images, for each place. */
function groupsOf(
  places: ReadonlyMap<number, readonly (string | undefined)[]>,
  page: number,
): number[][] {
  const groups = new Map<string, number[]>();
  for (const [name, stored] of places) {
    const place = stored[page];
    if (place !== undefined) groups.set(place, [...(groups.get(place) ?? []), name]);
  }
  return [...groups.values()];
}

/** Every page of each range is stored once for each of the groups, and for nobody else. */
async function expectGroups(
  heirs: Heirs,
  stored: PagePlaces,
  expected: readonly (readonly [first: number, end: number, groups: number[][]])[],
): Promise<void> {
  const places = new Map<number, (string | undefined)[]>();
  for (const [name, pid] of heirs.pids) {
    const pages = await heirs.where(name);
    places.set(
      name,
      pages.map((page) => (page === 0 ? undefined : stored.placeOf(pid, page))),
    );
  }
  for (const [first, end, groups] of expected)
    for (let page = first; page < end; page++)
      expect(groupsOf(places, page), `page ${page}`).to.deep.equal(groups);
}

describe('each page is stored once', () => {
  for (const moment of moments) {
    describe(`of a family that has become one ${moment}`, () => {
      it('when parent and child have it', async () => {
        using heirs = await Heirs.start();
        const stored = await trackFamily(heirs, moment, async () => {
          await heirs.fork(0, 1);
          await heirs.write(1, 0, 8);
        });
        await expectGroups(heirs, stored, [
          [0, 8, [[0], [1]]],
          [8, all, [[0, 1]]],
        ]);
      });

      it('when siblings have it, and the parent has written it since', async () => {
        using heirs = await Heirs.start();
        const stored = await trackFamily(heirs, moment, async () => {
          await heirs.fork(0, 1);
          await heirs.fork(0, 2);
          await heirs.write(0, 0, 24);
          await heirs.write(2, 20, 8);
        });
        await expectGroups(heirs, stored, [
          [0, 20, [[0], [1, 2]]],
          [20, 24, [[0], [1], [2]]],
          [24, 28, [[0, 1], [2]]],
          [28, all, [[0, 1, 2]]],
        ]);
      });

      it('when grandparent and grandchild have it, and the one between has unmapped it', async () => {
        using heirs = await Heirs.start();
        const stored = await trackFamily(heirs, moment, async () => {
          await heirs.fork(0, 1);
          await heirs.fork(1, 2);
          await heirs.unmap(1, 10, 20);
          await heirs.write(2, 25, 10);
        });
        await expectGroups(heirs, stored, [
          [0, 10, [[0, 1, 2]]],
          [10, 25, [[0, 2]]],
          [25, 30, [[0], [2]]],
          [30, 35, [[0, 1], [2]]],
          [35, all, [[0, 1, 2]]],
        ]);
      });

      it('when an orphan has it', async () => {
        using heirs = await Heirs.start();
        const stored = await trackFamily(heirs, moment, async () => {
          await heirs.fork(0, 1);
          await heirs.write(1, 0, 4);
          await heirs.fork(1, 2);
          await heirs.fork(1, 3);
          await heirs.exit(1);
          await heirs.write(3, 2, 4);
        });
        await expectGroups(heirs, stored, [
          [0, 2, [[0], [2, 3]]],
          [2, 4, [[0], [2], [3]]],
          [4, 6, [[0, 2], [3]]],
          [6, all, [[0, 2, 3]]],
        ]);
      });

      it('when a mapping was moved, and one was split', async () => {
        using heirs = await Heirs.start();
        const stored = await trackFamily(heirs, moment, async () => {
          await heirs.fork(0, 1);
          await heirs.move(1, 8, 8);
          await heirs.split(1, 20, 4);
          await heirs.fork(1, 2);
          await heirs.move(0, 30, 4);
          await heirs.move(2, 10, 2);
          await heirs.write(2, 11, 3);
        });
        await expectGroups(heirs, stored, [
          [0, 11, [[0, 1, 2]]],
          [11, 14, [[0, 1], [2]]],
          [14, all, [[0, 1, 2]]],
        ]);
      });

      it('but for what one of them has given back', async () => {
        using heirs = await Heirs.start();
        const stored = await trackFamily(heirs, moment, async () => {
          await heirs.fork(0, 1);
          await heirs.forget(1, 10, 3);
          await heirs.fork(1, 2);
          await heirs.forget(2, 20, 2);
          await heirs.write(2, 11, 1);
          await heirs.forget(0, 30, 2);
        });
        await expectGroups(heirs, stored, [
          [0, 10, [[0, 1, 2]]],
          [10, 11, [[0], [1, 2]]],
          [11, 12, [[0], [1], [2]]],
          [12, 13, [[0], [1, 2]]],
          [13, 20, [[0, 1, 2]]],
          [20, 22, [[0, 1], [2]]],
          [30, 32, [[0], [1, 2]]],
          [32, all, [[0, 1, 2]]],
        ]);
      });
    });
  }

  afterEach(async () => {
    await waitFor('no trace of the sessions', () => moduleUseCount() === 0);
  });
});
