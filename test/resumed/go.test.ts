import { expect } from 'chai';
import { execFileSync } from 'node:child_process';
import path from 'node:path';
import { expectGoesOn, loopSource } from '../support/chain.js';
import { needPrograms } from '../support/installed.js';
import { Program } from '../support/programs.js';
import { ImagesDirectory } from '../support/restored.js';

/** Compiles `chain.go` to a program that needs no library. */
function compileStatic(directory: string): string {
  const binary = path.join(directory, 'chain');
  const env = { ...process.env, CGO_ENABLED: '0', GOCACHE: path.join(directory, 'cache') };
  execFileSync('go', ['build', '-o', binary, loopSource('chain.go')], { env, cwd: directory });
  return binary;
}

describe('restore of a static Go program', function () {
  this.timeout(360_000);

  before(function () {
    needPrograms(this, 'go');
  });

  it('goes on with its goroutines, timer and heap', async () => {
    using images = new ImagesDirectory();
    const binary = compileStatic(images.directory);
    const header = execFileSync('readelf', ['--program-headers', binary], { encoding: 'utf8' });
    expect(header).not.to.contain('INTERP');
    using program = await Program.startCommand(binary);
    await expectGoesOn(program);
  });
});
