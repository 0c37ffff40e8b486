import { expect } from 'chai';
import { ExtentTable } from '../../../src/image/index.js';
import type { RoundMeta } from '../../../src/image/round-meta.js';
import { formatJson } from '../../../src/report/json.js';
import { pageRanges } from '../../../src/report/page-ranges.js';
import { printable } from '../../../src/report/printable.js';

describe('formatJson', () => {
  it('keeps every digit of a bigint', () => {
    expect(formatJson({ time: 2n ** 63n, list: [1, 2n] })).to.equal(
      '{"time":"9223372036854775808","list":[1,"2"]}',
    );
  });
});

describe('printable', () => {
  it('takes the control characters out of a name', () => {
    expect(printable('a\x1b[2J\nb\x9b\u00e4')).to.equal('a\\x1b[2J\\x0ab\\x9b\u00e4');
  });
});

describe('pageRanges', () => {
  it('joins extents that touch and sorts by page', () => {
    const tables = [ExtentTable.zeros(8, 2), ExtentTable.zeros(4, 4), ExtentTable.zeros(20, 1)];
    const extents = new ExtentTable(Buffer.concat(tables.map(({ bytes }) => bytes)));
    const cleared = Float64Array.of(10, 20);
    expect(pageRanges({ extents, cleared } as RoundMeta)).to.deep.equal([
      { startPage: 4, endPage: 10, content: 'zero' },
      { startPage: 10, endPage: 20, content: 'cleared' },
      { startPage: 20, endPage: 21, content: 'zero' },
    ]);
  });
});
