import { expect } from 'chai';
import { execFileSync } from 'node:child_process';
import { copyFileSync, existsSync, readdirSync, readFileSync, utimesSync } from 'node:fs';
import path from 'node:path';
import { planImages, restoreProcess } from '../../../src/restore/restore.js';
import { runPlan } from '../../../src/restore/run-plan.js';
import { errorOf } from '../../support/errors.js';
import { Program } from '../../support/programs.js';
import { dumpProgram, handedIn, ImagesDirectory, restoreProgram } from '../../support/restored.js';

const inherited = () => new Map(handedIn().map((fd) => [fd, fd]));

/** Processes that this one has started. */
function children(): string {
  return readFileSync(`/proc/self/task/${process.pid}/children`, 'utf8');
}

describe('restore that cannot be', function () {
  this.timeout(240_000);

  it('names a file that has changed since, with what it was and is', async () => {
    using images = new ImagesDirectory();
    const file = path.join(images.directory, 'file');
    copyFileSync('/etc/passwd', file);
    using program = await Program.start('restore/counter', file);
    await dumpProgram(program, images.path);
    await program.exit;
    utimesSync(file, 1, 1);
    const error = await errorOf(restoreProcess({ images: images.path, inherited: inherited() }));
    expect(error.code).to.equal('FILE_CHANGED');
    expect(error.message).to.contain(file).and.to.contain('1970-01-01');
  });

  it('leaves nothing of the process, and the images as they were, when a call fails', async () => {
    using images = new ImagesDirectory();
    using program = await Program.start('restore/counter');
    const { pid } = program;
    await dumpProgram(program, images.path);
    await program.exit;
    const steps = await planImages({ images: images.path, inherited: inherited() });
    const broken = steps.map((step) =>
      step.op === 'call' && step.call === 'umask' ? { ...step, expect: 0o1000 } : step,
    );
    const before = children();
    const error = await errorOf(runPlan(broken));
    expect(error.code).to.equal('RESTORE_CALL');
    expect(error.message).to.contain('umask');
    expect(existsSync(`/proc/${pid}`)).to.equal(false);
    expect(children()).to.equal(before);
    using restored = await restoreProgram(pid, images.path);
    expect(await restored.ask('')).to.equal(`${pid} 8 4 5`);
  });

  it('refuses another vdso by both build ids', async () => {
    using images = new ImagesDirectory();
    using program = await Program.start('restore/counter');
    await dumpProgram(program, images.path);
    await program.exit;
    const steps = await planImages({ images: images.path, inherited: inherited() });
    const other = steps.map((step) =>
      step.op === 'clear' ? { ...step, vdsoBuildId: 'abcdef' } : step,
    );
    const error = await errorOf(runPlan(other));
    expect(error.code).to.equal('OTHER_VDSO');
    expect(error.message).to.match(/vdso abcdef, and this kernel has [0-9a-f]{8,}/);
    expect(existsSync(`/proc/${program.pid}`)).to.equal(false);
  });

  it('leaves no images of a process that it refuses', async () => {
    using images = new ImagesDirectory();
    using program = await Program.start('restore/counter');
    const main = ['--import=tsx', 'src/cli/main.ts', 'dump', String(program.pid)];
    const run = () => execFileSync(process.execPath, [...main, '--images', images.path, '--json']);
    expect(run).to.throw().with.property('status', 1);
    expect(readdirSync(images.directory)).to.deep.equal([]);
    expect(await program.ask('')).to.equal(`${program.pid} 8 4 5`);
  });
});
