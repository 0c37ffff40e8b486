import type { RoundReport } from '../dump/reports.js';
import { roundColumns, roundNotes } from '../report/round-table.js';
import { formatHeader, formatRow } from '../report/table.js';
import type { Output } from './output.js';

/**
 * Prints rounds as they are done.
 * @returns prints one more row, and its notes where they differ from those of the row before
 */
export function roundPrinter(output: Output): (round: RoundReport) => void {
  let lastNotes = '';
  let isFirst = true;
  return (round) => {
    if (isFirst) output.print(formatHeader(roundColumns));
    isFirst = false;
    output.print(formatRow(roundColumns, round));
    const notes = roundNotes(round).join('\n');
    if (notes !== '' && notes !== lastNotes) output.print(notes);
    lastNotes = notes;
  };
}
