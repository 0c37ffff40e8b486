import { expect } from 'chai';
import { type TargetError } from '../../src/errors.js';
import { Frozen, withFrozen } from '../../src/proc/freeze.js';
import { Program } from '../support/programs.js';
import { kernelThread, statesOf, systemCallOf, threadsOf, tracerOf } from '../support/threads.js';
import { waitFor } from '../support/wait-for.js';

/** SIGRTMIN + 1, which is queued: two of them are delivered twice */
const countedSignal = 35;
const systemCalls = { read: 0, poll: 7, nanosleep: 230, futex: 202 } as const;

/** The error of a freeze that must fail. */
function freezeError(pid: number, timeoutMs = 5000): TargetError {
  try {
    new Frozen(pid, { timeoutMs }).thaw();
  } catch (error) {
    return error as TargetError;
  }
  throw new Error(`pid ${pid} was frozen`);
}

async function countGoesOn(program: Program): Promise<void> {
  const before = Number(await program.ask('count'));
  await waitFor('the count goes on', async () => Number(await program.ask('count')) > before);
}

describe('freeze', function () {
  this.timeout(60_000);

  it('stops every one of 50 threads, and a thaw lets them go on', async () => {
    using program = await Program.start('threads', '50');
    const { pid } = program;
    const frozen = new Frozen(pid);
    expect([...frozen.tids].sort((a, b) => a - b)).to.deep.equal(threadsOf(pid));
    expect(frozen.tids).to.have.length(51);
    expect(new Set(statesOf(pid))).to.deep.equal(new Set(['t']));
    frozen.thaw();
    expect(threadsOf(pid).map(tracerOf)).to.deep.equal(Array(51).fill(0));
    await countGoesOn(program);
  });

  it('stops every thread while threads are created and exit all the time', async () => {
    using program = await Program.start('threads', '50', 'churn');
    const { pid } = program;
    for (let i = 0; i < 20; i++) {
      const frozen = new Frozen(pid, { timeoutMs: 10_000 });
      const states = statesOf(pid).filter((state) => state !== 'Z' && state !== 'X');
      expect(new Set(states)).to.deep.equal(new Set(['t']));
      expect(frozen.tids).to.have.length(states.length);
      frozen.thaw();
    }
    await countGoesOn(program);
  });

  it('leaves a process that SIGSTOP had stopped stopped', async () => {
    using program = await Program.start('threads', '3');
    const { pid } = program;
    process.kill(pid, 'SIGSTOP');
    await waitFor('SIGSTOP works', () => statesOf(pid).every((state) => state === 'T'));
    await withFrozen(pid, () => {
      expect(new Set(statesOf(pid))).to.deep.equal(new Set(['t']));
    });
    await waitFor('it is stopped', () => statesOf(pid).every((state) => state === 'T'));
    process.kill(pid, 'SIGCONT');
    await countGoesOn(program);
  });

  it('stops at a SIGSTOP that came while it was frozen, after the thaw', async () => {
    using program = await Program.start('threads', '3');
    const { pid } = program;
    await withFrozen(pid, () => process.kill(pid, 'SIGSTOP'));
    await waitFor('it is stopped', () => statesOf(pid).every((state) => state === 'T'));
    process.kill(pid, 'SIGCONT');
    await countGoesOn(program);
  });

  it('delivers every signal exactly once, before, in and after the freeze', async () => {
    using program = await Program.start('signals');
    const { pid } = program;
    const nrRounds = 300;
    for (let i = 0; i < nrRounds; i++) {
      process.kill(pid, countedSignal);
      process.kill(pid, countedSignal);
      await withFrozen(pid, () => process.kill(pid, countedSignal));
      process.kill(pid, countedSignal);
    }
    expect(await program.ask('count')).to.equal(String(nrRounds * 4));
  });

  it('delivers a signal that the freeze caught on its way exactly once', async () => {
    using program = await Program.start('signals');
    const { pid } = program;
    for (let i = 0; i < 300; i++) await withFrozen(pid, () => undefined);
    expect(await program.ask('lost')).to.equal('0');
  });

  for (const name of ['nanosleep', 'futex', 'poll', 'read'] as const) {
    it(`lets an interrupted ${name} go on`, async () => {
      using program = await Program.start('blocked', name);
      const { pid } = program;
      await waitFor(`it is in ${name}`, () => systemCallOf(pid) === systemCalls[name]);
      for (let i = 0; i < 3; i++) await withFrozen(pid, () => undefined);
      if (name === 'poll' || name === 'read') program.send('x');
      const [result, error, elapsedMs] = (await program.line()).split(' ');
      const expected = {
        nanosleep: ['0', '0'],
        futex: ['-1', 'ETIMEDOUT'],
        poll: ['1', '0'],
        read: ['2', '0'],
      };
      expect([result, error]).to.deep.equal(expected[name]);
      if (name === 'nanosleep' || name === 'futex') expect(Number(elapsedMs)).to.be.least(300);
    });
  }

  it('names the thread that does not stop in time, and releases all others', async () => {
    using program = await Program.start('vfork');
    const { pid } = program;
    const tid = Number(await program.line());
    await waitFor('it is in vfork', () => statesOf(pid).includes('D'));
    const error = freezeError(pid, 100);
    expect(error.code).to.equal('FREEZE_TIMEOUT');
    expect(error.message).to.contain(`thread ${tid} `).and.to.contain('state D');
    expect(error.facts).to.include({ pid, tid, state: 'D' });
    expect(threadsOf(pid).map(tracerOf)).to.deep.equal([0, 0]);
    expect(await program.ask('')).to.equal('running');
    expect(await program.ask('release')).to.equal('released');
  });

  it('stops other processes on the same memory when it is told of them', async () => {
    using program = await Program.start('shared_mm');
    const { pid } = program;
    const other = Number(await program.line());
    await withFrozen(
      pid,
      ({ tids }) => {
        expect(tids).to.have.members([pid, other]);
        expect(statesOf(other)).to.deep.equal(['t']);
      },
      { extraTids: [other] },
    );
    expect(tracerOf(other)).to.equal(0);
    expect(await program.ask('on')).to.equal('on');
  });

  it('stops a process whose first thread has exited', async () => {
    using program = await Program.start('leader_exits');
    const { pid } = program;
    await waitFor('the first thread has exited', () => statesOf(pid).includes('Z'));
    await withFrozen(pid, ({ tids }) => {
      expect(tids).to.have.length(1).and.not.to.include(pid);
      expect(statesOf(pid)).to.have.members(['Z', 't']);
    });
    expect(await program.ask('on')).to.equal('on');
  });

  it('lets the target go on when the controller is killed', async () => {
    using program = await Program.start('threads', '4');
    const { pid } = program;
    using controller = await Program.startScript('test/support/freeze-and-wait.ts', String(pid));
    expect(new Set(statesOf(pid))).to.deep.equal(new Set(['t']));
    controller.kill();
    await controller.exit;
    await waitFor('nobody traces it', () => threadsOf(pid).every((tid) => tracerOf(tid) === 0));
    await countGoesOn(program);
  });

  it('lets the target go on when the controller exits without a thaw', async () => {
    using program = await Program.start('threads', '4');
    const { pid } = program;
    using controller = await Program.startScript('test/support/freeze-and-wait.ts', String(pid));
    controller.send('exit');
    expect(await controller.exit).to.deep.equal({ code: 0, signal: null });
    expect(threadsOf(pid).map(tracerOf)).to.deep.equal(Array(5).fill(0));
    await countGoesOn(program);
  });

  it('thaws when the work throws, and passes the error on', async () => {
    using program = await Program.start('threads', '4');
    const { pid } = program;
    const work = withFrozen(pid, () => Promise.reject(new Error('no space')));
    expect(await work.catch((error: unknown) => error)).to.have.property('message', 'no space');
    await countGoesOn(program);
  });

  it('reports how long the target stood', async () => {
    using program = await Program.start('threads', '4');
    const { pid } = program;
    const { result, freezeMs } = await withFrozen(pid, (frozen) => frozen.stopMs);
    expect(result).to.be.greaterThan(0);
    expect(freezeMs).to.be.greaterThan(result);
  });

  it('thaws a target that was killed meanwhile without an error, and its exit is seen', async () => {
    using program = await Program.start('threads', '8');
    const { pid } = program;
    await withFrozen(pid, () => process.kill(pid, 'SIGKILL'));
    expect(await program.exit).to.deep.equal({ code: null, signal: 'SIGKILL' });
  });

  it('refuses a process that another tracer has, by the tracer', async () => {
    using program = await Program.start('threads', '1');
    const { pid } = program;
    using controller = await Program.startScript('test/support/freeze-and-wait.ts', String(pid));
    const error = freezeError(pid);
    expect(error.code).to.equal('TRACED');
    expect(threadsOf(controller.pid)).to.include(error.facts['tracer']);
  });

  it('refuses a pid that has exited', async () => {
    using program = await Program.start('threads', '1');
    const { pid, exit } = program;
    program.kill();
    await exit;
    expect(freezeError(pid)).to.have.property('code', 'NO_SUCH_PROCESS');
  });

  it('refuses a kernel thread (skipped where a pid namespace hides them)', function () {
    const pid = kernelThread();
    if (pid === undefined) return this.skip();
    expect(freezeError(pid)).to.have.property('code', 'NOT_PERMITTED');
  });
});
