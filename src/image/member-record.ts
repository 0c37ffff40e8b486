import type { FieldReader } from './field-reader.js';
import type { Fields } from './frame.js';
import { encodeLayer, encodeRows, type Layer, readLayer } from './layer.js';
import { readTarget, type TargetIdentity } from './target-identity.js';
import { readVma, type VmaRecord } from './vma-record.js';

/** Numbers in a row of `inherited`: page, nrPages, from member, from page. */
export const INHERITED_STRIDE = 4;

/** What the one who takes a round knows about a member. */
export interface MemberDetails {
  /** small number, of this member alone as long as the images directory exists */
  member: number;
  target: TargetIdentity;
  /** the member whose child it is; null if that is none of the tree */
  parent: number | null;
  parentPid: number;
  /** `full`: nothing of older rounds is valid for it; needs `vmas` */
  kind: 'full' | 'delta';
  /** hex; null if no session stands behind it */
  sessionId: string | null;
  /** of the session, after this round */
  epoch: number;
  /** sorted by address; null: as in the round before */
  vmas: VmaRecord[] | null;
  /** everything but its memory, as `readProcess` takes it; where the round was taken for that */
  process?: Fields;
  unknownFields?: Fields;
}

/** One target of a tree, in one round. */
export interface MemberRecord extends MemberDetails, Layer {
  inherited: Float64Array;
  /** fields of a later minor revision, kept as they are */
  unknownFields: Fields;
}

export function encodeMember(record: MemberRecord): Fields {
  const { unknownFields, inherited, ...fields } = record;
  return {
    ...unknownFields,
    ...fields,
    ...encodeLayer(record),
    inherited: encodeRows(inherited),
  };
}

/** @throws ImageError `IMAGES_DAMAGED` */
export function readMember(fields: Fields, round: FieldReader, index: number): MemberRecord {
  const reader = round.inner(fields, `entry ${index} of members`);
  const record = {
    member: reader.count('member'),
    target: readTarget(reader),
    parent: reader.countOrNull('parent'),
    parentPid: reader.count('parentPid'),
    ...readLayer(reader),
    sessionId: reader.stringOrNull('sessionId'),
    epoch: reader.count('epoch'),
    vmas: reader.mapsOrNull('vmas')?.map((vma) => readVma(vma, reader)) ?? null,
    inherited: reader.rows('inherited', INHERITED_STRIDE),
    ...(reader.has('process') && { process: reader.map('process') }),
  };
  return { ...record, unknownFields: reader.rest() };
}

/** The members that a member inherits from, each once. */
export function inheritedFrom({ inherited }: MemberRecord): number[] {
  const from = new Set<number>();
  for (let i = 0; i < inherited.length; i += INHERITED_STRIDE) from.add(inherited[i + 2] ?? 0);
  return [...from];
}
