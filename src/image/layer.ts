import { ExtentTable } from './extent-table.js';
import type { FieldReader } from './field-reader.js';
import type { Fields } from './frame.js';

/** Whether older rounds count: not in a full one. */
export type LayerKind = 'full' | 'delta';

/** What a round says of the pages of one member or segment. */
export interface Layer {
  kind: LayerKind;
  /** pairs startPage, endPage: what older rounds have stored there is void */
  cleared: Float64Array;
  extents: ExtentTable;
  /** rows of page, nrPages, from member, from page (INHERITED_STRIDE); a segment inherits nothing */
  inherited?: Float64Array;
}

/** Takes the fields of a layer. */
export function readLayer(reader: FieldReader): Pick<Layer, 'kind' | 'cleared' | 'extents'> {
  const kind = reader.string('kind');
  if (kind !== 'full' && kind !== 'delta') reader.fail(`kind ${kind} is unknown`);
  return {
    kind,
    cleared: reader.rows('cleared', 2),
    extents: new ExtentTable(reader.bytes('extents')),
  };
}

/** The bytes of a table of 64-bit floats. */
export function encodeRows(rows: Float64Array): Uint8Array {
  return new Uint8Array(rows.buffer, rows.byteOffset, rows.byteLength);
}

/** The fields of a layer, as they are on disk. */
export function encodeLayer({ cleared, extents }: Layer): Fields {
  return { cleared: encodeRows(cleared), extents: extents.bytes };
}
