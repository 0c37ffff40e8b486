import { expect } from 'chai';
import { existsSync, readlinkSync } from 'node:fs';
import { dumpProcess } from '../../../src/dump/process/dump.js';
import { readStat } from '../../../src/proc/stat.js';
import { restoreProcess } from '../../../src/restore/restore.js';
import { errorOf } from '../../support/errors.js';
import { compileProgram, Program } from '../../support/programs.js';
import { dumpAndRestore, dumpProgram, handedIn, ImagesDirectory } from '../../support/restored.js';

/** Waits for a line, whatever a shell says before it. */
async function lineOf(program: Program, pattern: RegExp): Promise<void> {
  while (!pattern.test((await program.line()).replaceAll('\r', '')));
}

describe('restore of pseudo-terminals', function () {
  this.timeout(240_000);

  it('keeps both ends, their settings, and the controlling terminal of a session', async () => {
    using images = new ImagesDirectory();
    using program = await Program.start('restore/pty');
    using restored = await dumpAndRestore(program, images.path);
    expect(await restored.ask('')).to.equal('right');
  });

  it('leaves both ends alone where the program runs on', async () => {
    using images = new ImagesDirectory();
    using program = await Program.start('restore/pty');
    await dumpProgram(program, images.path, { leaveRunning: true });
    expect(await program.ask('')).to.equal('right');
  });

  it('refuses a slave with something to be read, and leaves it as it was', async () => {
    using images = new ImagesDirectory();
    using program = await Program.start('restore/pty');
    expect(await program.ask('w')).to.equal('right');
    const error = await errorOf(dumpProgram(program, images.path));
    expect(error.code).to.equal('NOT_DUMPABLE');
    expect(error.message).to.match(/terminal \/dev\/pts\/\d+ with 5 bytes that it has not read/);
    expect(await program.ask('p')).to.equal('right');
  });

  it('names a pseudo-terminal that somebody else has by then, and leaves nothing', async () => {
    using images = new ImagesDirectory();
    using program = await Program.start('restore/pty');
    await dumpProgram(program, images.path);
    await program.exit;
    using other = await Program.start('restore/pty');
    const inherited = new Map(handedIn().map((fd) => [fd, fd]));
    const error = await errorOf(restoreProcess({ images: images.path, inherited }));
    expect(error.code).to.equal('NAME_TAKEN');
    expect(error.message).to.match(/somebody else has the pseudo-terminal \/dev\/pts\/\d+ by now/);
    expect(existsSync(`/proc/${program.pid}`)).to.equal(false);
    expect(await other.ask('')).to.equal('right');
  });
});

describe('restore of a job on a terminal', function () {
  this.timeout(240_000);

  it('gives it the terminal of whoever restores, with its settings, in the foreground', async () => {
    using images = new ImagesDirectory();
    using first = await Program.start('restore/relay', compileProgram('restore/job'));
    const pid = Number(await first.ask('i'));
    const report = await dumpProcess({ pid, images: images.path, isShellJob: true });
    expect(report.isKilled).to.equal(true);
    expect(await first.exit).to.deep.equal({ code: 109, signal: null });
    const main = ['--import=tsx', 'src/cli/main.ts', 'restore', '--shell-job', images.path];
    using second = await Program.startRelayed(process.execPath, ...main);
    expect(await second.ask('i', 60_000)).to.equal(String(pid));
    expect(await second.ask('')).to.equal('right');
    expect(await second.ask('r')).to.equal('1');
    expect(readlinkSync(`/proc/${pid}/fd/0`)).to.match(/^\/dev\/pts\/\d+$/);
    second.send('e');
    expect(await second.exit).to.deep.equal({ code: 7, signal: null });
  });

  it('is stopped and continued with tracker, which a shell takes for the job', async () => {
    using images = new ImagesDirectory();
    using relay = await Program.start('restore/relay', compileProgram('restore/job'));
    const pid = Number(await relay.ask('i'));
    await dumpProcess({ pid, images: images.path, isShellJob: true });
    await relay.exit;
    using shell = await Program.startRelayed('env', 'PS1=', 'bash', '--norc', '--noediting', '-i');
    const main = `${process.execPath} --import=tsx src/cli/main.ts`;
    shell.send(`${main} restore --shell-job ${images.path}`);
    shell.send('i');
    await lineOf(shell, new RegExp(`^${pid}$`));
    shell.send('\u001a');
    await lineOf(shell, /Stopped.*restore --shell-job/);
    expect(readStat(pid).state).to.equal('T');
    shell.send('echo shell $((1 + 1))');
    await lineOf(shell, /^shell 2$/);
    shell.send('fg');
    shell.send('x');
    await lineOf(shell, /^right$/);
    shell.send('e');
    shell.send('echo ended $?');
    await lineOf(shell, /^ended 7$/);
  });

  it('is refused without being told, by the terminal, and at the restore without one', async () => {
    using images = new ImagesDirectory();
    using relay = await Program.start('restore/relay', compileProgram('restore/job'));
    const pid = Number(await relay.ask('i'));
    const refusal = await errorOf(dumpProcess({ pid, images: images.path }));
    expect(refusal.code).to.equal('NOT_DUMPABLE');
    expect(refusal.message).to.match(
      new RegExp(
        `fd 0 of pid ${pid}: terminal /dev/pts/\\d+, which it has from outside: .*--shell-job`,
      ),
    );
    expect(await relay.ask('')).to.equal('right');
    await dumpProcess({ pid, images: images.path, isShellJob: true });
    await relay.exit;
    const error = await errorOf(restoreProcess({ images: images.path }));
    expect(error.code).to.equal('NO_TERMINAL');
    expect(error.message).to.match(/^fd 0 and 1 and 2 was the terminal \/dev\/pts\/\d+/);
  });
});
