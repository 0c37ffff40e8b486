import { expect } from 'chai';
import { readFileSync } from 'node:fs';
import { Program } from '../../support/programs.js';
import { dumpAndRestore, dumpProgram, ImagesDirectory } from '../../support/restored.js';
import { systemCallOf } from '../../support/threads.js';
import { waitFor } from '../../support/wait-for.js';

const systemCalls = { read: 0, poll: 7, nanosleep: 230, futex: 202 } as const;

/** `/proc/PID/maps` without what is the kernel's to choose: inodes of memory without a name. */
function mapsOf(pid: number): string[] {
  return readFileSync(`/proc/${pid}/maps`, 'utf8')
    .split('\n')
    .map((line) => line.replace(/ 00:\d\d \d+ +/, ' ').replace(/ +/g, ' '));
}

describe('restore of the parts of a process', function () {
  this.timeout(240_000);

  it('keeps the registers, masks, names and stacks of 60 threads, which go on', async () => {
    using images = new ImagesDirectory();
    using program = await Program.start('restore/threads', '60');
    using restored = await dumpAndRestore(program, images.path);
    expect(await restored.ask('', 60_000)).to.equal('on');
    expect(await restored.ask('', 60_000)).to.equal('on');
    restored.end();
    expect(await restored.exit).to.deep.equal({ code: 17, signal: null });
  });

  it('lets 60 threads go on that are dumped and left running', async () => {
    using images = new ImagesDirectory();
    using program = await Program.start('restore/threads', '60');
    await dumpProgram(program, images.path, { leaveRunning: true });
    expect(await program.ask('', 60_000)).to.equal('on');
    program.end();
    expect(await program.exit).to.deep.equal({ code: 17, signal: null });
  });

  it('keeps dispositions, and pending signals with what comes with them', async () => {
    using images = new ImagesDirectory();
    using program = await Program.start('restore/signals');
    using restored = await dumpAndRestore(program, images.path);
    expect(await restored.ask('')).to.equal('right');
    expect(await restored.ask('')).to.equal('right');
  });

  it('keeps every kind of memory, and where it lies', async () => {
    using images = new ImagesDirectory();
    using program = await Program.start('restore/memory', images.directory);
    expect(await program.ask('')).to.equal('right');
    const before = mapsOf(program.pid);
    using restored = await dumpAndRestore(program, images.path);
    expect(await restored.ask('')).to.equal('right');
    expect(mapsOf(program.pid)).to.deep.equal(before);
  });

  for (const rights of [[], ['without rights']])
    it(`keeps the identity of a process ${rights.join() || 'with all rights'}`, async () => {
      using images = new ImagesDirectory();
      using program = await Program.start('restore/identity', images.directory, ...rights);
      const before = await program.ask('');
      using restored = await dumpAndRestore(program, images.path);
      expect(await restored.ask('')).to.equal(before);
    });

  // Longer than a dump takes to begin on a busy machine.
  const secondsToWait = 5;
  for (const name of ['nanosleep', 'futex', 'poll', 'read'] as const) {
    it(`lets an interrupted ${name} go on`, async () => {
      using images = new ImagesDirectory();
      using program = await Program.start('blocked', name, `${secondsToWait}`);
      const { pid } = program;
      await waitFor(`it is in ${name}`, () => systemCallOf(pid) === systemCalls[name]);
      using restored = await dumpAndRestore(program, images.path);
      if (name === 'poll' || name === 'read') restored.send('x');
      const [result, error, elapsedMs] = (await restored.line()).split(' ');
      const expected = {
        nanosleep: ['0', '0'],
        futex: ['-1', 'ETIMEDOUT'],
        poll: ['1', '0'],
        read: ['2', '0'],
      };
      expect([result, error]).to.deep.equal(expected[name]);
      if (name === 'nanosleep' || name === 'futex')
        expect(Number(elapsedMs)).to.be.least(secondsToWait * 1000);
    });
  }
});
