import { expect } from 'chai';
import { readFileSync } from 'node:fs';
import { Program } from '../../support/programs.js';
import { dumpAndRestore, dumpProgram, ImagesDirectory } from '../../support/restored.js';

/** `/proc/PID/maps` without what is the kernel's to choose: inodes of memory without a name. */
function mapsOf(pid: number): string[] {
  return readFileSync(`/proc/${pid}/maps`, 'utf8')
    .split('\n')
    .map((line) => line.replace(/ 00:\d\d \d+ +/, ' ').replace(/ +/g, ' '));
}

describe('restore of the parts of a process', function () {
  this.timeout(120_000);

  it('keeps the registers, masks, names and stacks of 60 threads, which go on', async () => {
    using images = new ImagesDirectory();
    using program = await Program.start('restore/threads', '60');
    using restored = await dumpAndRestore(program, images.path);
    expect(await restored.ask('', 60_000)).to.equal('on');
    expect(await restored.ask('', 60_000)).to.equal('on');
    restored.end();
    expect(await restored.exit).to.deep.equal({ code: 17, signal: null });
  });

  it('lets 60 threads go on that are dumped and left running', async () => {
    using images = new ImagesDirectory();
    using program = await Program.start('restore/threads', '60');
    await dumpProgram(program, images.path, { leaveRunning: true });
    expect(await program.ask('', 60_000)).to.equal('on');
    program.end();
    expect(await program.exit).to.deep.equal({ code: 17, signal: null });
  });

  it('keeps dispositions, and pending signals with what comes with them', async () => {
    using images = new ImagesDirectory();
    using program = await Program.start('restore/signals');
    using restored = await dumpAndRestore(program, images.path);
    expect(await restored.ask('')).to.equal('right');
    expect(await restored.ask('')).to.equal('right');
  });

  it('keeps every kind of memory, and where it lies', async () => {
    using images = new ImagesDirectory();
    using program = await Program.start('restore/memory', images.directory);
    expect(await program.ask('')).to.equal('right');
    const before = mapsOf(program.pid);
    using restored = await dumpAndRestore(program, images.path);
    expect(await restored.ask('')).to.equal('right');
    expect(mapsOf(program.pid)).to.deep.equal(before);
  });
});
