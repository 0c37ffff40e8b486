import { expect } from 'chai';
import { errorOf } from '../../support/errors.js';
import { Program } from '../../support/programs.js';
import { dumpAndRestore, dumpProgram, ImagesDirectory } from '../../support/restored.js';

describe('restore of open files', function () {
  this.timeout(240_000);

  it('keeps pipes with what is in them, counters, epoll sets and shared descriptors', async () => {
    using images = new ImagesDirectory();
    using program = await Program.start('restore/events');
    using restored = await dumpAndRestore(program, images.path);
    expect(await restored.ask('')).to.equal('right');
  });

  it('opens files of procfs and sysfs again, also those of the process itself', async () => {
    using images = new ImagesDirectory();
    using program = await Program.start('restore/kernel_files');
    using restored = await dumpAndRestore(program, images.path);
    expect(await restored.ask('')).to.equal('right');
  });

  it('refuses files of procfs that are about another process or a thread, by their names', async () => {
    using images = new ImagesDirectory();
    using program = await Program.start('restore/kernel_files', 'others');
    const error = await errorOf(dumpProgram(program, images.path));
    expect(error.code).to.equal('NOT_DUMPABLE');
    expect(error.message).to.match(/\/proc\/1\/stat, which is about another process/);
    expect(error.message).to.match(/\/proc\/\d+\/task\/\d+\/stat, which is about a thread/);
    expect(await program.ask('')).to.equal('right');
  });

  it('leaves what is in pipes and counters alone where the program runs on', async () => {
    using images = new ImagesDirectory();
    using program = await Program.start('restore/events');
    await dumpProgram(program, images.path, { leaveRunning: true });
    expect(await program.ask('')).to.equal('right');
  });
});
