import { expect } from 'chai';
import { dumpProcess } from '../../../src/dump/process/dump.js';
import { restoreProcess } from '../../../src/restore/restore.js';
import { Program } from '../../support/programs.js';
import {
  dumpAndRestore,
  dumpProgram,
  handedIn,
  ImagesDirectory,
  restoreProgram,
} from '../../support/restored.js';

describe('restore', function () {
  this.timeout(240_000);

  it('makes a killed program go on with its pid, memory, stack and file offset', async () => {
    using images = new ImagesDirectory();
    using program = await Program.start('restore/counter');
    const { pid } = program;
    expect(await program.ask('')).to.equal(`${pid} 8 4 5`);
    using restored = await dumpAndRestore(program, images.path);
    expect(await program.exit).to.have.property('signal', 'SIGKILL');
    expect(await restored.ask('')).to.equal(`${pid} 9 5 5`);
  });

  it('ends with the status of the program', async () => {
    using images = new ImagesDirectory();
    using program = await Program.start('restore/counter');
    using restored = await dumpAndRestore(program, images.path);
    restored.send('');
    await restored.line();
    restored.end();
    expect(await restored.exit).to.deep.equal({ code: 42, signal: null });
  });

  it('restores the same images again and again', async () => {
    using images = new ImagesDirectory();
    using program = await Program.start('restore/counter');
    const { pid } = program;
    await dumpProgram(program, images.path);
    for (let i = 0; i < 3; i++) {
      const restored = await restoreProgram(pid, images.path);
      expect(await restored.ask('')).to.equal(`${pid} 8 4 5`);
      process.kill(pid, 'SIGKILL');
      await restored.exit;
    }
  });

  it('leaves a program that is dumped with --leave-running as it was', async () => {
    using images = new ImagesDirectory();
    using program = await Program.start('restore/counter');
    const { pid } = program;
    await dumpProgram(program, images.path, { leaveRunning: true });
    expect(await program.ask('')).to.equal(`${pid} 8 4 5`);
  });

  it('refuses a pid that is taken', async () => {
    using images = new ImagesDirectory();
    using program = await Program.start('restore/counter');
    await dumpProgram(program, images.path, { leaveRunning: true });
    const inherited = new Map(handedIn().map((fd) => [fd, fd]));
    const error: unknown = await restoreProcess({ images: images.path, inherited }).catch(
      (reason: unknown) => reason,
    );
    expect(error).to.have.property('code', 'PID_TAKEN');
    expect(await program.ask('')).to.equal(`${program.pid} 8 4 5`);
  });

  it('refuses images of a process whose pipe nobody hands in, by its descriptor', async () => {
    using images = new ImagesDirectory();
    using program = await Program.start('restore/counter');
    await dumpProgram(program, images.path);
    const error: unknown = await restoreProcess({ images: images.path }).catch(
      (reason: unknown) => reason,
    );
    expect(error).to.have.property('code', 'FD_NOT_INHERITED');
    expect(error)
      .to.have.property('message')
      .that.matches(/^fd 0 was socket:\[\d+\]/);
  });

  it('refuses what cannot be dumped by name, and leaves it running', async () => {
    using images = new ImagesDirectory();
    using program = await Program.start('restore/counter');
    const { pid } = program;
    const error: unknown = await dumpProcess({ pid, images: images.path }).catch(
      (reason: unknown) => reason,
    );
    expect(error).to.have.property('code', 'NOT_DUMPABLE');
    expect(error).to.have.property('message').that.contains(`fd 0 of pid ${pid}: unix socket [`);
    expect(await program.ask('')).to.equal(`${pid} 8 4 5`);
  });
});
