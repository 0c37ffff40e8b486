import { expect } from 'chai';
import { isKernelThread, parseStat, readStat } from '../../../src/proc/stat.js';

const stat = (comm: string, state = 'S', flags = 4194304): string =>
  `42 (${comm}) ${state} 7 41 40 34816 43 ${flags} 100 0 0 0 1 2 0 0 20 0 5 0 123456 9 9 18446744073709551615 ${'0 '.repeat(12)}17 3 ${'0 '.repeat(12)}256\n`;

describe('parseStat', () => {
  it('reads every field of a line', () => {
    expect(parseStat(stat('redis-server'))).to.deep.equal({
      pid: 42,
      comm: 'redis-server',
      state: 'S',
      ppid: 7,
      processGroup: 41,
      session: 40,
      terminal: 34816,
      foregroundGroup: 43,
      flags: 4194304,
      nrThreads: 5,
      startTime: 123456,
      cpu: 3,
      exitSignal: 17,
      exitStatus: 256,
    });
  });

  it('keeps blanks, parentheses and newlines in a name', () => {
    for (const comm of ['a b', 'a) R 1', ') S (', '(sd-pam)', '', 'a\nb'])
      expect(parseStat(stat(comm))).to.include({ comm, state: 'S', startTime: 123456 });
  });

  it('refuses what is no line of stat, by its text', () => {
    for (const text of ['', '42 (sleep) S 7', 'Name: sleep\n'])
      expect(() => parseStat(text)).to.throw(JSON.stringify(text));
  });
});

describe('isKernelThread', () => {
  it('goes by the flag, not by the name', () => {
    expect(isKernelThread(parseStat(stat('kthreadd', 'S', 0x208040)))).to.equal(true);
    expect(isKernelThread(parseStat(stat('kthreadd')))).to.equal(false);
  });
});

describe('readStat', () => {
  it('reads the own process', () => {
    expect(readStat(process.pid)).to.include({ pid: process.pid, ppid: process.ppid });
  });
});
