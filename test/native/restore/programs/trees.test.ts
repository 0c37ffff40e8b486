import { expect } from 'chai';
import { loopSource } from '../../../support/chain.js';
import { Program } from '../../../support/programs.js';
import { dumpProgramTree, ImagesDirectory, restoreProgram } from '../../../support/restored.js';

/** Restores a tree with a report, which is checked and comes first. */
async function restoreReported(images: string): Promise<Program> {
  const restored = await restoreProgram(null, images, '--report');
  const line = await restored.line();
  const [, frames, before] = /in (\d+) page frames; .* were (\d+)$/.exec(line) ?? [];
  expect(Number(frames)).to.be.greaterThan(0);
  expect(frames).to.equal(before);
  return restored;
}

describe('restore of trees of programs', function () {
  this.timeout(240_000);

  it('restores Python with children that have its memory by fork', async () => {
    using images = new ImagesDirectory();
    using program = await Program.startCommand('python3', loopSource('forks.py'));
    expect(await program.ask('')).to.equal('0 4888900 9777800');
    expect(await dumpProgramTree(program, images.path)).to.have.length(4);
    using restored = await restoreReported(images.path);
    expect(await restored.ask('')).to.equal('0 9777800 19555600');
    expect(await restored.ask('')).to.equal('0 14666700 29333400');
    restored.end();
    expect(await restored.line()).to.equal('10 11 12');
    expect(await restored.exit).to.deep.equal({ code: 0, signal: null });
  });

  it('restores Node and its child, with their channel', async () => {
    using images = new ImagesDirectory();
    using program = await Program.startCommand(process.execPath, loopSource('forks.cjs'));
    const [, nr, child] = (await program.ask('one')).split(' ');
    expect(nr).to.equal('1');
    await dumpProgramTree(program, images.path);
    using restored = await restoreReported(images.path);
    expect(await restored.ask('two')).to.equal(`two 2 ${child ?? ''}`);
    expect(await restored.ask('three')).to.equal(`three 3 ${child ?? ''}`);
    restored.end();
    expect(await restored.exit).to.deep.equal({ code: 5, signal: null });
  });

  it('restores a shell with its jobs, of which it knows what becomes', async () => {
    using images = new ImagesDirectory();
    using program = await Program.startCommand('bash', loopSource('jobs.sh'));
    expect(await program.ask('')).to.equal('1 2');
    await dumpProgramTree(program, images.path);
    using restored = await restoreReported(images.path);
    expect(await restored.ask('')).to.equal('2 2');
    restored.end();
    for (;;) {
      const line = await restored.line();
      if (line === 'job 3') break;
    }
    expect(await restored.exit).to.deep.equal({ code: 9, signal: null });
  });
});
