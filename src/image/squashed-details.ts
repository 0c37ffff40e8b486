import type { Fields } from './frame.js';
import type { ImageDirectory } from './image-directory.js';
import type { Layer } from './layer.js';
import type { MemberDetails } from './member-record.js';
import { memberOf, type RoundDetails, type RoundMeta, segmentOf } from './round-meta.js';
import { layersAt, layoutAt } from './rounds-of.js';
import type { SegmentDetails } from './segment-record.js';

/** The last round's details, for a full round that stands for the chain; of unknown fields the newest value of each. */
export function describeSquashed({ manifest, rounds }: ImageDirectory): RoundDetails {
  const last = rounds.at(-1);
  if (!last) throw new RangeError('no round to squash');
  const { isFrozen, time, stats, number, id, nextMember, nextSegment } = last;
  const squashed = { imagesId: manifest.id, round: number, id };
  return {
    isFrozen,
    time,
    stats,
    members: last.members.map(({ member }) => describeMember(rounds, member)),
    segments: last.segments.map(({ segment }) => describeSegment(rounds, segment)),
    nextMember,
    nextSegment,
    unknownFields: { ...newest(rounds.slice(baseOf(rounds))), squashed },
  };
}

/** The last round in which everybody begins anew: what older ones say is of no interest. */
function baseOf(rounds: readonly RoundMeta[]): number {
  const index = rounds.findLastIndex(({ members }) => members.every(({ kind }) => kind === 'full'));
  return Math.max(0, index);
}

function describeMember(rounds: readonly RoundMeta[], number: number): MemberDetails {
  const { layers } = layersAt(rounds, (meta) => memberOf(meta, number), rounds.length - 1);
  const {
    cleared: _cleared,
    extents: _extents,
    inherited: _inherited,
    ...details
  } = lastOf(layers);
  const vmas = [...layoutAt(rounds, number)];
  return { ...details, kind: 'full', vmas, unknownFields: newest(layers) };
}

function describeSegment(rounds: readonly RoundMeta[], number: number): SegmentDetails {
  const { layers } = layersAt(rounds, (meta) => segmentOf(meta, number), rounds.length - 1);
  const { cleared: _cleared, extents: _extents, ...details } = lastOf(layers);
  return { ...details, kind: 'full', unknownFields: newest(layers) };
}

function lastOf<T extends Layer>(layers: readonly T[]): T {
  const last = layers.at(-1);
  if (!last) throw new RangeError('no layer to squash');
  return last;
}

function newest(records: readonly { unknownFields: Fields }[]): Fields {
  const fields: Fields = {};
  for (const { unknownFields } of records) Object.assign(fields, unknownFields);
  return fields;
}
