import { expect } from 'chai';
import { readFileSync } from 'node:fs';
import { Program } from '../../support/programs.js';
import {
  dumpAndRestore,
  dumpProgram,
  ImagesDirectory,
  restoreProgram,
} from '../../support/restored.js';
import { waitFor } from '../../support/wait-for.js';

/** The letter of `/proc/PID/stat`; nothing where there is no such process. */
function stateOf(pid: number): string | undefined {
  try {
    return /^State:\s*(\S)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
  } catch {
    return undefined;
  }
}

async function untilStopped(pid: number): Promise<void> {
  await waitFor(`pid ${pid} is stopped`, () => stateOf(pid) === 'T', 60_000);
}

describe('restore of stopped processes', function () {
  this.timeout(240_000);

  it('leaves a process stopped with --stopped, until SIGCONT', async () => {
    using images = new ImagesDirectory();
    using program = await Program.start('restore/counter');
    const { pid } = program;
    await dumpProgram(program, images.path);
    await program.exit;
    using restored = await restoreProgram(pid, images.path, '--stopped');
    await untilStopped(pid);
    restored.send('');
    expect(stateOf(pid)).to.equal('T');
    process.kill(pid, 'SIGCONT');
    expect(await restored.line()).to.equal(`${pid} 8 4 5`);
  });

  it('restores a process that SIGSTOP had stopped as a stopped one', async () => {
    using images = new ImagesDirectory();
    using program = await Program.start('restore/counter');
    const { pid } = program;
    process.kill(pid, 'SIGSTOP');
    await untilStopped(pid);
    using restored = await dumpAndRestore(program, images.path);
    await untilStopped(pid);
    process.kill(pid, 'SIGCONT');
    expect(await restored.ask('')).to.equal(`${pid} 8 4 5`);
  });

  it('leaves a process stopped that is dumped with --leave-running while it is', async () => {
    using images = new ImagesDirectory();
    using program = await Program.start('restore/counter');
    const { pid } = program;
    process.kill(pid, 'SIGSTOP');
    await untilStopped(pid);
    await dumpProgram(program, images.path, { leaveRunning: true });
    await untilStopped(pid);
    process.kill(pid, 'SIGCONT');
    expect(await program.ask('')).to.equal(`${pid} 8 4 5`);
  });
});
