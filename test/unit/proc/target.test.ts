import { expect } from 'chai';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { TargetError } from '../../../src/errors.js';
import { missingCapabilities } from '../../../src/proc/capabilities.js';
import { checkTrackable, describeTarget } from '../../../src/proc/target.js';

const allCapabilities = '000001ffffffffff';
const noCapabilities = '0000000000000000';

/** A process as the fake procfs shows it. */
interface FakeProcess {
  state?: string;
  flags?: number;
  nrThreads?: number;
  tgid?: number;
  /** fifth byte of the program, no program if absent */
  elfClass?: number;
}

describe('checkTrackable', () => {
  const pid = 4242;
  let proc: string;

  beforeEach(() => {
    proc = mkdtempSync(path.join(tmpdir(), 'tracker-proc-'));
    mkdirSync(path.join(proc, 'self'));
    grant(allCapabilities);
  });

  afterEach(() => {
    rmSync(proc, { recursive: true });
  });

  function grant(capabilities: string): void {
    writeFileSync(path.join(proc, 'self/status'), `Name:\tx\nCapEff:\t${capabilities}\n`);
  }

  function add({ state = 'S', flags = 0, nrThreads = 1, tgid = pid, elfClass }: FakeProcess): void {
    const folder = path.join(proc, String(pid));
    mkdirSync(folder);
    writeFileSync(
      path.join(folder, 'stat'),
      `${pid} (a program) ${state} 7 1 1 0 -1 ${flags} 0 0 0 0 0 0 0 0 20 0 ${nrThreads} 0 99 0\n`,
    );
    writeFileSync(path.join(folder, 'status'), `Name:\ta program\nTgid:\t${tgid}\n`);
    if (elfClass === undefined) return;
    const program = path.join(proc, 'program');
    writeFileSync(program, Buffer.from([0x7f, 0x45, 0x4c, 0x46, elfClass, 1, 1]));
    symlinkSync(program, path.join(folder, 'exe'));
  }

  function refusal(refused = pid): TargetError {
    try {
      checkTrackable(refused, proc);
    } catch (error) {
      expect(error).to.be.instanceOf(TargetError);
      return error as TargetError;
    }
    throw new Error(`pid ${refused} is trackable`);
  }

  it('describes a process that can be tracked', () => {
    add({ elfClass: 2 });
    expect(checkTrackable(pid, proc)).to.deep.equal({
      pid,
      comm: 'a program',
      exe: path.join(proc, 'program'),
      startTime: 99,
    });
  });

  it('refuses a pid that does not exist', () => {
    expect(refusal()).to.have.property('code', 'NO_SUCH_PROCESS');
  });

  it('refuses what is no pid', () => {
    for (const bad of [0, -1, 1.5, NaN, 2 ** 60])
      expect(refusal(bad)).to.have.property('code', 'INVALID_PID');
  });

  it('refuses its own process', () => {
    expect(refusal(process.pid)).to.have.property('code', 'OWN_PROCESS');
  });

  it('refuses a kernel thread by its name', () => {
    add({ flags: 0x208040 });
    const { code, message } = refusal();
    expect(code).to.equal('KERNEL_THREAD');
    expect(message).to.contain(`pid ${pid}`).and.to.contain('a program');
  });

  it('refuses a thread and names its process', () => {
    add({ tgid: 4200 });
    const { code, message } = refusal();
    expect(code).to.equal('NOT_A_PROCESS');
    expect(message).to.contain('process 4200');
  });

  it('says of a process that is being collected that there is none', () => {
    add({ tgid: 0 });
    expect(refusal().code).to.equal('NO_SUCH_PROCESS');
  });

  it('refuses a zombie and names its parent', () => {
    add({ state: 'Z' });
    const { code, message } = refusal();
    expect(code).to.equal('ZOMBIE');
    expect(message).to.contain('parent, pid 7');
  });

  it('tells a process whose first thread has exited from a zombie', () => {
    add({ state: 'Z', nrThreads: 3 });
    expect(refusal()).to.have.property('code', 'FIRST_THREAD_EXITED');
  });

  it('refuses a 32-bit process', () => {
    add({ elfClass: 1 });
    expect(refusal()).to.have.property('code', 'NOT_64_BIT');
  });

  it('names the capabilities it lacks', () => {
    grant(noCapabilities);
    add({ elfClass: 2 });
    const { code, message } = refusal();
    expect(code).to.equal('NOT_PERMITTED');
    expect(message).to.contain('CAP_SYS_PTRACE and CAP_CHECKPOINT_RESTORE (or CAP_SYS_ADMIN)');
  });

  it('has an empty program name for a process that has no program', () => {
    add({ flags: 0x208040 });
    expect(describeTarget(pid, proc)).to.include({ comm: 'a program', exe: '' });
  });

  it('says so when the process exits while it is looked at', () => {
    add({});
    expect(refusal()).to.have.property('code', 'NO_SUCH_PROCESS');
  });
});

describe('describeTarget', () => {
  it('names this process', () => {
    const target = describeTarget(process.pid);
    expect(target).to.include({ pid: process.pid, exe: process.execPath });
    expect(target.startTime).to.be.greaterThan(0);
  });
});

describe('missingCapabilities', () => {
  it('takes CAP_SYS_ADMIN for CAP_CHECKPOINT_RESTORE', () => {
    expect(missingCapabilities('CapEff:\t0000000000280000\n')).to.deep.equal([]);
    expect(missingCapabilities('CapEff:\t0000010000080000\n')).to.deep.equal([]);
  });

  it('names what is missing', () => {
    expect(missingCapabilities('CapEff:\t0000000000200000\n')).to.deep.equal(['CAP_SYS_PTRACE']);
    expect(missingCapabilities('CapEff:\t0000000000080000\n')).to.deep.equal([
      'CAP_CHECKPOINT_RESTORE (or CAP_SYS_ADMIN)',
    ]);
  });
});
