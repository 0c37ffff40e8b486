import { expect } from 'chai';
import { closeSync, constants, openSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { restoreProcess } from '../../../src/restore/restore.js';
import { errorOf } from '../../support/errors.js';
import { Program } from '../../support/programs.js';
import { dumpAndRestore, dumpProgram, handedIn, ImagesDirectory } from '../../support/restored.js';

describe('restore of FIFOs', function () {
  this.timeout(240_000);

  it('keeps them with what is in them, and with the ends that the program has', async () => {
    using images = new ImagesDirectory();
    using program = await Program.start('restore/fifos', images.directory);
    using restored = await dumpAndRestore(program, images.path);
    expect(await restored.ask('')).to.equal('right');
  });

  it('leaves what is in them alone where the program runs on', async () => {
    using images = new ImagesDirectory();
    using program = await Program.start('restore/fifos', images.directory);
    await dumpProgram(program, images.path, { leaveRunning: true });
    expect(await program.ask('')).to.equal('right');
  });

  it('refuses one that another process has too, by its pid, and one without a name', async () => {
    using images = new ImagesDirectory();
    using program = await Program.start('restore/fifos', images.directory);
    const waits = path.join(images.directory, 'waits');
    const fd = openSync(waits, constants.O_WRONLY | constants.O_NONBLOCK);
    const shared = await errorOf(dumpProgram(program, images.path));
    closeSync(fd);
    expect(shared.code).to.equal('NOT_DUMPABLE');
    expect(shared.message).to.contain(`FIFO ${waits}, which pid ${process.pid} has too`);
    rmSync(waits);
    const deleted = await errorOf(dumpProgram(program, images.path));
    expect(deleted.message).to.contain(`deleted FIFO ${waits}`);
    expect(await program.ask('p')).to.equal('right');
  });

  it('names a FIFO that is another kind of file by then', async () => {
    using images = new ImagesDirectory();
    using program = await Program.start('restore/fifos', images.directory);
    await dumpProgram(program, images.path);
    await program.exit;
    const both = path.join(images.directory, 'both');
    rmSync(both);
    writeFileSync(both, 'text');
    const inherited = new Map(handedIn().map((number) => [number, number]));
    const error = await errorOf(restoreProcess({ images: images.path, inherited }));
    expect(error.code).to.equal('FILE_CHANGED');
    expect(error.message).to.contain(`${both} was a FIFO`);
  });
});
