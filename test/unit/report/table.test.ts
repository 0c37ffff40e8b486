import { expect } from 'chai';
import { type Column, formatHeader, formatRow, formatTable } from '../../../src/report/table.js';

interface Row {
  name: string;
  count: number;
  note: string;
}

const columns: readonly Column<Row>[] = [
  { title: 'name', value: ({ name }) => name, isLeft: true },
  { title: 'count', value: ({ count }) => `${count}`, width: 7 },
  { title: 'note', value: ({ note }) => note, isLeft: true },
];

describe('tables', () => {
  it('fits columns to their values, numbers to the right, no blanks at the end', () => {
    const table = formatTable(columns, [
      { name: 'a', count: 1, note: 'short' },
      { name: 'longer', count: 1234567, note: '' },
    ]);
    expect(table.split('\n')).to.deep.equal([
      'name      count  note',
      'a             1  short',
      'longer  1234567',
    ]);
  });

  it('has only titles where there are no rows', () => {
    expect(formatTable(columns, [])).to.equal('name  count  note');
  });

  it('keeps columns below each other where rows come one by one', () => {
    expect(formatHeader(columns)).to.equal('name    count  note');
    expect(formatRow(columns, { name: 'a', count: 12, note: 'x' })).to.equal('a          12  x');
  });

  it('never cuts a value that is too wide', () => {
    expect(formatRow(columns, { name: 'a', count: 123456789, note: 'x' })).to.equal(
      'a     123456789  x',
    );
  });
});
