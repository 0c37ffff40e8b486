import { expect } from 'chai';
import { PageMapBuilder } from '../../../src/image/page-map.js';
import type { VmaRecord } from '../../../src/image/index.js';
import { planRestore } from '../../../src/restore/plan/plan-restore.js';
import type { CallStep, Step } from '../../../src/restore/plan/step.js';
import { processRecord, restoreInput, vmaRecord } from './fixtures.js';

function callsOf(steps: readonly Step[], name?: string): CallStep[] {
  return steps.filter(
    (step): step is CallStep => step.op === 'call' && (name === undefined || step.call === name),
  );
}

function mapsAt(steps: readonly Step[], address: number): CallStep[] {
  return callsOf(steps, 'mmap').filter(({ args }) => args[0] === address);
}

describe('planRestore', () => {
  it('begins with checks, and ends with letting all threads go', () => {
    const steps = planRestore(restoreInput({}));
    expect(steps[0]).to.deep.include({ op: 'check-file', about: 'the program' });
    expect(steps.at(-1)).to.have.property('op', 'finish');
    expect(steps.filter(({ op }) => op === 'start')).to.have.length(1);
  });

  it('puts the trampoline where neither the images nor the restorer map', () => {
    const vmas = [vmaRecord({ startPage: 0x7fffffff0, endPage: 0x7ffffffff })];
    const ownMappings = [{ start: 0x7fff00000000, end: 0x7ffffffe0000 }];
    const steps = planRestore(restoreInput({ vmas, ownMappings }));
    const start = steps.find((step) => step.op === 'start');
    if (start?.op !== 'start') throw new Error('nothing is started');
    expect(start.base + 4096 + start.areaBytes).to.be.below(0x7fff00000000);
  });

  it('refuses images that leave no addresses for it', () => {
    const vmas = [vmaRecord({ startPage: 1, endPage: 0x7ffffffff })];
    expect(() => planRestore(restoreInput({ vmas })))
      .to.throw()
      .with.property('code', 'NO_ADDRESSES');
  });

  it('maps memory writable for its content, and protects it afterwards', () => {
    const builder = new PageMapBuilder();
    builder.add(16, 2, 0, 5);
    const vmas = [vmaRecord({ startPage: 16, endPage: 20, prot: 1 })];
    const steps = planRestore(restoreInput({ vmas, pages: builder.build() }));
    expect(mapsAt(steps, 0x10000)[0]?.args.slice(1, 3)).to.deep.equal([0x4000, 3]);
    const [protect] = callsOf(steps, 'mprotect');
    expect(protect?.args).to.deep.equal([0x10000, 0x4000, 1]);
    const read = steps.find((step) => step.op === 'read');
    expect(read)
      .to.have.property('runs')
      .that.deep.equals(Float64Array.of(16, 5, 2));
    expect(steps.indexOf(read as Step)).to.be.below(steps.indexOf(protect as Step));
  });

  it('leaves memory without content alone', () => {
    const steps = planRestore(restoreInput({ vmas: [vmaRecord({ prot: 0 })] }));
    expect(callsOf(steps, 'mprotect')).to.deep.equal([]);
    expect(steps.some(({ op }) => op === 'read')).to.equal(false);
  });

  it('reads runs of all mappings in the order of the file', () => {
    const builder = new PageMapBuilder();
    builder.add(16, 1, 0, 9);
    builder.add(17, 3, 0, 2);
    builder.add(32, 2, 0, 0);
    const vmas = [
      vmaRecord({ startPage: 16, endPage: 20 }),
      vmaRecord({ startPage: 32, endPage: 36 }),
    ];
    const steps = planRestore(restoreInput({ vmas, pages: builder.build() }));
    const read = steps.find((step) => step.op === 'read');
    const runs = Float64Array.of(32, 0, 2, 17, 2, 3, 16, 9, 1);
    expect(read).to.have.property('runs').that.deep.equals(runs);
  });

  it('writes zeros over pages of a private file mapping, and not into other memory', () => {
    const builder = new PageMapBuilder();
    builder.add(16, 1, 0, -1);
    const file: Partial<VmaRecord> = { kind: 'file-private', path: '/bin/x', inode: 3 };
    const anonymous = restoreInput({ vmas: [vmaRecord({})], pages: builder.build() });
    expect(planRestore(anonymous).some(({ op }) => op === 'read')).to.equal(false);
    const steps = planRestore(restoreInput({ vmas: [vmaRecord(file)], pages: builder.build() }));
    expect(steps.find(({ op }) => op === 'read'))
      .to.have.property('runs')
      .that.deep.equals(Float64Array.of(16, 16, 1));
    expect(callsOf(steps, 'open').map(({ about }) => about)).to.include('/dev/zero');
  });

  it('puts flags back that madvise, mlock and mmap set', () => {
    const vmas = [vmaRecord({ flags: 'rd wr gd lo dd nr' })];
    const steps = planRestore(restoreInput({ vmas }));
    const growsDownNoReserve = 0x100000 | 0x02 | 0x20 | 0x100 | 0x4000;
    expect(mapsAt(steps, 0x10000)[0]?.args[3]).to.equal(growsDownNoReserve);
    expect(callsOf(steps, 'madvise').map(({ args }) => args[2])).to.deep.equal([16]);
    expect(callsOf(steps, 'mlock2')).to.have.length(1);
  });

  it('opens a file once for all of its mappings', () => {
    const file: Partial<VmaRecord> = { kind: 'file-private', path: '/lib/x', inode: 3 };
    const vmas = [16, 32, 48].map((startPage) =>
      vmaRecord({ ...file, startPage, endPage: startPage + 4 }),
    );
    const steps = planRestore(restoreInput({ vmas }));
    expect(callsOf(steps, 'open').filter(({ about }) => about === '/lib/x')).to.have.length(1);
  });

  it('makes shared memory once for all of its mappings', () => {
    const shared: Partial<VmaRecord> = {
      kind: 'anon-shared',
      shared: true,
      inode: 9,
      dev: '00:01',
    };
    const vmas = [16, 32].map((startPage) =>
      vmaRecord({ ...shared, startPage, endPage: startPage + 4, path: '/dev/zero' }),
    );
    const steps = planRestore(restoreInput({ vmas }));
    const slots = [0x10000, 0x20000].map((address) => mapsAt(steps, address)[0]?.args[4]);
    expect(slots[0]).to.have.property('slot').that.is.a('string');
    expect(slots[0]).to.deep.equal(slots[1]);
    expect(callsOf(steps, 'open').filter(({ about }) => about === '/dev/zero')).to.have.length(1);
  });
});

describe('planRestore, files', () => {
  const file = { path: '/tmp/x', size: 1, mtimeNs: 5n, inode: 7 };

  it('gives one open file to all of its descriptors', () => {
    const files = {
      open: [{ id: 0, kind: 'regular' as const, flags: 2, offset: 6, file }],
      descriptors: [
        { fd: 3, file: 0, closeOnExec: false },
        { fd: 9, file: 0, closeOnExec: true },
      ],
    };
    const steps = planRestore(restoreInput({ process: processRecord({ files }) }));
    expect(callsOf(steps, 'dup3').map(({ args }) => args.slice(1))).to.deep.equal([
      [3, 0],
      [9, 0o2000000],
    ]);
    expect(callsOf(steps, 'lseek')[0]?.args.slice(1)).to.deep.equal([6, 0]);
  });

  it('does not create, truncate or take a terminal again', () => {
    const flags = 0o101 | 0o1000 | 0o2000;
    const files = {
      open: [{ id: 0, kind: 'regular' as const, flags, offset: 0, file }],
      descriptors: [{ fd: 3, file: 0, closeOnExec: false }],
    };
    const steps = planRestore(restoreInput({ process: processRecord({ files }) }));
    const opened = callsOf(steps, 'open').find(({ about }) => about === '/tmp/x');
    expect(opened?.args[1]).to.equal(0o1 | 0o2000 | 0o400);
  });

  it('asks for a descriptor that nobody hands in, by its number', () => {
    const files = {
      open: [{ id: 0, kind: 'inherited' as const, flags: 2, what: 'pipe:[4]' }],
      descriptors: [{ fd: 5, file: 0, closeOnExec: false }],
    };
    expect(() => planRestore(restoreInput({ process: processRecord({ files }) })))
      .to.throw('fd 5 was pipe:[4]')
      .with.property('code', 'FD_NOT_INHERITED');
  });
});

describe('planRestore, threads', () => {
  it('makes each further thread with its id', () => {
    const record = processRecord({});
    const [first] = record.threads;
    if (!first) throw new Error('no thread');
    record.threads.push({ ...first, tid: 13 });
    const steps = planRestore(restoreInput({ process: record }));
    expect(callsOf(steps, 'clone3').map(({ expect: tid }) => tid)).to.deep.equal([13]);
    const end = steps.at(-1);
    expect(end?.op === 'finish' && end.threads.map(({ tid }) => tid)).to.deep.equal([12, 13]);
  });

  it('leaves the session alone unless the process has made it', () => {
    const own = processRecord({});
    const other = processRecord({});
    other.identity = { ...other.identity, session: 1, processGroup: 1 };
    expect(callsOf(planRestore(restoreInput({ process: own })), 'setsid')).to.have.length(1);
    expect(callsOf(planRestore(restoreInput({ process: other })), 'setsid')).to.have.length(0);
  });
});

describe('planRestore, terminals', () => {
  const settings = new Uint8Array(44);
  const setForeground = 0x5410;
  const job = (isForeground: boolean) => ({
    open: [{ id: 0, kind: 'terminal' as const, flags: 2, path: '/dev/pts/9' }],
    descriptors: [{ fd: 0, file: 0, closeOnExec: false }],
    outerTerminal: { path: '/dev/pts/9', settings, isForeground },
  });
  const ours = (isForeground: boolean) => ({ fd: 0, path: '/dev/pts/4', isForeground });
  const stepsOf = (was: boolean, is: boolean) =>
    planRestore(restoreInput({ process: processRecord({ files: job(was) }), terminal: ours(is) }));

  it('opens ours in place of the old one, in our session and a group of its own', () => {
    const steps = stepsOf(true, true);
    const opened = callsOf(steps, 'open').filter(({ about }) => about.startsWith('/dev/pts/'));
    expect(opened.map(({ args }) => args[0])).to.deep.equal([{ text: '/dev/pts/4' }]);
    expect(callsOf(steps, 'setsid')).to.deep.equal([]);
    expect(callsOf(steps, 'setpgid')).to.have.length(1);
  });

  it('takes the foreground if both had it, and then tells of the size', () => {
    const takes = (steps: readonly Step[]) =>
      callsOf(steps, 'ioctl').filter(({ args }) => args[1] === setForeground).length;
    const cases = [
      [true, true, 1],
      [true, false, 0],
      [false, true, 0],
    ] as const;
    for (const [was, is, times] of cases) {
      const steps = stepsOf(was, is);
      expect(takes(steps)).to.equal(times);
      expect(callsOf(steps, 'rt_sigqueueinfo')).to.have.length(times);
    }
  });

  it('asks for a terminal where there is none', () => {
    const input = restoreInput({ process: processRecord({ files: job(true) }) });
    expect(() => planRestore(input))
      .to.throw('/dev/pts/9')
      .with.property('code', 'NO_TERMINAL');
  });

  it('makes a pty once for both ends, before its slave is opened', () => {
    const master = {
      ...({ id: 1, kind: 'pty-master', flags: 2, index: 5, settings } as const),
      ...{ windowSize: new Uint8Array(8), isHungUp: false, isLocked: true },
      ...{ isPacketMode: false, isExclusive: false },
    };
    const files = {
      open: [{ id: 0, kind: 'pty-slave' as const, flags: 2, index: 5 }, master],
      descriptors: [
        { fd: 3, file: 0, closeOnExec: false },
        { fd: 4, file: 1, closeOnExec: false },
      ],
      ownTerminal: 5,
    };
    const steps = planRestore(restoreInput({ process: processRecord({ files }) }));
    expect(steps.filter(({ op }) => op === 'open-pty')).to.have.length(1);
    const made = steps.findIndex(({ op }) => op === 'open-pty');
    const slaves = callsOf(steps.slice(made), 'open').filter(({ about }) => about === '/dev/pts/5');
    expect(slaves).to.have.length(2);
    const locks = callsOf(steps, 'ioctl').filter(({ args }) => args[1] === 0x40045431);
    expect(locks.map(({ args }) => args[2])).to.deep.equal([
      { bytes: Uint8Array.of(0, 0, 0, 0) },
      { bytes: Uint8Array.of(1, 0, 0, 0) },
    ]);
  });
});
