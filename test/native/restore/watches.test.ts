import { expect } from 'chai';
import { Program } from '../../support/programs.js';
import { errorOf } from '../../support/errors.js';
import { dumpAndRestore, dumpProgram, ImagesDirectory } from '../../support/restored.js';

describe('restore of inotify', function () {
  this.timeout(240_000);

  it('keeps watches by their numbers, which say nothing of the restore', async () => {
    using images = new ImagesDirectory();
    using program = await Program.start('restore/watches', images.directory);
    using restored = await dumpAndRestore(program, images.path);
    expect(await restored.ask('')).to.equal('right');
  });

  it('leaves watches alone where the program runs on', async () => {
    using images = new ImagesDirectory();
    using program = await Program.start('restore/watches', images.directory);
    await dumpProgram(program, images.path, { leaveRunning: true });
    expect(await program.ask('')).to.equal('right');
  });

  for (const [what, command, reason] of [
    ['events that wait', 'e', /fd \d+ of pid \d+: inotify with 16 bytes of events/],
    [
      'a watch of a deleted file',
      'd',
      /inotify watch 1 of inode \d+ on device \d+:\d+, which has no/,
    ],
  ] as const)
    it(`refuses ${what} by name, and leaves it as it was`, async () => {
      using images = new ImagesDirectory();
      using program = await Program.start('restore/watches', images.directory);
      expect(await program.ask(command)).to.equal('right');
      const error = await errorOf(dumpProgram(program, images.path));
      expect(error.code).to.equal('NOT_DUMPABLE');
      expect(error.message).to.match(reason);
      expect(await program.ask('r')).to.equal('right');
    });
});
