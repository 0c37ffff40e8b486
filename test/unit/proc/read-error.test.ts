import { expect } from 'chai';
import { readError } from '../../../src/proc/read-error.js';

const noPid = 2 ** 22 + 1;

describe('a file of /proc that may not be read', () => {
  const refusal = Object.assign(new Error('EACCES: permission denied'), {
    code: 'EACCES',
    errno: -13,
    syscall: 'open',
  });

  it('is not permitted where its process lives', () => {
    const error = readError(refusal, 'read the program', process.pid);
    expect(error).to.include({ code: 'NOT_PERMITTED' });
  });

  it('has gone with its process where that has ended', () => {
    expect(readError(refusal, 'read the program', noPid)).to.include({ code: 'NO_SUCH_PROCESS' });
  });
});
