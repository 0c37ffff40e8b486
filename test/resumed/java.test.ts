import { execFileSync } from 'node:child_process';
import { expectGoesOn, loopSource } from '../support/chain.js';
import { needPrograms } from '../support/installed.js';
import { Program } from '../support/programs.js';
import { ImagesDirectory } from '../support/restored.js';

/** By default; with the heap mapped in three places; with one thread. */
const collectors = ['G1', 'Z', 'Serial'];

describe('restore of a Java program', function () {
  this.timeout(360_000);

  before(function () {
    needPrograms(this, 'java', 'javac');
  });

  for (const collector of collectors)
    it(`goes on with threads, timer and heap, which the ${collector} collector moves`, async () => {
      using classes = new ImagesDirectory();
      execFileSync('javac', ['-d', classes.directory, loopSource('Chain.java')]);
      const options = [`-XX:+Use${collector}GC`, '-Xmx256m', '-cp', classes.directory];
      using program = await Program.startCommand('java', ...options, 'Chain');
      await expectGoesOn(program);
    });
});
