import type { RoundReport } from '../dump/reports.js';
import { roundColumns, roundNotes } from '../report/round-table.js';
import { type Column, formatHeader, formatRow } from '../report/table.js';
import { treeRoundColumns, treeRoundNotes } from '../report/tree-tables.js';
import type { TreeRoundReport } from '../tree/tree-reports.js';
import type { Output } from './output.js';

/**
 * Prints rounds as they are done.
 * @returns prints one more row, and its notes where they differ from those of the row before
 */
export function roundPrinter(output: Output): (round: RoundReport) => void {
  return printer(output, roundColumns, roundNotes);
}

/** The same for rounds of a tree. */
export function treeRoundPrinter(output: Output): (round: TreeRoundReport) => void {
  return printer(output, treeRoundColumns, treeRoundNotes);
}

function printer<Round>(
  output: Output,
  columns: readonly Column<Round>[],
  notesOf: (round: Round) => string[],
): (round: Round) => void {
  let lastNotes = '';
  let isFirst = true;
  return (round) => {
    if (isFirst) output.print(formatHeader(columns));
    isFirst = false;
    output.print(formatRow(columns, round));
    const notes = notesOf(round).join('\n');
    if (notes !== '' && notes !== lastNotes) output.print(notes);
    lastNotes = notes;
  };
}
