import { expect } from 'chai';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import path from 'node:path';
import { restoreProcess } from '../../../src/restore/restore.js';
import { errorOf } from '../../support/errors.js';
import { Program } from '../../support/programs.js';
import { dumpAndRestore, dumpProgram, handedIn, ImagesDirectory } from '../../support/restored.js';

describe('restore of locks', function () {
  this.timeout(240_000);

  it('keeps fcntl, open file and flock locks, and who gets signals of a file', async () => {
    using images = new ImagesDirectory();
    using program = await Program.start('restore/locks', images.directory);
    using restored = await dumpAndRestore(program, images.path);
    expect(await restored.ask('')).to.equal('right');
  });

  it('leaves locks alone where the program runs on', async () => {
    using images = new ImagesDirectory();
    using program = await Program.start('restore/locks', images.directory);
    await dumpProgram(program, images.path, { leaveRunning: true });
    expect(await program.ask('')).to.equal('right');
  });

  for (const [what, command, reason] of [
    ['a lease', 'l', /fd \d+ of pid \d+: LEASE lock on \S+\/leased/],
    ['signals for another process', 'o', /fd \d+ of pid \d+: pipe:\S+, of which pid \d+ gets the/],
  ] as const)
    it(`refuses ${what} by name, and leaves it as it was`, async () => {
      using images = new ImagesDirectory();
      using program = await Program.start('restore/locks', images.directory);
      expect(await program.ask(command)).to.equal('right');
      const error = await errorOf(dumpProgram(program, images.path));
      expect(error.code).to.equal('NOT_DUMPABLE');
      expect(error.message).to.match(reason);
      expect(await program.ask('p')).to.equal('right');
    });

  it('names the descriptor whose lock somebody else has by then, and leaves nothing', async () => {
    using images = new ImagesDirectory();
    using program = await Program.start('restore/locks', images.directory);
    await dumpProgram(program, images.path);
    await program.exit;
    const file = path.join(images.directory, 'whole');
    const other = spawn('flock', [file, 'sh', '-c', 'echo locked; cat']);
    await once(other.stdout, 'data');
    const inherited = new Map(handedIn().map((fd) => [fd, fd]));
    const error = await errorOf(restoreProcess({ images: images.path, inherited }));
    expect(error.code).to.equal('NAME_TAKEN');
    expect(error.message).to.match(/somebody else has a lock on what its fd \d+ has open by now/);
    expect(existsSync(`/proc/${program.pid}`)).to.equal(false);
    other.stdin.end();
    await once(other, 'exit');
  });
});
