import { expect } from 'chai';
import { DeviceError } from '../../src/errors.js';
import { Device } from '../../src/kernel/device.js';

function openError(path?: string): DeviceError {
  try {
    Device.open(path).close();
  } catch (error) {
    expect(error).to.be.instanceOf(DeviceError);
    return error as DeviceError;
  }
  throw new Error(`${path} was opened`);
}

describe('Device', () => {
  it('says that the module is to be loaded when the node is missing', () => {
    const { code, message } = openError('/dev/tracker-is-not-here');
    expect(code).to.equal('MODULE_MISSING');
    expect(message).to.contain('/dev/tracker-is-not-here').and.to.contain('load the module');
  });

  it('refuses a device that does not speak its ABI', () => {
    expect(openError('/dev/null')).to.have.property('code', 'ABI_MISMATCH');
  });
});
