import { expect } from 'chai';
import { existsSync } from 'node:fs';
import { dumpTree } from '../../../src/dump/tree/dump-tree.js';
import { Program } from '../../support/programs.js';
import { externalOf, ImagesDirectory, restoreProgram } from '../../support/restored.js';
import { waitFor } from '../../support/wait-for.js';

/** Dumps a program's tree, which ends it. */
async function dumpProgramTree(program: Program, images: string): Promise<number[]> {
  const { pid } = program;
  const { members } = await dumpTree({ pid, images, external: externalOf(pid) });
  await program.exit;
  const pids = members.map((member) => member.pid);
  await waitFor('all of it has gone', () => !pids.some((each) => existsSync(`/proc/${each}`)));
  return pids;
}

describe('restore of a tree', function () {
  this.timeout(240_000);

  it('makes all of it go on, with what its processes share and what each has', async () => {
    using images = new ImagesDirectory();
    using program = await Program.start('restore/tree', images.directory);
    expect(await program.ask('')).to.equal('right');
    await dumpProgramTree(program, images.path);
    using restored = await restoreProgram(null, images.path);
    for (let i = 0; i < 3; i++) expect(await restored.ask('')).to.equal('right');
    expect(await restored.ask('end')).to.equal('right');
    restored.end();
    expect(await restored.exit).to.deep.equal({ code: 0, signal: null });
  });
});
