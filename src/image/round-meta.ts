import { ExtentTable } from './extent-table.js';
import { FieldReader } from './field-reader.js';
import { decodeFrame, encodeFrame, type Fields } from './frame.js';
import { readTarget } from './manifest.js';
import { PAGE_SIZE } from './page.js';
import type { TargetIdentity } from './target-identity.js';
import type { VmaRecord } from './vma-record.js';

/** What the one who takes a round knows about it. */
export interface RoundDetails {
  /** `full`: nothing of older rounds is valid; needs `vmas` */
  kind: 'full' | 'delta';
  /** hex; null for a round that no session stands behind */
  sessionId: string | null;
  /** of the session, after this round */
  epoch: number;
  target: TargetIdentity;
  /** the final round, taken while the target stood still */
  isFrozen: boolean;
  /** sorted by address; null: as in the round before */
  vmas: VmaRecord[] | null;
  /** numbers for people: durationMs, freezeMs, ... `pages`, `zeroPages` and `bytes` are set for you */
  stats: Record<string, number>;
  /** ISO 8601; now if absent */
  time?: string;
  unknownFields?: Fields;
}

/** The metadata of one round. */
export interface RoundMeta extends RoundDetails {
  number: number;
  /** random hex */
  id: string;
  /** id of the round before; null for the first */
  parent: string | null;
  /** id of the manifest */
  imagesId: string;
  time: string;
  /** pairs startPage, endPage: what older rounds have stored there is void */
  cleared: Float64Array;
  extents: ExtentTable;
  /** length of the pages file */
  pagesBytes: number;
  /** fields of a later minor revision, kept as they are */
  unknownFields: Fields;
}

export function encodeRoundMeta(meta: RoundMeta): Buffer {
  const { unknownFields, cleared, extents, ...fields } = meta;
  return encodeFrame('TRKROUND', {
    ...unknownFields,
    ...fields,
    cleared: new Uint8Array(cleared.buffer, cleared.byteOffset, cleared.byteLength),
    extents: extents.bytes,
  });
}

/** @throws ImageError `IMAGES_DAMAGED` or `IMAGES_NEWER` */
export function decodeRoundMeta(bytes: Buffer, name: string): RoundMeta {
  const reader = new FieldReader(decodeFrame('TRKROUND', bytes, name), name);
  const meta: RoundMeta = {
    number: reader.count('number'),
    id: reader.string('id'),
    parent: reader.stringOrNull('parent'),
    imagesId: reader.string('imagesId'),
    kind: readKind(reader),
    sessionId: reader.stringOrNull('sessionId'),
    epoch: reader.count('epoch'),
    time: reader.string('time'),
    target: readTarget(reader),
    isFrozen: reader.boolean('isFrozen'),
    vmas: reader.mapsOrNull('vmas')?.map((vma) => readVma(vma, name)) ?? null,
    stats: reader.map('stats') as Record<string, number>,
    cleared: readCleared(reader),
    extents: new ExtentTable(reader.bytes('extents')),
    pagesBytes: reader.count('pagesBytes'),
    unknownFields: {},
  };
  meta.unknownFields = reader.rest();
  const fault = findMetaFault(meta);
  if (fault) reader.fail(fault);
  return meta;
}

/** What contradicts itself in a round's metadata, or nothing. */
export function findMetaFault(meta: RoundMeta): string | undefined {
  if (meta.pagesBytes % PAGE_SIZE !== 0) return `pagesBytes is ${meta.pagesBytes}, no whole pages`;
  if (meta.kind === 'full' && !meta.vmas) return 'a full round has no list of VMAs';
  return findLayoutFault(meta.vmas ?? []) ?? meta.extents.findFault(meta.pagesBytes / PAGE_SIZE);
}

function findLayoutFault(vmas: readonly VmaRecord[]): string | undefined {
  let end = 0;
  for (const { startPage, endPage } of vmas) {
    if (startPage < end || endPage <= startPage) {
      return `the VMA of pages ${startPage} to ${endPage} is empty or not sorted`;
    }
    end = endPage;
  }
  return undefined;
}

function readKind(reader: FieldReader): 'full' | 'delta' {
  const kind = reader.string('kind');
  if (kind !== 'full' && kind !== 'delta') reader.fail(`kind ${kind} is unknown`);
  return kind;
}

function readVma(vma: Fields, name: string): VmaRecord {
  const reader = new FieldReader(vma, name);
  for (const field of ['startPage', 'endPage', 'prot', 'offset', 'inode']) reader.count(field);
  for (const field of ['kind', 'state', 'path', 'dev']) reader.string(field);
  reader.boolean('shared');
  return vma as unknown as VmaRecord;
}

function readCleared(reader: FieldReader): Float64Array {
  const bytes = reader.bytes('cleared');
  if (bytes.byteLength % 16 !== 0) reader.fail('field cleared is not a list of pairs');
  // The payload is at no 8-byte boundary; a copy is.
  const cleared = new Float64Array(new Uint8Array(bytes).buffer);
  for (let i = 0; i < cleared.length; i += 2) {
    const start = cleared[i] ?? NaN;
    const end = cleared[i + 1] ?? NaN;
    if (!(Number.isSafeInteger(start) && Number.isSafeInteger(end) && 0 <= start && start < end)) {
      reader.fail(`cleared range ${i / 2} is not a range of pages`);
    }
  }
  return cleared;
}
