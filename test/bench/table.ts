/** Prints rows below a header, numbers to the right. */
export function printTable(header: readonly string[], rows: readonly (string | number)[][]): void {
  const texts = [header, ...rows].map((row) => row.map(String));
  const widths = header.map((_, i) => Math.max(...texts.map((row) => row[i]?.length ?? 0)));
  const [first = 0, ...others] = widths;
  for (const [name = '', ...cells] of texts) {
    const right = cells.map((cell, i) => cell.padStart(others[i] ?? 0));
    console.log([name.padEnd(first), ...right].join('  '));
  }
}
