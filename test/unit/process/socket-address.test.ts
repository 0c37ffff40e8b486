import { expect } from 'chai';
import { formatAddress, pathOf } from '../../../src/process/socket-address.js';

const unix = (name: string) => Buffer.from(`\x01\0${name}`, 'latin1');
const inet6 = (address: string) => Buffer.from(`0a0018eb00000000${address}00000000`, 'hex');

describe('formatAddress', () => {
  it('has address and port of IPv4', () => {
    expect(formatAddress(Buffer.from('020018eb7f0000010000000000000000', 'hex'))).to.equal(
      '127.0.0.1:6379',
    );
  });

  it('has address and port of IPv6, in short and with IPv4 in it', () => {
    expect(formatAddress(inet6('00000000000000000000000000000001'))).to.equal('[::1]:6379');
    expect(formatAddress(inet6('fe800000000000000000000000000a01'))).to.equal('[fe80::a01]:6379');
    expect(formatAddress(inet6('00000000000000000000ffff7f000001'))).to.equal(
      '[::ffff:127.0.0.1]:6379',
    );
  });

  it('has the path or the abstract name of a unix socket', () => {
    expect(formatAddress(unix('/run/x\0'))).to.equal('/run/x');
    expect(formatAddress(unix('\0x'))).to.equal('@x');
    expect(formatAddress(unix(''))).to.equal('');
  });
});

describe('pathOf', () => {
  it('is there for names in the file system alone', () => {
    expect(pathOf(unix('/run/x\0'))).to.equal('/run/x');
    expect(pathOf(unix('\0/run/x'))).to.equal(undefined);
    expect(pathOf(unix(''))).to.equal(undefined);
  });
});
