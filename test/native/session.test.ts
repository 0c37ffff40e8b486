import { expect } from 'chai';
import { native } from '../../src/native.js';
import { withFakeTracker } from '../support/fake-tracker.js';

const epoch = 7;

describe('Session, on a fake module', function () {
  this.timeout(30_000);

  it('sorts a harvest of several parts and joins runs that touch', () => {
    const result = withFakeTracker(`
      const { runs, ...rest } = await device.openSession(5).harvest();
      return { ...rest, first: [...runs.slice(0, 9)], length: runs.length };`);
    const first = 2 ** 33;
    expect(result).to.deep.equal({
      epoch,
      nrPages: 15000,
      nrPinned: 4,
      nrRescans: 2,
      overflow: true,
      first: [1, first, 10000, 2, first, 1, 2, first + 3, 1],
      length: 3 * 5001,
    });
  });

  it('puts the pages of a harvest that fails half-way back into the log', () => {
    const result = withFakeTracker(
      `const session = device.openSession(5);
       return [await outcomeOf(() => session.harvest()), await outcomeOf(() => session.abort(7))];`,
      { FAKE_HARVEST_ERROR: '1' },
    );
    expect(result).to.have.nested.property('[0].code', 'NO_MEMORY');
    expect(result).to.have.nested.property('[1].code', 'STALE_EPOCH');
  });

  it('commits and aborts the harvest of its epoch only', () => {
    const result = withFakeTracker(`
      const session = device.openSession(5);
      const { epoch } = await session.harvest();
      return [
        await outcomeOf(() => session.commit(epoch - 1)),
        await outcomeOf(() => session.commit(epoch) ?? 'done'),
        await outcomeOf(() => session.abort(epoch)),
      ];`);
    expect(result).to.have.nested.property('[0].code', 'STALE_EPOCH');
    expect(result).to.have.nested.property('[1]', 'done');
    expect(result).to.have.nested.property('[2].code', 'STALE_EPOCH');
  });

  it('reads a layout that is larger than the first buffer', () => {
    const result = withFakeTracker(`
      const layout = await device.openSession(5).layout();
      return [layout.length, layout.startPage(999), layout.endPage(999), layout.stateName(999)];`);
    const startPage = 0x7f0000000 + 2 * 999;
    expect(result).to.deep.equal([1000, startPage, startPage + 1, 'swappable']);
  });

  it('reads resident pages over several calls and joins runs that touch', () => {
    const result = withFakeTracker(
      'return [...await device.openSession(5).resident(Float64Array.of(0xf0, 0x110))];',
    );
    expect(result).to.deep.equal([0, 0xf0, 16, 1, 0, 0x100, 16, 0]);
  });

  it('does not join resident pages of two ranges', () => {
    const result = withFakeTracker(
      'return [...await device.openSession(5).resident(Float64Array.of(1, 3, 3, 4))];',
    );
    expect(result).to.deep.equal([0, 1, 2, 1, 1, 3, 1, 1]);
  });

  it('has the error of one of several sessions in its place, and the results of the others', () => {
    const result = withFakeTracker(`
      const { harvestsOf, layoutsOf, residentsOf } = await import('./src/kernel/session-batch.ts');
      const sessions = [5, 99, 6].map((pid) => device.openSession(pid));
      const of = sessions.map((session) => ({ session, ranges: Float64Array.of(1, 3) }));
      const lists = [await layoutsOf(sessions), await harvestsOf(of), await residentsOf(of)];
      const lengthOf = ({ length, nrPages }) => nrPages ?? length;
      return Promise.all(lists.map((list) =>
        Promise.all(list.map((outcome) => outcomeOf(() => lengthOf(outcome()))))));`);
    const error = { name: 'TargetError', code: 'NO_SUCH_PROCESS', facts: { pid: 99 } };
    expect(result).to.deep.equal([
      [1000, error, 1000],
      [15000, error, 15000],
      [4, error, 4],
    ]);
  });

  it('swaps ranges of pages', () => {
    const result = withFakeTracker(
      'return device.openSession(5).swap(new Float64Array([1, 3, 0x7ffffff00, 0x7ffffff10]));',
    );
    expect(result).to.deep.equal({ nrDone: 2, nrPages: 18 });
  });

  it('swaps shared ranges, which copies nothing', () => {
    const result = withFakeTracker(
      'return device.openSession(5).swapShared(new Float64Array([1, 3, 5, 9]));',
    );
    expect(result).to.deep.equal({ nrDone: 2, nrPages: 0 });
  });

  it('lists more processes that share memory than the first buffer holds, or says that it is gone', () => {
    const result = withFakeTracker(`
      const session = device.openSession(5);
      const many = await session.sharers(1000);
      const gone = (await session.sharers(0)) === undefined;
      return [many.length, many[999], await session.sharers(2), gone];`);
    expect(result).to.deep.equal([1000, 1999, [1000, 1001], true]);
  });

  it('says which range cannot be swapped, and which thread is not stopped', () => {
    const result = withFakeTracker(`
      const session = device.openSession(5);
      return [
        await outcomeOf(() => session.swap(new Float64Array([1, 3, 0, 9]))),
        await outcomeOf(() => session.swap(new Float64Array([0, 9]))),
      ];`);
    expect(result).to.deep.equal([
      { name: 'DeviceError', code: 'NOT_SWAPPABLE', facts: { pid: 5, nrDone: 1, startPage: 0 } },
      {
        name: 'TargetError',
        code: 'NOT_STOPPED',
        facts: { pid: 5, busyTid: 99, nrDone: 0, nrPages: 0 },
      },
    ]);
  });

  it('opens regions, reverts, and reads its status', () => {
    const result = withFakeTracker(`
      const session = device.openSession(5);
      const { id, epoch, nrDirty, overflow } = session.status();
      return [session.openRegion(1) > 2, await session.revert(), { id, epoch, nrDirty, overflow }];`);
    expect(result).to.deep.equal([
      true,
      { nrVmas: 3, nrPages: 4 },
      { id: 'f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff', epoch, nrDirty: 2 ** 40, overflow: true },
    ]);
  });

  it('ends a call that was under way when it was closed, and refuses others', () => {
    const result = withFakeTracker(`
      const session = device.openSession(5);
      const layout = session.layout();
      session.close();
      return [(await layout).length, await outcomeOf(() => session.harvest())];`);
    expect(result).to.have.nested.property('[0]', 1000);
    expect(result).to.have.nested.property('[1].code', 'SESSION_CLOSED');
  });
});

describe('Device, on a fake module', function () {
  this.timeout(30_000);

  it('refuses a module of another ABI version and names both', () => {
    const result = withFakeTracker('', { FAKE_ABI: '1' });
    expect(result).to.deep.equal({
      name: 'DeviceError',
      code: 'ABI_MISMATCH',
      facts: { moduleVersion: 1000, programVersion: native.abiVersion },
    });
  });

  it('has a code of its own for each reason not to open a session', () => {
    const result = withFakeTracker(`
      const outcomes = [];
      for (let pid = 101; pid <= 106; pid++)
        outcomes.push(await outcomeOf(() => device.openSession(pid)));
      return outcomes.map(({ code, facts }) => code + ' ' + (facts.holder ?? ''));`);
    expect(result).to.deep.equal([
      'CONTROLLER_BUSY 77',
      'NOT_TRACKED ',
      'ALREADY_TRACKED ',
      'KERNEL_THREAD ',
      'NO_SUCH_PROCESS ',
      'NOT_PERMITTED ',
    ]);
  });

  it('creates sessions on request', () => {
    const result = withFakeTracker(`
      return [
        device.openSession(5).isNew,
        device.openSession(5, { create: true, exclusive: true }).isNew,
      ];`);
    expect(result).to.deep.equal([false, true]);
  });

  it('lists every session, and finds none for a pid that has none', () => {
    const result = withFakeTracker(`
      return [device.sessions().map(({ pid }) => pid), device.status(101) ?? 'none'];`);
    expect(result).to.deep.equal([[10, 11, 12], 'none']);
  });
});
