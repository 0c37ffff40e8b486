import { expect } from 'chai';
import { checkTrackable } from '../../src/proc/target.js';
import { readMaps } from '../../src/proc/maps.js';
import { kernelThread } from '../support/threads.js';
import { Program } from '../support/programs.js';

describe('checkTrackable, on real processes', function () {
  this.timeout(30_000);

  const codeOf = (pid: number): unknown => {
    try {
      checkTrackable(pid);
    } catch (error) {
      return (error as { code?: unknown }).code;
    }
    return undefined;
  };

  it('describes a child', async () => {
    using program = await Program.start('threads', '1');
    const target = checkTrackable(program.pid);
    expect(target).to.include({ pid: program.pid, comm: 'threads' });
    expect(target.exe).to.match(/build\/programs\/threads$/);
    const maps = await readMaps(program.pid);
    expect(maps.some(({ path }) => path === target.exe)).to.equal(true);
  });

  it('refuses a kernel thread (skipped where a pid namespace hides them)', function () {
    const pid = kernelThread();
    if (pid === undefined) return this.skip();
    expect(codeOf(pid)).to.equal('KERNEL_THREAD');
  });

  it('refuses a process whose first thread has exited', async () => {
    using program = await Program.start('leader_exits');
    expect(codeOf(program.pid)).to.equal('FIRST_THREAD_EXITED');
  });
});
