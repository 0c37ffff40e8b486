import { expect } from 'chai';
import { Program } from '../../support/programs.js';
import { dumpAndRestore, dumpProgram, ImagesDirectory } from '../../support/restored.js';

describe('restore of files without a name', function () {
  this.timeout(240_000);

  it('keeps memfds with seals, one of them mapped, and deleted files with their content', async () => {
    using images = new ImagesDirectory();
    using program = await Program.start('restore/nameless', images.directory);
    using restored = await dumpAndRestore(program, images.path);
    expect(await restored.ask('')).to.equal('right');
  });

  for (const [what, command, reason] of [
    ['a deleted file that is too large', 'g', 'of which images hold 16777216 at most'],
  ] as const)
    it(`refuses ${what} by name, and leaves it as it was`, async () => {
      using images = new ImagesDirectory();
      using program = await Program.start('restore/nameless', images.directory);
      expect(await program.ask(command)).to.equal('right');
      const error: unknown = await dumpProgram(program, images.path).catch(
        (failure: unknown) => failure,
      );
      expect(error).to.have.property('code', 'NOT_DUMPABLE');
      expect(error).to.have.property('message').that.contains(reason).and.contains('/gone');
      expect(await program.ask('s')).to.equal('right');
    });
});
