import { expect } from 'chai';
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
    const untracked = [
      { kind: 'file-private', reason: 'kind', nrVmas: 12, pages: 793 },
      { kind: 'anon-private', reason: 'stack', nrVmas: 1, pages: 33 },
    ] as const;
    expect(roundNotes(roundReport({ untracked: [...untracked], pinnedPages: 1 }))).to.deep.equal([
      'pinned: 1 page that the kernel may write at any time, dirty in every round',
      'untracked: file-private (kind), 12 mappings, 3.1 MiB',
      'untracked: anon-private (stack), 1 mapping, 132.0 KiB',
    ]);
  });
});
