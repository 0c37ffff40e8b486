import { writeFileSync } from 'node:fs';
import { expect } from 'chai';
import { Cgroup } from '../support/cgroup.js';
import {
  expectKept,
  PromiseProgram,
  startTracking,
  stopVerified,
  trackFor,
} from '../support/promises.js';
import { Setting } from '../support/setting.js';
import { addCompressedSwap, compressedSwapBytes, removeCompressedSwap } from '../support/swap.js';
import { moduleUseCount } from '../support/vm.js';
import { waitFor } from '../support/wait-for.js';

const mib = 2 ** 20;
const hugePages = '/sys/kernel/mm/transparent_hugepage';
const ksm = '/sys/kernel/mm/ksm';

describe('memory under pressure', () => {
  before(() => {
    addCompressedSwap(512);
  });

  after(() => {
    removeCompressedSwap();
  });

  for (const kind of ['private', 'segment']) {
    it(`goes out and comes back, without a lost write (${kind})`, async () => {
      await using cgroup = new Cgroup('pressure');
      using program = await PromiseProgram.start('load', kind, '24');
      cgroup.add(program.pid);
      cgroup.set('memory.max', 12 * mib);
      await program.iterations(24);
      await using tracker = await startTracking(program.pid);
      const before = compressedSwapBytes();
      await program.iterations(36);
      // 12 MiB do not fit; what is on its way in or out is not all counted.
      expect(compressedSwapBytes()).to.be.greaterThan(6 * mib);
      expect(cgroup.read('memory.swap.current')).to.be.greaterThan(6 * mib);
      expect(before).to.be.greaterThan(0);
      await tracker.round();
      await program.iterations(24);
      await stopVerified(tracker);
      await program.iterations(24);
      expect(cgroup.read('memory.events', 'oom_kill')).to.equal(0);
      await program.end();
    });
  }

  it('is swapped and put back whole while its pages are on their way out', async () => {
    await using cgroup = new Cgroup('reclaim');
    using program = await PromiseProgram.start('load', 'private', '16');
    cgroup.add(program.pid);
    await program.iterations(32);
    using _reclaim = cgroup.reclaimAllTheTime(4 * mib);
    for (let flip = 0; flip < 4; flip++) {
      await stopVerified(await startTracking(program.pid));
      await program.iterations(4);
    }
    await program.end();
  });

  it('is charged to the cgroup of the target', async () => {
    await using cgroup = new Cgroup('charge');
    using program = await PromiseProgram.start('load', 'asked', '64');
    cgroup.add(program.pid);
    const tracker = await startTracking(program.pid);
    const before = cgroup.read('memory.current');
    await program.iterations(64);
    const during = cgroup.read('memory.current');
    expect(during - before).to.be.within(60 * mib, 80 * mib);
    await stopVerified(tracker);
    expect(cgroup.read('memory.current') - before).to.be.within(60 * mib, 80 * mib);
    await program.end();
  });

  it('has the target killed when it is over its limit, and nobody else', async () => {
    await using cgroup = new Cgroup('limit');
    using bystander = await PromiseProgram.start('load', 'private', '8');
    using program = await PromiseProgram.start('load', 'asked', '64');
    cgroup.add(program.pid);
    cgroup.set('memory.max', 24 * mib);
    cgroup.set('memory.swap.max', 0);
    const tracker = await startTracking(program.pid);
    program.program.send('+64');
    expect(await program.program.exit).to.deep.equal({ code: null, signal: 'SIGKILL' });
    await tracker.close();
    expect(cgroup.read('memory.events', 'oom_kill')).to.equal(1);
    await bystander.iterations(16);
    await bystander.end();
    await waitFor('no session', () => moduleUseCount() === 0);
  });
});

describe('memory that the kernel rearranges', () => {
  it('keeps its promises while khugepaged collects huge pages', async () => {
    using _enabled = new Setting(`${hugePages}/enabled`, 'always');
    using _scan = new Setting(`${hugePages}/khugepaged/scan_sleep_millisecs`, '1');
    using _alloc = new Setting(`${hugePages}/khugepaged/alloc_sleep_millisecs`, '1');
    await expectKept('advice', ['hugepage']);
    using program = await PromiseProgram.start('load', 'private', '16');
    await program.iterations(20);
    await trackFor(program, 2);
    await program.iterations(16);
    await program.end();
  });

  it('keeps its promises while it is compacted', async () => {
    using program = await PromiseProgram.start('load', 'private', '16');
    await program.iterations(16);
    const tracker = await startTracking(program.pid);
    for (let round = 0; round < 3; round++) {
      program.program.send('+16');
      writeFileSync('/proc/sys/vm/compact_memory', '1');
      writeFileSync('/proc/sys/vm/drop_caches', '1');
      expect(await program.program.line()).to.match(/^at/);
      await tracker.round();
    }
    await stopVerified(tracker);
    await program.iterations(16);
    await program.end();
  });

  it('keeps its promises while KSM merges equal pages', async () => {
    using _pages = new Setting(`${ksm}/pages_to_scan`, '10000');
    using _sleep = new Setting(`${ksm}/sleep_millisecs`, '1');
    using _run = new Setting(`${ksm}/run`, '1');
    await expectKept('advice', ['mergeable']);
  });
});
