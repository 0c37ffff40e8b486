/** One column of a table. */
export interface Column<Row> {
  title: string;
  value: (row: Row) => string;
  /** text; numbers, the default, end at the right edge */
  isLeft?: boolean;
  /** for {@link formatHeader} and {@link formatRow}: characters that the values will need */
  width?: number;
}

const gap = '  ';

/** A whole table: the title line and one line per row, each column as wide as it needs. */
export function formatTable<Row>(columns: readonly Column<Row>[], rows: readonly Row[]): string {
  const cells = rows.map((row) => columns.map(({ value }) => value(row)));
  const fitted = columns.map((column, i) => ({
    ...column,
    width: cells.reduce(
      (width, line) => Math.max(width, line[i]?.length ?? 0),
      column.title.length,
    ),
  }));
  const lines = cells.map((line) => formatLine(fitted, line));
  return [formatHeader(fitted), ...lines].join('\n');
}

/** The title line of a table whose rows come one by one. */
export function formatHeader<Row>(columns: readonly Column<Row>[]): string {
  return formatLine(
    columns,
    columns.map(({ title }) => title),
  );
}

/** One row of a table whose rows come one by one; too long a value moves the rest to the right. */
export function formatRow<Row>(columns: readonly Column<Row>[], row: Row): string {
  return formatLine(
    columns,
    columns.map(({ value }) => value(row)),
  );
}

function formatLine<Row>(columns: readonly Column<Row>[], cells: readonly string[]): string {
  const padded = columns.map(({ title, width = title.length, isLeft }, i) => {
    const cell = cells[i] ?? '';
    return isLeft ? cell.padEnd(width) : cell.padStart(width);
  });
  return padded.join(gap).trimEnd();
}
