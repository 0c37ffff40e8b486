import { expect } from 'chai';
import { createTimer } from '../../../src/restore/create-timer.js';
import type { CallStep, CreateTimerStep } from '../../../src/restore/plan/step.js';

const step = (id: number): CreateTimerStep => ({
  op: 'create-timer',
  id,
  clock: 1,
  event: new Uint8Array(64),
});

/** A kernel that counts ids up and cannot be told one, unless `canBeTold`. */
function kernel(next: number, canBeTold = false) {
  const calls: CallStep[] = [];
  let id = -1;
  return {
    calls,
    nameOf: () => calls.map(({ call }) => call),
    call: (call: CallStep) => {
      calls.push(call);
      if (call.call === 'timer_create') id = next++;
    },
    attempt: () => (canBeTold ? 0 : -22),
    value: () => id,
  };
}

describe('createTimer', () => {
  it('makes and deletes timers until the id comes', () => {
    const stub = kernel(0);
    createTimer(stub, step(2));
    expect(stub.value()).to.equal(2);
    expect(stub.nameOf()).to.deep.equal([
      ...['timer_create', 'timer_delete', 'timer_create', 'timer_delete'],
      'timer_create',
    ]);
  });

  it('says so when the kernel is past the id', () => {
    expect(() => {
      createTimer(kernel(5), step(4));
    }).to.throw('cannot restore timer 4: this kernel is at id 5');
  });

  it('tells the kernel the id where it can, and takes that back', () => {
    const stub = kernel(0, true);
    createTimer(stub, step(7));
    expect(stub.nameOf()).to.deep.equal(['timer_create', 'prctl']);
    expect(stub.calls[0]?.args[2]).to.deep.equal({ bytes: Uint8Array.of(7, 0, 0, 0) });
  });
});
