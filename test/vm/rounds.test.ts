import { execFileSync } from 'node:child_process';
import { statSync, writeFileSync } from 'node:fs';
import { getPriority, setPriority } from 'node:os';
import { expect } from 'chai';
import { ImageDirectory, PageReader } from '../../src/image/index.js';
import { Device } from '../../src/kernel/device.js';
import { Tracker } from '../../src/tracker.js';
import { Pages } from '../support/pages.js';
import { externalOf } from '../support/restored.js';
import { newImagesPath, valueOf } from '../support/vm.js';

describe('rounds', () => {
  it('store what was written, and the last one is exact', async () => {
    using target = await Pages.start();
    const area = await target.map(1024 * 4096);
    await target.write(area, 0, 512, 1);
    const images = newImagesPath();
    const { tracker, round } = await Tracker.start({ pid: target.pid, images });
    expect(round.kind).to.equal('full');
    expect(round.freezeMs).to.be.greaterThan(0);
    await target.write(area, 100, 10, 2);
    const delta = await tracker.round();
    expect(delta.kind).to.equal('delta');
    expect(delta.freezeMs).to.equal(0);
    expect(delta.dirtyPages).to.be.within(10, 40);
    await target.write(area, 600, 1, 3);
    const stop = await tracker.stop({ verify: true });
    expect(stop.verify).to.deep.include({ lostWrites: 0, unreadable: 0 });

    await using directory = await ImageDirectory.open(images);
    await using reader = new PageReader(directory);
    expect(valueOf(await reader.read(area.page, 1))).to.equal(1n);
    expect(valueOf(await reader.read(area.page + 105, 1))).to.equal(2n);
    expect(valueOf(await reader.read(area.page + 600, 1))).to.equal(3n);
    expect(valueOf(await reader.read(area.page + 700, 1))).to.equal(0n);
    expect(await target.sum(area, 1024)).to.equal(502 + 20 + 3);
  });

  it('find new memory, and stop the target only for that', async () => {
    using target = await Pages.start();
    const { tracker } = await Tracker.start({ pid: target.pid, images: newImagesPath() });
    await tracker.round();
    const area = await target.map(256 * 4096);
    await target.write(area, 0, 256, 5);
    const withNew = await tracker.round();
    expect(withNew.swappedVmas).to.be.greaterThan(0);
    expect(withNew.freezeMs).to.be.greaterThan(0);
    expect((await tracker.round()).freezeMs).to.equal(0);
    await target.unmap(area, 256);
    const again = await target.map(256 * 4096);
    await target.write(again, 7, 1, 6);
    expect((await tracker.stop({ verify: true })).verify?.lostWrites).to.equal(0);
  });

  it('cost nothing for the holes of a sparse mapping', async () => {
    using target = await Pages.start();
    const nrPages = 2 ** 20;
    const area = await target.map(nrPages * 4096);
    await target.write(area, 0, 100, 9, 10_000);
    const images = newImagesPath();
    const { tracker, round } = await Tracker.start({ pid: target.pid, images });
    expect(round.pages).to.be.lessThan(2000);
    using device = Device.open();
    const status = device.status(target.pid);
    expect(status?.backingPages).to.be.lessThan(1000);
    expect(status?.logBytes).to.be.lessThan(256 * 1024);
    await target.write(area, 5, 1, 1);
    const delta = await tracker.round();
    expect(delta.dirtyPages).to.be.lessThan(40);
    const stop = await tracker.stop({ verify: true });
    expect(stop.verify?.lostWrites).to.equal(0);
    expect(stop.verify?.pages).to.be.lessThan(10_000);
    expect(await target.sum(area, 1)).to.equal(9);
    expect(statSync(`${images}/round-0000.pages`).size).to.be.lessThan(8 * 2 ** 20);
    expect(residentKib(target.pid)).to.be.lessThan(16 * 1024);
  });

  it('go on after stop and a second start', async () => {
    using target = await Pages.start();
    const area = await target.map(64 * 4096);
    for (let i = 1; i <= 3; i++) {
      await target.write(area, 0, 64, i);
      const { tracker } = await Tracker.start({ pid: target.pid, images: newImagesPath() });
      await target.write(area, 0, 32, i * 10);
      const stop = await tracker.stop({ verify: true });
      expect(stop.verify?.lostWrites).to.equal(0);
      expect(await target.sum(area, 64)).to.equal(32 * i + 320 * i);
    }
  });

  it('by a second controller are deltas, in the same images', async () => {
    using target = await Pages.start();
    const area = await target.map(2048 * 4096);
    await target.write(area, 0, 2048, 1);
    const options = { pid: target.pid, images: newImagesPath() };
    const { tracker: first } = await Tracker.start(options);
    await target.write(area, 9, 3, 2);
    await first.close();
    const second = await Tracker.resume(options);
    await target.write(area, 90, 3, 2);
    const round = await second.round();
    expect(round.kind).to.equal('delta');
    expect(round.dirtyPages).to.be.within(6, 60);
    expect((await second.stop({ verify: true })).verify?.lostWrites).to.equal(0);
  });

  it('end when few pages are dirty, or after a number of rounds', async () => {
    using target = await Pages.start();
    const { tracker } = await Tracker.start({ pid: target.pid, images: newImagesPath() });
    const taken = [];
    for await (const round of tracker.rounds({ until: 1000 })) taken.push(round.round);
    expect(taken).to.deep.equal([1]);
    for await (const round of tracker.rounds({ count: 2, intervalMs: 10 })) taken.push(round.round);
    expect(taken).to.deep.equal([1, 2, 3]);
    await tracker.stop();
  });

  it('see zeros where a mapping shrank and grew again, whoever looked in between', async () => {
    using target = await Pages.start();
    const area = await target.map(64 * 4096);
    await target.write(area, 0, 64, 5);
    const { tracker } = await Tracker.start({ pid: target.pid, images: newImagesPath() });
    await tracker.round();
    await target.resize(area, 64, 32);
    // A round in between that fails has looked at the mappings.
    const controller = new AbortController();
    await tracker.close();
    const options = { pid: target.pid, images: tracker.images.path };
    const second = await Tracker.resume({ ...options, signal: controller.signal });
    controller.abort();
    await second.round().catch(() => undefined);
    await second.close();
    await target.resize(area, 32, 64);
    const third = await Tracker.resume(options);
    await third.round();
    expect((await third.stop({ verify: true })).verify?.lostWrites).to.equal(0);
    expect(await target.sum(area, 64)).to.equal(32 * 5);
  });

  it('name the file that is mapped now, where another one was', async () => {
    using target = await Pages.start();
    const paths = [1, 2].map((n) => `/tmp/mapped-${n}`);
    for (const path of paths) writeFileSync(path, Buffer.alloc(8 * 4096, path));
    const [first = '', second = ''] = paths;
    const area = await target.mapFile(first, 8 * 4096);
    const images = newImagesPath();
    const { tracker } = await Tracker.start({ pid: target.pid, images });
    await target.mapFile(second, 8 * 4096, area);
    await tracker.round();
    const recorded = tracker.images.last?.members[0]?.vmas?.find(
      (vma) => vma.startPage === area.page,
    );
    expect(recorded?.path).to.equal(second);
    expect((await tracker.stop({ verify: true })).verify?.lostWrites).to.equal(0);
  });

  it('are not all that is left of a target when they are wrong', async () => {
    using target = await Pages.start();
    const area = await target.map(64 * 4096);
    await target.write(area, 0, 64, 5);
    const images = newImagesPath();
    const { tracker } = await Tracker.start({ pid: target.pid, images });
    const pages = `${images}/round-0000.pages`;
    writeFileSync(pages, Buffer.alloc(statSync(pages).size, 1));
    const external = externalOf(target.pid);
    const stop = await tracker.stop({ kill: true, verify: true, external });
    expect(stop.verify?.lostWrites).to.be.greaterThan(63);
    expect(stop.notRestorable).to.equal(null);
    expect(stop.isKilled).to.equal(false);
    expect(await target.sum(area, 64)).to.equal(64 * 5);
  });

  it('leave the mappings as they were before', async () => {
    using target = await Pages.start();
    await target.map(64 * 4096);
    const before = mapsOf(target.pid);
    const { tracker } = await Tracker.start({ pid: target.pid, images: newImagesPath() });
    expect(mapsOf(target.pid)).not.to.equal(before);
    await tracker.stop();
    expect(mapsOf(target.pid)).to.equal(before);
  });

  it('end with a dead target where that is asked for', async () => {
    using target = await Pages.start();
    const { tracker } = await Tracker.start({ pid: target.pid, images: newImagesPath() });
    const stop = await tracker.stop({ kill: true, external: externalOf(target.pid) });
    expect(stop.isKilled).to.equal(true);
    expect(await target.program.exit).to.deep.equal({ code: null, signal: 'SIGKILL' });
  });
});

for (const [nrThreads, seconds] of [
  [1, 10],
  [2, 10],
  [8, 30],
] as const) {
  describe(`${nrThreads} threads that write all the time`, () => {
    it(`lose no write while harvests run for ${seconds} s`, async function () {
      this.timeout(1_800_000);
      using target = await Pages.start();
      await target.startThreads(nrThreads, (16 / nrThreads) * 2 ** 20);
      // Among more threads than processors each step of a round would wait for its turn.
      using _priority = new Priority(-10);
      const { tracker } = await Tracker.start({ pid: target.pid, images: newImagesPath() });
      const endMs = performance.now() + seconds * 1000;
      let nrRounds = 0;
      while (performance.now() < endMs) {
        await tracker.round();
        nrRounds++;
      }
      const stop = await tracker.stop({ verify: true });
      const { writes, errors } = await target.check();
      expect(stop.verify).to.deep.include({ lostWrites: 0, unreadable: 0 });
      expect(errors).to.equal(0);
      expect(writes).to.be.greaterThan(10_000);
      expect(nrRounds).to.be.greaterThan(0);
    });
  });
}

/** That of this process, for a while. */
class Priority implements Disposable {
  readonly #before = getPriority();

  constructor(priority: number) {
    setPriority(priority);
  }

  [Symbol.dispose](): void {
    setPriority(this.#before);
  }
}

function mapsOf(pid: number): string {
  return execFileSync('cat', [`/proc/${pid}/maps`], { encoding: 'utf8' });
}

function residentKib(pid: number): number {
  const status = execFileSync('cat', [`/proc/${pid}/status`], { encoding: 'utf8' });
  return Number(/^VmRSS:\s+(\d+)/m.exec(status)?.[1]);
}
