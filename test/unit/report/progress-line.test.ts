import { expect } from 'chai';
import type { Progress } from '../../../src/dump/reports.js';
import { formatProgress, ProgressLine } from '../../../src/report/progress-line.js';

function terminal({ isTTY = true, columns = 100 } = {}) {
  const written: string[] = [];
  return { isTTY, columns, written, write: (text: string) => written.push(text) };
}

function copying(donePages: number, totalPages = 65_536): Progress {
  return { phase: 'copy', donePages, totalPages };
}

describe('the progress line', () => {
  it('shows done, total, rate and time left', () => {
    expect(formatProgress(copying(16_384), 1000)).to.equal(
      'copy: 64.0 MiB of 256.0 MiB, 25 %, 64.0 MiB/s, 3.00 s left',
    );
  });

  it('says no more than is known', () => {
    expect(formatProgress(copying(16_384, 0), 1000)).to.equal('copy: 64.0 MiB, 64.0 MiB/s');
    expect(formatProgress(copying(0, 0), 1000)).to.equal('copy');
    expect(formatProgress(copying(1), 10)).to.equal('copy: 4.0 KiB of 256.0 MiB, 0 %');
  });

  it('writes nothing where there is no terminal, or when it is off', () => {
    const file = terminal({ isTTY: false });
    new ProgressLine(file).update(copying(1));
    const silent = terminal();
    new ProgressLine(silent, { isOn: false }).update(copying(1));
    expect([...file.written, ...silent.written]).to.deep.equal([]);
  });

  it('redraws in place at most ten times per second, a new phase at once', () => {
    const screen = terminal();
    let now = 0;
    const line = new ProgressLine(screen, { now: () => now });
    line.update(copying(1));
    now = 50;
    line.update(copying(2));
    line.update({ phase: 'commit', donePages: 0, totalPages: 0 });
    now = 200;
    line.update({ phase: 'commit', donePages: 1, totalPages: 0 });
    expect(screen.written).to.deep.equal([
      '\r\x1b[Kcopy: 4.0 KiB of 256.0 MiB, 0 %',
      '\r\x1b[Kcommit',
      '\r\x1b[Kcommit: 4.0 KiB',
    ]);
  });

  it('is erased once, and only if it was drawn', () => {
    const screen = terminal();
    const line = new ProgressLine(screen);
    line.erase();
    line.update(copying(0, 0));
    line.erase();
    line.erase();
    expect(screen.written).to.deep.equal(['\r\x1b[Kcopy', '\r\x1b[K']);
  });

  it('is never wider than the terminal', () => {
    const screen = terminal({ columns: 20 });
    new ProgressLine(screen).update(copying(16_384));
    expect(screen.written[0]?.replace('\r\x1b[K', '')).to.have.lengthOf(19);
  });
});
