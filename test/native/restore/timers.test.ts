import { expect } from 'chai';
import { Program } from '../../support/programs.js';
import { dumpAndRestore, dumpProgram, ImagesDirectory } from '../../support/restored.js';

describe('restore of timers', function () {
  this.timeout(240_000);

  it('keeps interval timers, ids and signals of timer_create, timerfd and signalfd', async () => {
    using images = new ImagesDirectory();
    using program = await Program.start('restore/timers');
    expect(await program.ask('w')).to.equal('waited');
    using restored = await dumpAndRestore(program, images.path);
    expect(await restored.ask('')).to.equal('right');
  });

  it('leaves timers as they are where the program runs on', async () => {
    using images = new ImagesDirectory();
    using program = await Program.start('restore/timers');
    expect(await program.ask('w')).to.equal('waited');
    await dumpProgram(program, images.path, { leaveRunning: true });
    expect(await program.ask('')).to.equal('right');
  });
});
