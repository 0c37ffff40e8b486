import { ExtentTable } from './extent-table.js';
import type { LayerWriter, MemberWriter, StoredCounts } from './layer-writer.js';
import type { RoundDetails, RoundMeta } from './round-meta.js';

/** What was written, by number. */
export interface WrittenLayers {
  members: ReadonlyMap<number, MemberWriter>;
  segments: ReadonlyMap<number, LayerWriter>;
}

type Head = Pick<RoundMeta, 'number' | 'id' | 'parent' | 'imagesId'>;

/**
 * A round's metadata: what was written, and what its taker says of it. A member that nothing was
 * written for has no pages in the round.
 * @param last the round before
 * @throws TypeError for pages of a member or segment that `details` do not name
 */
export function buildRoundMeta(
  head: Head,
  details: RoundDetails,
  written: WrittenLayers,
  { nrPages, nrZeroPages, nrRefPages, bytes }: StoredCounts & { bytes: number },
  last: RoundMeta | undefined,
): RoundMeta {
  const { time, isFrozen, stats, unknownFields = {} } = details;
  const members = buildMembers(details, written);
  const segments = buildSegments(details, written);
  const nextMember = Math.max(0, ...members.map(({ member }) => member + 1));
  const nextSegment = Math.max(0, ...segments.map(({ segment }) => segment + 1));
  return {
    ...head,
    time: time ?? new Date().toISOString(),
    isFrozen,
    stats: { ...stats, pages: nrPages, zeroPages: nrZeroPages, refPages: nrRefPages, bytes },
    members,
    segments,
    nextMember: Math.max(nextMember, details.nextMember ?? 0, last?.nextMember ?? 0),
    nextSegment: Math.max(nextSegment, details.nextSegment ?? 0, last?.nextSegment ?? 0),
    pagesBytes: bytes,
    unknownFields,
  };
}

function buildMembers(details: RoundDetails, written: WrittenLayers): RoundMeta['members'] {
  const named = details.members.map(({ member }) => member);
  assertNamed('member', written.members, named);
  return details.members
    .map(({ unknownFields = {}, ...member }) => ({
      ...member,
      ...(written.members.get(member.member)?.build() ?? emptyMember()),
      unknownFields,
    }))
    .sort((a, b) => a.member - b.member);
}

function buildSegments(
  { segments = [] }: RoundDetails,
  written: WrittenLayers,
): RoundMeta['segments'] {
  const named = segments.map(({ segment }) => segment);
  assertNamed('segment', written.segments, named);
  return segments
    .map(({ unknownFields = {}, ...segment }) => ({
      ...segment,
      ...(written.segments.get(segment.segment)?.build() ?? emptyLayer()),
      unknownFields,
    }))
    .sort((a, b) => a.segment - b.segment);
}

function assertNamed(
  noun: string,
  written: ReadonlyMap<number, unknown>,
  named: readonly number[],
): void {
  const known = new Set(named);
  const other = [...written.keys()].find((number) => !known.has(number));
  if (other === undefined) return;
  throw new TypeError(`the round has pages of ${noun} ${other}, which it does not name`);
}

function emptyLayer() {
  return { cleared: new Float64Array(0), extents: new ExtentTable(new Uint8Array(0)) };
}

function emptyMember() {
  return { ...emptyLayer(), inherited: new Float64Array(0) };
}
