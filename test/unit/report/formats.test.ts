import { expect } from 'chai';
import { ExtentTableBuilder } from '../../../src/image/extent-table-builder.js';
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
    const builder = new ExtentTableBuilder();
    builder.addZeros(8, 2);
    builder.addZeros(4, 4);
    builder.addZeros(20, 1);
    builder.addRefs(30, 2, 0, 7);
    const cleared = Float64Array.of(10, 20);
    const inherited = Float64Array.of(32, 8, 1, 32);
    const layer = { kind: 'full', extents: builder.build(), cleared, inherited } as const;
    expect(pageRanges(layer)).to.deep.equal([
      { startPage: 4, endPage: 10, content: 'zero' },
      { startPage: 10, endPage: 20, content: 'cleared' },
      { startPage: 20, endPage: 21, content: 'zero' },
      { startPage: 30, endPage: 32, content: 'ref' },
      { startPage: 32, endPage: 40, content: 'inherited' },
    ]);
  });
});
