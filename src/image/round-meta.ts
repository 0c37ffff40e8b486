import { FieldReader } from './field-reader.js';
import { decodeFrame, encodeFrame, type Fields } from './frame.js';
import {
  encodeMember,
  type MemberDetails,
  type MemberRecord,
  readMember,
} from './member-record.js';
import {
  encodeSegment,
  readSegment,
  type SegmentDetails,
  type SegmentRecord,
} from './segment-record.js';

/** What the one who takes a round knows about it. */
export interface RoundDetails {
  /** the final round, taken while the targets stood still */
  isFrozen: boolean;
  /** every member that lives; one that is missing has ended */
  members: MemberDetails[];
  /** every segment that a member maps; none if absent */
  segments?: SegmentDetails[];
  /** numbers for people: durationMs, freezeMs, ...; those of what is stored are set for you */
  stats: Record<string, number>;
  /** ISO 8601; now if absent */
  time?: string;
  /** numbers below are taken although no round says so, see {@link RoundMeta}; 0 if absent */
  nextMember?: number;
  nextSegment?: number;
  unknownFields?: Fields;
}

/** The metadata of one round. */
export interface RoundMeta {
  number: number;
  /** random hex */
  id: string;
  /** id of the round before; null for the first */
  parent: string | null;
  /** id of the manifest */
  imagesId: string;
  /** ISO 8601 */
  time: string;
  isFrozen: boolean;
  stats: Record<string, number>;
  /** by number */
  members: MemberRecord[];
  /** by number */
  segments: SegmentRecord[];
  /** the next new member's number: those below have been used */
  nextMember: number;
  nextSegment: number;
  /** length of the pages file */
  pagesBytes: number;
  /** fields of a later minor revision, kept as they are */
  unknownFields: Fields;
}

export function encodeRoundMeta(meta: RoundMeta): Buffer {
  const { unknownFields, members, segments, ...fields } = meta;
  return encodeFrame('TRKROUND', {
    ...unknownFields,
    ...fields,
    members: members.map(encodeMember),
    segments: segments.map(encodeSegment),
  });
}

/**
 * Unpacks a round and checks the types of its fields; `findRoundFault` checks what they say.
 * @throws ImageError `IMAGES_DAMAGED`, `IMAGES_NEWER` or `IMAGES_OLDER`
 */
export function decodeRoundMeta(bytes: Buffer, name: string): RoundMeta {
  const reader = new FieldReader(decodeFrame('TRKROUND', bytes, name), name);
  const meta = {
    number: reader.count('number'),
    id: reader.string('id'),
    parent: reader.stringOrNull('parent'),
    imagesId: reader.string('imagesId'),
    time: reader.string('time'),
    isFrozen: reader.boolean('isFrozen'),
    stats: reader.map('stats') as Record<string, number>,
    members: reader.maps('members').map((fields, i) => readMember(fields, reader, i)),
    segments: reader.maps('segments').map((fields, i) => readSegment(fields, reader, i)),
    nextMember: reader.count('nextMember'),
    nextSegment: reader.count('nextSegment'),
    pagesBytes: reader.count('pagesBytes'),
  };
  return { ...meta, unknownFields: reader.rest() };
}

/** A member of a round, or nothing if it does not live then. */
export function memberOf({ members }: RoundMeta, member: number): MemberRecord | undefined {
  return find(members, member, (record) => record.member);
}

/** A segment of a round, or nothing. */
export function segmentOf({ segments }: RoundMeta, segment: number): SegmentRecord | undefined {
  return find(segments, segment, (record) => record.segment);
}

/** Records are sorted by their numbers. */
function find<T>(records: readonly T[], number: number, numberOf: (record: T) => number) {
  let low = 0;
  let high = records.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    const record = records[middle];
    if (record !== undefined && numberOf(record) < number) low = middle + 1;
    else high = middle;
  }
  const record = records[low];
  return record !== undefined && numberOf(record) === number ? record : undefined;
}
