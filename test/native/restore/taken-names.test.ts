import { expect } from 'chai';
import { once } from 'node:events';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import path from 'node:path';
import { planImages, restoreProcess } from '../../../src/restore/restore.js';
import { runPlan } from '../../../src/restore/run-plan.js';
import type { CallStep } from '../../../src/restore/plan/step.js';
import { errorOf } from '../../support/errors.js';
import { Program } from '../../support/programs.js';
import { dumpProgram, handedIn, ImagesDirectory, restoreProgram } from '../../support/restored.js';

const inherited = () => new Map(handedIn().map((fd) => [fd, fd]));

/** Dumps a program with sockets, which ends it. Returns its pid. */
async function dumped(images: ImagesDirectory): Promise<number> {
  using program = await Program.start('restore/sockets', images.directory);
  await dumpProgram(program, images.path);
  await program.exit;
  return program.pid;
}

/** An address of IPv4 on which the program listened. */
async function listenedPort(images: ImagesDirectory): Promise<number> {
  const steps = await planImages({ images: images.path, inherited: inherited() });
  const listens = steps.filter(
    (step): step is CallStep => step.op === 'call' && step.call === 'listen',
  );
  const taken = listens.map((step) => /127\.0\.0\.1:(\d+)$/.exec(step.taken ?? '')?.[1]);
  return Number(taken.find((port) => port !== undefined));
}

describe('restore of names that somebody else has', function () {
  this.timeout(240_000);

  it('names the address that another one listens on, leaves nothing, and works later', async () => {
    using images = new ImagesDirectory();
    const pid = await dumped(images);
    const port = await listenedPort(images);
    const server = createServer().listen(port, '127.0.0.1');
    await once(server, 'listening');
    const error = await errorOf(restoreProcess({ images: images.path, inherited: inherited() }));
    server.close();
    await once(server, 'close');
    expect(error.code).to.equal('NAME_TAKEN');
    expect(error.message).to.contain(`somebody else has the address 127.0.0.1:${port} by now`);
    expect(existsSync(`/proc/${pid}`)).to.equal(false);
    using restored = await restoreProgram(pid, images.path);
    expect(await restored.ask('')).to.equal('right');
  });

  it('leaves a file alone that has the name of a unix socket', async () => {
    using images = new ImagesDirectory();
    const pid = await dumped(images);
    const name = path.join(images.directory, 'listening');
    rmSync(name);
    writeFileSync(name, 'mine');
    const error = await errorOf(restoreProcess({ images: images.path, inherited: inherited() }));
    expect(error.code).to.equal('NAME_TAKEN');
    expect(error.message).to.contain(name);
    expect(readFileSync(name, 'utf8')).to.equal('mine');
    expect(existsSync(`/proc/${pid}`)).to.equal(false);
  });

  it('takes the name of a unix socket away again where a later step fails', async () => {
    using images = new ImagesDirectory();
    const pid = await dumped(images);
    const name = path.join(images.directory, 'listening');
    const steps = await planImages({ images: images.path, inherited: inherited() });
    const broken = steps.map((step) =>
      step.op === 'call' && step.call === 'umask' ? { ...step, expect: 0o1000 } : step,
    );
    expect((await errorOf(runPlan(broken))).code).to.equal('RESTORE_CALL');
    expect(existsSync(name)).to.equal(false);
    using restored = await restoreProgram(pid, images.path);
    expect(await restored.ask('')).to.equal('right');
  });
});
