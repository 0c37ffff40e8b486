import { expect } from 'chai';
import type { Untracked } from '../../../src/dump/reports.js';
import { roundColumns, roundNotes } from '../../../src/report/round-table.js';
import { formatHeader, formatRow } from '../../../src/report/table.js';
import { roundReport } from '../cli/fake-tracker.js';

describe('the table of rounds', () => {
  it('is as wide in its rows as in its titles', () => {
    const row = formatRow(roundColumns, roundReport());
    expect(row).to.have.lengthOf(formatHeader(roundColumns).length);
  });

  it('calls the round of a frozen target final', () => {
    expect(formatRow(roundColumns, roundReport({ isFrozen: true }))).to.contain('final');
    expect(formatRow(roundColumns, roundReport({ kind: 'full' }))).to.contain('full');
  });

  it('names untracked memory and pinned pages', () => {
    const names = ['/a', '/b', '/c', '/d'];
    const untracked: Untracked[] = [
      { kind: 'anon-shared', reason: 'hugetlb', nrVmas: 12, pages: 793, storedPages: 5, names },
      {
        kind: 'anon-private',
        reason: 'stack',
        nrVmas: 1,
        pages: 33,
        storedPages: 1,
        names: ['[stack]'],
      },
    ];
    expect(roundNotes(roundReport({ untracked, pinnedPages: 1 }))).to.deep.equal([
      'pinned: 1 page that the kernel may write at any time, dirty in every round',
      'untracked: anon-shared (hugetlb), 12 mappings, 3.1 MiB: /a, /b, /c, ...',
      'untracked: anon-private (stack), 1 mapping, 132.0 KiB: [stack]',
    ]);
  });

  it('names who shares memory, and of many mappings how many there are', () => {
    const sharing = [1, 2, 3, 4, 5].map((n) => ({
      path: n === 1 ? '' : `/dev/shm/${n}`,
      startPage: n * 16,
      endPage: n * 16 + 1,
      pids: [30 + n, 40],
    }));
    expect(roundNotes(roundReport({ sharing }))).to.deep.equal([
      'shared: 0x10000, 4.0 KiB, with pid 31, 40',
      'shared: /dev/shm/2, 4.0 KiB, with pid 32, 40',
      'shared: /dev/shm/3, 4.0 KiB, with pid 33, 40',
      'shared: 2 more mappings',
    ]);
  });
});
