import type { RoundReport } from '../dump/reports.js';
import { roundColumns, roundNotes } from '../report/round-table.js';
import { type Column, formatHeader, formatRow } from '../report/table.js';
import { leftOut, treeRoundColumns, treeRoundNotes } from '../report/tree-tables.js';
import type { TreeRoundReport } from '../tree/tree-reports.js';
import type { Output } from './output.js';

/**
 * Prints rounds as they are done.
 * @returns prints one more row, and its notes where they differ from those of the row before
 */
export function roundPrinter(output: Output): (round: RoundReport) => void {
  return printer(output, roundColumns, roundNotes);
}

/** The same for rounds of a tree. Who is left out of the images is a warning besides. */
export function treeRoundPrinter(output: Output): (round: TreeRoundReport) => void {
  const print = printer(output, treeRoundColumns, treeRoundNotes);
  let lastWarning = '';
  return (round) => {
    const warning = leftOut(round)
      .map((line) => `tracker: ${line}`)
      .join('\n');
    if (warning !== '' && warning !== lastWarning) output.warn(warning);
    lastWarning = warning;
    print(round);
  };
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
