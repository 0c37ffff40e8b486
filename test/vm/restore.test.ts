import { expect } from 'chai';
import { restoreProcess } from '../../src/restore/restore.js';
import { Tracker } from '../../src/tracker.js';
import { Pages } from '../support/pages.js';
import { Program } from '../support/programs.js';
import { dumpProgram, externalOf, ImagesDirectory, restoreProgram } from '../support/restored.js';
import { waitFor } from '../support/wait-for.js';

describe('images of a tracked process', function () {
  this.timeout(600_000);

  it('restore it as it was at the final round', async () => {
    using images = new ImagesDirectory();
    using program = await Program.start('restore/counter');
    const { pid } = program;
    const { tracker } = await Tracker.start({ pid, images: images.path });
    expect(await program.ask('')).to.equal(`${pid} 8 4 5`);
    await tracker.round();
    expect(await program.ask('')).to.equal(`${pid} 9 5 5`);
    const stop = await tracker.stop({ kill: true, verify: true, external: externalOf(pid) });
    expect(stop.verify).to.deep.include({ lostWrites: 0, unreadable: 0 });
    expect(stop.notRestorable).to.equal(null);
    expect(stop.process).to.deep.include({ round: 3, nrThreads: 1 });
    expect(stop.isKilled).to.equal(true);
    await program.exit;
    using restored = await restoreProgram(pid, images.path);
    expect(await restored.ask('')).to.equal(`${pid} 10 6 5`);
  });

  it('have what was written in any of its rounds, of every kind of memory', async () => {
    using images = new ImagesDirectory();
    using target = await Pages.start();
    const nrPages = 64;
    const areas = [await target.map(nrPages * 4096), await target.share(nrPages * 4096)];
    for (const area of areas) await target.write(area, 0, nrPages, 1);
    const { tracker } = await Tracker.start({ pid: target.pid, images: images.path });
    for (let round = 1; round < 4; round++) {
      for (const area of areas) await target.write(area, round * 8, 8, 1 + round);
      await tracker.round();
    }
    const sums: number[] = [];
    for (const area of areas) {
      await target.write(area, 40, 4, 9);
      sums.push(await target.sum(area, nrPages));
    }
    const stop = await tracker.stop({ kill: true, external: externalOf(target.pid) });
    expect(stop.notRestorable).to.equal(null);
    await target.program.exit;
    const program = await restoreProgram(target.pid, images.path);
    using restored = Pages.of(program);
    for (const [i, area] of areas.entries())
      expect(await restored.sum(area, nrPages)).to.equal(sums[i]);
  });

  it('are tracked again once they run', async () => {
    using images = new ImagesDirectory();
    using later = new ImagesDirectory();
    using program = await Program.start('restore/counter');
    const { pid } = program;
    const first = await Tracker.start({ pid, images: images.path });
    await first.tracker.stop({ kill: true, external: externalOf(pid) });
    await program.exit;
    using restored = await restoreProgram(pid, images.path);
    expect(await restored.ask('')).to.equal(`${pid} 8 4 5`);
    const { tracker } = await Tracker.start({ pid, images: later.path });
    expect(await restored.ask('')).to.equal(`${pid} 9 5 5`);
    const stop = await tracker.stop({ verify: true });
    expect(stop.verify).to.deep.include({ lostWrites: 0, unreadable: 0 });
    expect(await restored.ask('')).to.equal(`${pid} 10 6 5`);
  });

  it('restore threads that write all the time, and what they wrote', async () => {
    using images = new ImagesDirectory();
    using target = await Pages.start();
    await target.startThreads(4, 1 << 20);
    const { tracker } = await Tracker.start({ pid: target.pid, images: images.path });
    for (let round = 0; round < 3; round++) await tracker.round();
    const stop = await tracker.stop({ kill: true, external: externalOf(target.pid) });
    expect(stop.process).to.deep.include({ nrThreads: 5 });
    await target.program.exit;
    using restored = Pages.of(await restoreProgram(target.pid, images.path));
    const { writes } = await restored.check();
    await waitFor('more writes', async () => (await restored.check()).writes > writes + 10_000);
    expect((await restored.check()).errors).to.equal(0);
  });

  it('have all that the process can reach of a memfd, or say that they have not', async () => {
    using images = new ImagesDirectory();
    using target = await Pages.start();
    const area = await target.share(8 * 4096);
    await target.write(area, 0, 8, 3);
    const { tracker } = await Tracker.start({ pid: target.pid, images: images.path });
    await target.unmap(area, 2);
    const stop = await tracker.stop({ kill: true, external: externalOf(target.pid) });
    expect(stop.notRestorable).to.contain('/memfd:pages, of which 2 pages with content');
    expect(stop.isKilled).to.equal(false);
  });

  it('go on with it: the first round after a restore with --track is a delta', async () => {
    using images = new ImagesDirectory();
    using target = await Pages.start();
    const nrPages = 512;
    const areas = [await target.map(nrPages * 4096), await target.share(nrPages * 4096)];
    for (const area of areas) await target.write(area, 0, nrPages, 1);
    const { pid } = target;
    await dumpProgram(target, images.path);
    await target.program.exit;
    using restored = Pages.of(await restoreProgram(pid, images.path, '--track'));
    for (const area of areas) expect(await restored.sum(area, nrPages)).to.equal(nrPages);
    const tracker = await Tracker.resume({ pid, images: images.path });
    const again: unknown = await restoreProcess({ images: images.path }).catch(
      (error: unknown) => error,
    );
    expect(again).to.have.property('code', 'FD_NOT_INHERITED');
    const [, first] = tracker.images.rounds;
    expect(first?.members[0]).to.deep.include({ kind: 'delta' });
    for (const area of areas) await restored.write(area, 7, 3, 5);
    const round = await tracker.round();
    expect(round).to.deep.include({ round: 2, kind: 'delta' });
    expect(round.pages).to.be.within(6, 100);
    const stop = await tracker.stop({ kill: true, verify: true, external: externalOf(pid) });
    expect(stop.verify).to.deep.include({ lostWrites: 0, unreadable: 0 });
    expect(stop.isKilled).to.equal(true);
  });

  it('hold what is restored from an earlier round, whole, and go on with that', async () => {
    using images = new ImagesDirectory();
    using target = await Pages.start();
    const nrPages = 64;
    const areas = [await target.map(nrPages * 4096), await target.share(nrPages * 4096)];
    for (const area of areas) await target.write(area, 0, nrPages, 1);
    const { pid } = target;
    await dumpProgram(target, images.path);
    await target.program.exit;
    using first = Pages.of(await restoreProgram(pid, images.path, '--track'));
    for (const area of areas) {
      await first.sum(area, nrPages);
      await first.write(area, 0, nrPages, 2);
    }
    const tracker = await Tracker.resume({ pid, images: images.path });
    await tracker.round();
    await tracker.close();
    process.kill(pid, 'SIGKILL');
    await first.program.exit;
    using second = Pages.of(await restoreProgram(pid, images.path, '--track'));
    for (const area of areas) expect(await second.sum(area, nrPages)).to.equal(nrPages);
    const resumed = await Tracker.resume({ pid, images: images.path });
    expect(resumed.images.last?.members[0]).to.deep.include({ kind: 'full' });
    const { verify } = await resumed.stop({ verify: true });
    expect(verify).to.deep.include({ lostWrites: 0, unreadable: 0 });
    for (const area of areas) expect(await second.sum(area, nrPages)).to.equal(nrPages);
  });

  it('say why they have the memory alone, and the process lives', async () => {
    using images = new ImagesDirectory();
    using program = await Program.start('restore/counter');
    const { pid } = program;
    const { tracker } = await Tracker.start({ pid, images: images.path });
    const stop = await tracker.stop({ kill: true, verify: true });
    expect(stop.notRestorable).to.contain(`fd 0 of pid ${pid}`);
    expect(stop).to.deep.include({ process: null, isKilled: false });
    expect(stop.verify?.lostWrites).to.equal(0);
    expect(await program.ask('')).to.equal(`${pid} 8 4 5`);
    const refused: unknown = await restoreProcess({ images: images.path }).catch(
      (error: unknown) => error,
    );
    expect(refused).to.have.property('code', 'IMAGES_NO_PROCESS');
  });
});
