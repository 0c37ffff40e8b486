import type { FieldReader } from './field-reader.js';
import type { Fields } from './frame.js';
import { encodeLayer, type Layer, readLayer } from './layer.js';

/** What the one who takes a round knows about a segment. */
export interface SegmentDetails {
  /** small number, of this segment alone as long as the images directory exists */
  segment: number;
  /** `00:01` */
  dev: string;
  inode: number;
  /** '' if it has no name */
  path: string;
  /** of SysV memory: whose it is, `ipc:[4026531839]` */
  ipcNamespace?: string | undefined;
  /** its size */
  nrPages: number;
  /** `full`: nothing of older rounds is valid for it */
  kind: 'full' | 'delta';
  unknownFields?: Fields;
}

/** Memory that members share, whoever maps which part of it, in one round. */
export interface SegmentRecord extends SegmentDetails, Layer {
  /** fields of a later minor revision, kept as they are */
  unknownFields: Fields;
}

export function encodeSegment(record: SegmentRecord): Fields {
  const { unknownFields, ipcNamespace, ...fields } = record;
  const optional = ipcNamespace !== undefined && { ipcNamespace };
  return { ...unknownFields, ...fields, ...optional, ...encodeLayer(record) };
}

/** @throws ImageError `IMAGES_DAMAGED` */
export function readSegment(fields: Fields, round: FieldReader, index: number): SegmentRecord {
  const reader = round.inner(fields, `entry ${index} of segments`);
  const record = {
    segment: reader.count('segment'),
    dev: reader.string('dev'),
    inode: reader.count('inode'),
    path: reader.string('path'),
    ...(fields['ipcNamespace'] !== undefined && { ipcNamespace: reader.string('ipcNamespace') }),
    nrPages: reader.count('nrPages'),
    ...readLayer(reader),
  };
  return { ...record, unknownFields: reader.rest() };
}
