import { expect } from 'chai';
import { readdirSync, readFileSync } from 'node:fs';
import { Program } from '../../support/programs.js';
import { dumpProgram, handedIn, ImagesDirectory, restoreProgram } from '../../support/restored.js';
import { waitFor, within } from '../../support/wait-for.js';

/** What `/proc/PID/status` has, '' where there is no such process. */
function statusOf(pid: number, field: string): string {
  try {
    const text = readFileSync(`/proc/${pid}/status`, 'utf8');
    return new RegExp(`^${field}:\\s*(.*)$`, 'm').exec(text)?.[1] ?? '';
  } catch {
    return '';
  }
}

/** Restores as a child of one who gets orphans, which tells whom it reaps. */
async function restoreDetached(images: string, ...options: string[]): Promise<Program> {
  const fds = handedIn().flatMap((fd) => ['--inherit-fd', String(fd)]);
  const main = [process.execPath, '--import=tsx', 'src/cli/main.ts', 'restore', images];
  return Program.start('subreaper', ...main, '--detach', ...fds, ...options);
}

/** The next line that matches: the one who gets orphans tells of others, too. */
async function lineLike(program: Program, pattern: RegExp): Promise<RegExpExecArray> {
  for (;;) {
    const found = pattern.exec(await program.line(60_000));
    if (found) return found;
  }
}

async function untilChildOf(pid: number, parent: number): Promise<void> {
  await waitFor(`pid ${pid} has another parent`, () => statusOf(pid, 'PPid') === String(parent));
}

describe('restore, whose child the process is', function () {
  this.timeout(240_000);

  it('leaves it to who gets orphans with --detach, and ends', async () => {
    using images = new ImagesDirectory();
    using program = await Program.start('restore/counter');
    const { pid } = program;
    await dumpProgram(program, images.path);
    await program.exit;
    using parent = await restoreDetached(images.path);
    await lineLike(parent, new RegExp(`^pid ${pid} runs again, with 1 thread`));
    await untilChildOf(pid, parent.pid);
    parent.send('');
    await lineLike(parent, new RegExp(`^${pid} 8 4 5$`));
    parent.end();
    await lineLike(parent, new RegExp(`^${pid} exited 42$`));
  });

  it('leaves it stopped with --detach --stopped', async () => {
    using images = new ImagesDirectory();
    using program = await Program.start('restore/counter');
    const { pid } = program;
    await dumpProgram(program, images.path);
    await program.exit;
    using parent = await restoreDetached(images.path, '--stopped');
    await lineLike(parent, new RegExp(`^pid ${pid} runs again`));
    await untilChildOf(pid, parent.pid);
    await waitFor('it is stopped', () => statusOf(pid, 'State').startsWith('T'));
    process.kill(pid, 'SIGCONT');
    parent.send('');
    await lineLike(parent, new RegExp(`^${pid} 8 4 5$`));
  });

  for (const signal of ['SIGTERM', 'SIGUSR1'] as const)
    it(`passes ${signal} on, and ends as the process does`, async () => {
      using images = new ImagesDirectory();
      using program = await Program.start('restore/counter');
      const { pid } = program;
      await dumpProgram(program, images.path);
      await program.exit;
      using restored = await restoreProgram(pid, images.path);
      expect(await restored.ask('')).to.equal(`${pid} 8 4 5`);
      process.kill(restored.pid, signal);
      const number = signal === 'SIGTERM' ? 15 : 10;
      expect(await within('its end', restored.exit)).to.deep.equal({
        code: 128 + number,
        signal: null,
      });
      expect(statusOf(pid, 'State')).to.equal('');
    });

  it('keeps signals that are ignored and those that are not, whatever tracker ignores', async () => {
    using images = new ImagesDirectory();
    using program = await Program.start('restore/counter');
    const { pid } = program;
    const ignored = statusOf(pid, 'SigIgn');
    await dumpProgram(program, images.path);
    await program.exit;
    using restored = await restoreProgram(pid, images.path);
    expect(await restored.ask('')).to.equal(`${pid} 8 4 5`);
    expect(statusOf(pid, 'SigIgn')).to.equal(ignored);
  });
});

describe('restore into a pid namespace', function () {
  this.timeout(240_000);

  it('makes a process whose pid is taken, below an init that reaps it', async () => {
    using images = new ImagesDirectory();
    using program = await Program.start('restore/counter');
    const { pid } = program;
    await dumpProgram(program, images.path, { leaveRunning: true });
    using restored = await restoreProgram(null, images.path, '--pid-namespace');
    expect(await restored.ask('')).to.equal(`${pid} 8 4 5`);
    expect(await program.ask('')).to.equal(`${pid} 8 4 5`);
    const init =
      childrenOf(restored.pid).find((child) => statusOf(child, 'NSpid').includes('\t')) ?? 0;
    expect(statusOf(init, 'Name')).to.equal('tracker-init');
    expect(statusOf(init, 'NSpid')).to.equal(`${init}\t1`);
    const [child = 0] = childrenOf(init);
    expect(statusOf(child, 'NSpid')).to.equal(`${child}\t${pid}`);
    expect(Number(/\d+/.exec(statusOf(init, 'VmSize'))?.[0])).to.be.below(64);
    restored.end();
    expect(await within('its end', restored.exit)).to.deep.equal({ code: 42, signal: null });
    await waitFor('its init has ended', () => /^(Z.*)?$/.test(statusOf(init, 'State')));
  });

  it('hands signals in, and the one that has ended the process out', async () => {
    using images = new ImagesDirectory();
    using program = await Program.start('restore/counter');
    await dumpProgram(program, images.path, { leaveRunning: true });
    using restored = await restoreProgram(null, images.path, '--pid-namespace');
    expect(await restored.ask('')).to.equal(`${program.pid} 8 4 5`);
    process.kill(restored.pid, 'SIGTERM');
    expect(await within('its end', restored.exit)).to.deep.equal({ code: 128 + 15, signal: null });
  });

  it('keeps 60 threads with their ids', async () => {
    using images = new ImagesDirectory();
    using program = await Program.start('restore/threads', '60');
    await dumpProgram(program, images.path, { leaveRunning: true });
    using restored = await restoreProgram(null, images.path, '--pid-namespace');
    expect(await restored.ask('', 60_000)).to.equal('on');
    restored.end();
    expect(await within('its end', restored.exit)).to.deep.equal({ code: 17, signal: null });
  });

  it('goes on with --detach, and its init ends with it', async () => {
    using images = new ImagesDirectory();
    using program = await Program.start('restore/counter');
    const { pid } = program;
    await dumpProgram(program, images.path, { leaveRunning: true });
    using parent = await restoreDetached(images.path, '--pid-namespace');
    const line = await lineLike(parent, new RegExp(`^pid ${pid}, pid (\\d+) outside`));
    const init = Number(statusOf(Number(line[1]), 'PPid'));
    await untilChildOf(init, parent.pid);
    parent.send('');
    await lineLike(parent, new RegExp(`^${pid} 8 4 5$`));
    parent.end();
    await lineLike(parent, new RegExp(`^${init} exited 0$`));
  });
});

/** Of all threads: whoever restores does it in one of its own. */
function childrenOf(pid: number): number[] {
  return readdirSync(`/proc/${pid}/task`)
    .map((tid) => readFileSync(`/proc/${pid}/task/${tid}/children`, 'utf8'))
    .flatMap((text) => text.split(' ').filter((word) => word !== ''))
    .map(Number);
}
