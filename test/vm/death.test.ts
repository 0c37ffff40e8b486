import { spawnSync } from 'node:child_process';
import { expect } from 'chai';
import { TargetError } from '../../src/errors.js';
import { Device } from '../../src/kernel/device.js';
import { Tracker } from '../../src/tracker.js';
import { type Area, Pages } from '../support/pages.js';
import { Program } from '../support/programs.js';
import { loadModule, moduleUseCount, newImagesPath, unloadModule } from '../support/vm.js';
import { waitFor } from '../support/wait-for.js';

const script = '/tracker/build/dist/test/support/controller.js';
const nrPages = 4096;

/** What a controller may say whose target is gone, or has gone on to another program. */
const endOfTarget = /^(done|NO_SUCH_PROCESS|FREEZE_FAILED|NOT_STOPPED|UNREADABLE_MEMORY|ZOMBIE)$/;

interface Ending {
  signal: NodeJS.Signals | null;
  output: string;
}

function control(
  pid: number,
  images: string,
  call: 'start' | 'round' | 'stop',
  phase: string,
  victim: 'self' | 'target' | 'exec',
): Ending {
  const args = [script, String(pid), images, call, phase, victim];
  const { signal, stdout } = spawnSync(process.execPath, args, { encoding: 'utf8' });
  return { signal, output: stdout.trim() };
}

describe('a controller killed with SIGKILL', () => {
  let target: Pages;
  let area: Area;
  let options: { pid: number; images: string };

  beforeEach(async () => {
    target = await Pages.start();
    area = await target.map(nrPages * 4096);
    await target.write(area, 0, nrPages, 3);
    options = { pid: target.pid, images: newImagesPath() };
  });

  afterEach(() => {
    target.program.kill();
  });

  async function expectSecondControllerFinishes(): Promise<void> {
    expect(await target.sum(area, nrPages)).to.be.oneOf([3 * nrPages, 3 * nrPages + 8]);
    await target.write(area, 11, 1, 11);
    const second = await Tracker.resume(options);
    await second.round();
    const { verify } = await second.stop({ verify: true });
    expect(verify).to.deep.include({ lostWrites: 0, unreadable: 0 });
    expect(await target.sum(area, nrPages)).to.equal(3 * nrPages + 8);
  }

  for (const phase of ['swap', 'harvest', 'copy', 'commit']) {
    it(`at the ${phase} of start leaves a session that a second one finishes`, async () => {
      expect(control(target.pid, options.images, 'start', phase, 'self').signal).to.equal(
        'SIGKILL',
      );
      if (phase === 'swap') {
        // Nothing was swapped yet: the session ended with its controller.
        await waitFor('no session', () => moduleUseCount() === 0);
        expect(await target.sum(area, nrPages)).to.equal(3 * nrPages);
        return;
      }
      await expectSecondControllerFinishes();
    });
  }

  for (const phase of ['harvest', 'copy', 'commit']) {
    it(`at the ${phase} of a round leaves the log whole`, async () => {
      const { tracker } = await Tracker.start(options);
      await tracker.close();
      await target.write(area, 11, 1, 11);
      expect(control(target.pid, options.images, 'round', phase, 'self').signal).to.equal(
        'SIGKILL',
      );
      await expectSecondControllerFinishes();
    });
  }

  for (const phase of ['freeze', 'harvest', 'copy', 'commit', 'revert']) {
    it(`at the ${phase} of stop leaves the target running and tracked`, async () => {
      const { tracker } = await Tracker.start(options);
      await tracker.close();
      await target.write(area, 11, 1, 11);
      expect(control(target.pid, options.images, 'stop', phase, 'self').signal).to.equal('SIGKILL');
      await expectSecondControllerFinishes();
    });
  }

  it('at the verification leaves the target running as it was', async () => {
    const { tracker } = await Tracker.start(options);
    await tracker.close();
    expect(control(target.pid, options.images, 'stop', 'verify', 'self').signal).to.equal(
      'SIGKILL',
    );
    expect(await target.sum(area, nrPages)).to.equal(3 * nrPages);
    using device = Device.open();
    expect(device.status(target.pid)).to.equal(undefined);
  });
});

const momentsOfDeath = [
  ['start', 'swap'],
  ['start', 'harvest'],
  ['start', 'copy'],
  ['round', 'harvest'],
  ['round', 'copy'],
  ['stop', 'freeze'],
  ['stop', 'copy'],
  ['stop', 'revert'],
] as const;

describe('a target that dies', () => {
  for (const [call, phase] of momentsOfDeath) {
    it(`at the ${phase} of ${call} is reported, and its session is gone`, async () => {
      using target = await Pages.start();
      const area = await target.map(nrPages * 4096);
      await target.write(area, 0, nrPages, 3);
      const images = newImagesPath();
      if (call !== 'start') {
        const { tracker } = await Tracker.start({ pid: target.pid, images });
        await tracker.close();
        await target.write(area, 0, 512, 4);
      }
      const { signal, output } = control(target.pid, images, call, phase, 'target');
      expect(signal).to.equal(null);
      expect(output).to.match(endOfTarget);
      await target.program.exit;
      await waitFor('no session', () => moduleUseCount() === 0);
    });
  }

  it('between two rounds is reported by the next one', async () => {
    using target = await Pages.start();
    const { tracker } = await Tracker.start({ pid: target.pid, images: newImagesPath() });
    target.program.kill();
    await target.program.exit;
    try {
      await tracker.round();
      expect.fail('a round of a dead target');
    } catch (error) {
      expect(error).to.be.instanceOf(TargetError);
    }
    await tracker.close();
    await waitFor('no session', () => moduleUseCount() === 0);
  });
});

describe('a target that calls exec', () => {
  for (const [call, phase] of momentsOfDeath) {
    it(`at the ${phase} of ${call} goes on, untracked and with its new memory`, async () => {
      using target = await Program.start('reexec');
      const images = newImagesPath();
      if (call !== 'start') {
        const { tracker } = await Tracker.start({ pid: target.pid, images });
        await tracker.close();
      }
      const { signal, output } = control(target.pid, images, call, phase, 'exec');
      expect(signal).to.equal(null);
      expect(output).to.match(endOfTarget);
      expect(await target.line()).to.equal('again');
      await waitFor('no session', () => moduleUseCount() === 0);
      target.send('q');
      expect(await target.exit).to.deep.equal({ code: 0, signal: null });
    });
  }

  it('can be tracked again', async () => {
    using target = await Program.start('reexec');
    const { tracker } = await Tracker.start({ pid: target.pid, images: newImagesPath() });
    process.kill(target.pid, 'SIGUSR1');
    expect(await target.line()).to.equal('again');
    await tracker.close();
    const second = await Tracker.start({ pid: target.pid, images: newImagesPath() });
    const { verify } = await second.tracker.stop({ verify: true });
    expect(verify).to.deep.include({ lostWrites: 0, unreadable: 0 });
  });
});

describe('the module', () => {
  it('cannot be unloaded while a target is tracked, and can afterwards', async () => {
    using target = await Pages.start();
    const images = newImagesPath();
    const { tracker } = await Tracker.start({ pid: target.pid, images });
    await tracker.close();
    expect(() => {
      unloadModule();
    }).to.throw(/in use/);
    const again = await Tracker.resume({ pid: target.pid, images });
    await again.stop({ verify: true });
    await waitFor('an unused module', () => moduleUseCount() === 0);
    unloadModule();
    try {
      expect(() => Device.open()).to.throw(/module is not loaded/);
    } finally {
      loadModule();
    }
  });
});
