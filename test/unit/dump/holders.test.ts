import { expect } from 'chai';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Holders } from '../../../src/dump/process/files/holders.js';

describe('Holders', () => {
  const proc = mkdtempSync(path.join(tmpdir(), 'tracker-holders-'));

  after(() => {
    rmSync(proc, { recursive: true });
  });

  const open = (pid: number, fd: number, link: string) => {
    mkdirSync(path.join(proc, `${pid}/fd`), { recursive: true });
    symlinkSync(link, path.join(proc, `${pid}/fd/${fd}`));
  };

  it('names each other process once that has something open, and not the one that is known to', () => {
    open(12, 3, 'pipe:[7]');
    open(13, 0, 'pipe:[7]');
    open(13, 1, 'pipe:[7]');
    open(14, 0, 'pipe:[77]');
    symlinkSync('13', path.join(proc, 'self'));
    mkdirSync(path.join(proc, '15'));
    const holders = new Holders(proc);
    expect(holders.of('pipe:[7]', 12)).to.deep.equal([13]);
    expect(holders.of('pipe:[77]', 0)).to.deep.equal([14]);
    expect(holders.of('pipe:[8]', 12)).to.deep.equal([]);
  });

  it('leaves those of a tree out, where somebody outside is asked for', () => {
    const holders = new Holders(proc, new Set([12, 13]));
    expect(holders.of('pipe:[7]', 12)).to.deep.equal([13]);
    expect(holders.outside('pipe:[7]', 12)).to.deep.equal([]);
    expect(holders.outside('pipe:[77]', 12)).to.deep.equal([14]);
  });

  it('looks at all processes once, when it is first asked', () => {
    const holders = new Holders(proc);
    open(16, 0, 'pipe:[9]');
    expect(holders.of('pipe:[9]', 12)).to.deep.equal([16]);
    open(17, 0, 'pipe:[9]');
    expect(holders.of('pipe:[9]', 12)).to.deep.equal([16]);
  });
});
