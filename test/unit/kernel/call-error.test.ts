import { expect } from 'chai';
import { DeviceError, TargetError } from '../../../src/errors.js';
import { callError } from '../../../src/kernel/call-error.js';

const failed = (code: string, facts: object = {}): Error =>
  Object.assign(new Error(code), { code, errno: -1, syscall: 'ioctl' }, facts);

describe('callError', () => {
  it('tells who holds the session', () => {
    const error = callError(failed('EBUSY', { holder: 77 }), 'control the session of pid 5', 5);
    expect(error).to.be.instanceOf(TargetError).and.to.include({ code: 'CONTROLLER_BUSY' });
    expect(error).to.have.property('message').that.contains('pid 77');
    expect(error).to.have.deep.property('facts', { pid: 5, holder: 77 });
  });

  it('tells which thread is not stopped', () => {
    const error = callError(failed('EBUSY', { busyTid: 9, nrDone: 0 }), 'swap', 5);
    expect(error).to.be.instanceOf(TargetError).and.to.include({ code: 'NOT_STOPPED' });
    expect(error).to.have.deep.property('facts', { pid: 5, busyTid: 9, nrDone: 0 });
  });

  it('has a code of its own for each errno of the ABI', () => {
    const codes = {
      ESRCH: 'NO_SUCH_PROCESS',
      EPERM: 'NOT_PERMITTED',
      ENOMEM: 'NO_MEMORY',
      ESTALE: 'STALE_EPOCH',
      ENOTTY: 'ABI_MISMATCH',
      EFAULT: 'CALL_FAILED',
    };
    for (const [errno, code] of Object.entries(codes))
      expect(callError(failed(errno), 'harvest pid 5', 5)).to.include({ code });
  });

  it('keeps the failed call as the cause', () => {
    const cause = failed('ENOMEM');
    const error = callError(cause, 'harvest pid 5', 5);
    expect(error).to.be.instanceOf(DeviceError).and.to.have.property('cause', cause);
  });

  it('passes on what is no failed call', () => {
    const error = new RangeError('x');
    expect(callError(error, 'harvest', 5)).to.equal(error);
  });
});
