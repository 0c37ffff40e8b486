import { execFileSync, spawn } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { expect } from 'chai';
import { run } from '../../src/cli/run.js';
import { ImageError } from '../../src/errors.js';
import { Device } from '../../src/kernel/device.js';
import { Tracker } from '../../src/tracker.js';
import { Pages } from '../support/pages.js';
import { newImagesPath } from '../support/vm.js';

interface Outcome {
  code: number;
  document: { error?: { code: string; message: string } };
}

/** Runs a command line with --json. */
async function tracker(...argv: string[]): Promise<Outcome> {
  let text = '';
  const stdout = { write: (chunk: string) => ((text += chunk), true), isTTY: false };
  const stderr = { write: () => true, isTTY: false };
  const signal = new AbortController().signal;
  const io = { stdout, stderr, signal } as unknown as Parameters<typeof run>[1];
  const code = await run([...argv, '--json'], io);
  return { code, document: JSON.parse(text) as Outcome['document'] };
}

async function expectRefused(errorCode: string, ...argv: string[]): Promise<void> {
  const { code, document } = await tracker(...argv);
  expect(document.error?.code).to.equal(errorCode);
  expect(code).to.equal(1);
  expect(document.error?.message).to.match(/\w/);
}

describe('the command line refuses', () => {
  it('a pid that does not exist', async () => {
    await expectRefused('NO_SUCH_PROCESS', 'start', '4194303', '--images', newImagesPath());
  });

  it('a kernel thread', async () => {
    await expectRefused('KERNEL_THREAD', 'start', '2', '--images', newImagesPath());
  });

  it('itself', async () => {
    const pid = String(process.pid);
    await expectRefused('OWN_PROCESS', 'start', pid, '--images', newImagesPath());
  });

  it('words that are no pid, with exit code 2', async () => {
    expect((await tracker('start', 'redis', '--images', '/tmp/x')).code).to.equal(2);
    expect((await tracker('start', '1')).code).to.equal(2);
  });

  it('a target that is not tracked, and one that already is', async () => {
    using target = await Pages.start();
    const pid = String(target.pid);
    const images = newImagesPath();
    expect((await tracker('start', pid, '--images', images)).code).to.equal(0);
    await expectRefused('ALREADY_TRACKED', 'start', pid, '--images', newImagesPath());
    expect((await tracker('stop', pid, '--images', images, '--verify')).code).to.equal(0);
    await expectRefused('NOT_TRACKED', 'iterate', pid, '--images', images, '--rounds', '1');
    await expectRefused('NOT_TRACKED', 'stop', pid, '--images', images);
  });

  it('images of another session of the same process, and of another process', async () => {
    using target = await Pages.start();
    using other = await Pages.start();
    const [first, second] = [newImagesPath(), newImagesPath()];
    for (const images of [first, second]) {
      const { tracker: started } = await Tracker.start({ pid: target.pid, images });
      if (images === first) await started.stop();
      else await started.close();
    }
    const pid = String(target.pid);
    await expectRefused('IMAGES_OTHER_SESSION', 'stop', pid, '--images', first);
    const { tracker: ofOther } = await Tracker.start({ pid: other.pid, images: newImagesPath() });
    await ofOther.close();
    const otherPid = String(other.pid);
    await expectRefused('IMAGES_OTHER_TARGET', 'stop', otherPid, '--images', second);
    expect((await tracker('stop', pid, '--images', second, '--verify')).code).to.equal(0);
  });

  it('a directory that holds something else', async () => {
    using target = await Pages.start();
    const directory = newImagesPath();
    mkdirSync(directory);
    writeFileSync(path.join(directory, 'letter.txt'), 'hello');
    await expectRefused('IMAGES_NOT_EMPTY', 'start', String(target.pid), '--images', directory);
    using device = Device.open();
    expect(device.status(target.pid)).to.equal(undefined);
  });

  it('a second controller at the same time', async () => {
    using target = await Pages.start();
    const options = { pid: target.pid, images: newImagesPath() };
    const { tracker: first } = await Tracker.start(options);
    const { code, document } = await tracker(
      'iterate',
      String(target.pid),
      '--images',
      options.images,
      '--rounds',
      '1',
    );
    expect(code).to.equal(1);
    expect(document.error?.code).to.be.oneOf(['CONTROLLER_BUSY', 'IMAGES_LOCKED']);
    expect(document.error?.message).to.contain(String(process.pid));
    expect((await first.stop({ verify: true })).verify?.lostWrites).to.equal(0);
  });

  it('a process that another tracer holds', async () => {
    using target = await Pages.start();
    const strace = spawn('strace', ['-qq', '-o', '/dev/null', '-p', String(target.pid)]);
    const isTraced = () =>
      /TracerPid:\s+[1-9]/.test(
        execFileSync('cat', [`/proc/${target.pid}/status`], { encoding: 'utf8' }),
      );
    while (!isTraced()) await new Promise((resolve) => setImmediate(resolve));
    try {
      await expectRefused('TRACED', 'start', String(target.pid), '--images', newImagesPath());
    } finally {
      strace.kill();
    }
  });
});

describe('a full disk', () => {
  it('drops the round and keeps the chain and the log', async () => {
    const mount = newImagesPath();
    mkdirSync(mount);
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=6m', 'tmpfs', mount]);
    try {
      using target = await Pages.start();
      const area = await target.map(4096 * 4096);
      await target.write(area, 0, 512, 1);
      const options = { pid: target.pid, images: path.join(mount, 'images') };
      const { tracker: started } = await Tracker.start(options);
      await target.write(area, 0, 4096, 2);
      const error = await started.round().then(
        () => undefined,
        (reason: unknown) => reason,
      );
      expect(error).to.be.instanceOf(ImageError).with.property('code', 'IMAGES_NO_SPACE');
      expect(started.images.rounds).to.have.length(1);
      execFileSync('mount', ['-o', 'remount,size=64m', mount]);
      const next = await started.round();
      expect(next.round).to.equal(1);
      expect(next.dirtyPages).to.be.greaterThan(4095);
      expect((await started.stop({ verify: true })).verify?.lostWrites).to.equal(0);
    } finally {
      execFileSync('umount', [mount]);
    }
  });

  it('at start leaves the target untracked and no images', async () => {
    const mount = newImagesPath();
    mkdirSync(mount);
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', mount]);
    try {
      using target = await Pages.start();
      const area = await target.map(1024 * 4096);
      await target.write(area, 0, 1024, 1);
      const images = path.join(mount, 'images');
      await expectRefused('IMAGES_NO_SPACE', 'start', String(target.pid), '--images', images);
      using device = Device.open();
      expect(device.status(target.pid)).to.equal(undefined);
      expect(await target.sum(area, 1024)).to.equal(1024);
      expect(execFileSync('ls', [mount], { encoding: 'utf8' })).to.equal('');
    } finally {
      execFileSync('umount', [mount]);
    }
  });
});

describe('an aborted call', () => {
  it('drops the round, and the next one has its pages', async () => {
    using target = await Pages.start();
    const area = await target.map(2048 * 4096);
    await target.write(area, 0, 2048, 1);
    const controller = new AbortController();
    const images = newImagesPath();
    const { tracker: started } = await Tracker.start({
      pid: target.pid,
      images,
      signal: controller.signal,
    });
    await target.write(area, 0, 700, 2);
    controller.abort();
    const error = await started.round().then(
      () => undefined,
      (reason: unknown) => reason,
    );
    expect(error).to.have.property('name', 'AbortError');
    await started.close();
    const second = await Tracker.resume({ pid: target.pid, images });
    expect((await second.round()).dirtyPages).to.be.greaterThan(699);
    expect((await second.stop({ verify: true })).verify?.lostWrites).to.equal(0);
  });
});
