import { expect } from 'chai';
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

  it('leaves what is in pipes and counters alone where the program runs on', async () => {
    using images = new ImagesDirectory();
    using program = await Program.start('restore/events');
    await dumpProgram(program, images.path, { leaveRunning: true });
    expect(await program.ask('')).to.equal('right');
  });
});
