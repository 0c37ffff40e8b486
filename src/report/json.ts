/**
 * A document as one line of JSON. What JSON has no number for keeps its digits: a bigint becomes a
 * decimal string.
 */
export function formatJson(document: unknown): string {
  return JSON.stringify(document, (_, value: unknown) =>
    typeof value === 'bigint' ? value.toString() : value,
  );
}
