import { expect } from 'chai';
import {
  formatAddress,
  formatBytes,
  formatCount,
  formatDuration,
  formatPages,
} from '../../../src/report/units.js';

describe('units', () => {
  it('names sizes by the largest unit below them', () => {
    expect(formatBytes(0)).to.equal('0 B');
    expect(formatBytes(1023)).to.equal('1023 B');
    expect(formatBytes(1024)).to.equal('1.0 KiB');
    expect(formatBytes(1_500_000)).to.equal('1.4 MiB');
    expect(formatBytes(2 ** 40)).to.equal('1.0 TiB');
    expect(formatPages(793)).to.equal('3.1 MiB');
  });

  it('never rounds a size up to 1024 of a unit', () => {
    expect(formatBytes(2 ** 20 - 1)).to.equal('1.0 MiB');
    expect(formatBytes(2 ** 30 - 1)).to.equal('1.0 GiB');
  });

  it('gives times about three digits', () => {
    expect(formatDuration(0)).to.equal('0 ms');
    expect(formatDuration(0.418)).to.equal('0.42 ms');
    expect(formatDuration(0.999)).to.equal('1.0 ms');
    expect(formatDuration(9.96)).to.equal('10 ms');
    expect(formatDuration(123.4)).to.equal('123 ms');
    expect(formatDuration(999.9)).to.equal('1.00 s');
    expect(formatDuration(12_340)).to.equal('12.3 s');
    expect(formatDuration(125_000)).to.equal('2 min 5 s');
    expect(formatDuration(3_725_000)).to.equal('1 h 2 min');
  });

  it('says one mapping, and several mappings', () => {
    expect(formatCount(1, 'mapping')).to.equal('1 mapping');
    expect(formatCount(0, 'mapping')).to.equal('0 mappings');
  });

  it('prints the highest addresses exactly', () => {
    expect(formatAddress(0x7ffffffff)).to.equal('0x7ffffffff000');
    expect(formatAddress(2 ** 52 - 1)).to.equal('0xfffffffffffff000');
  });
});
