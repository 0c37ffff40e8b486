import type { ImageDirectory } from '../../image/image-directory.js';
import type { MemberRecord } from '../../image/member-record.js';
import type { RoundMeta } from '../../image/round-meta.js';
import type { SegmentRecord } from '../../image/segment-record.js';
import { printable } from '../../report/printable.js';
import { kindOf, nrExtentsOf, nrVmasOf } from '../../report/round-summary.js';
import { formatBytes, formatCount } from '../../report/units.js';

/** An images directory, for `--json`. */
export function describeImages({ path, manifest }: ImageDirectory): object {
  const { id, created, target } = manifest;
  return { directory: path, id, created, target };
}

/** A round, for `--json`; session, epoch and target are those of the first member. */
export function describeRound(meta: RoundMeta): object {
  const { number, id, parent, imagesId, time, isFrozen, stats, pagesBytes } = meta;
  const [first] = meta.members;
  return {
    number,
    id,
    parent,
    imagesId,
    kind: kindOf(meta),
    sessionId: first?.sessionId ?? null,
    epoch: first?.epoch ?? 0,
    time,
    target: first?.target,
    isFrozen,
    stats,
    bytes: pagesBytes,
    nrExtents: nrExtentsOf(meta),
    nrVmas: nrVmasOf(meta),
    members: meta.members.map(describeMember),
    segments: meta.segments.map(describeSegment),
  };
}

function describeMember(record: MemberRecord): object {
  const { member, target, parent, parentPid, kind, sessionId, epoch, vmas, extents } = record;
  const head = { member, target, parent, parentPid, kind, sessionId, epoch };
  return { ...head, nrExtents: extents.length, nrVmas: vmas?.length ?? null };
}

function describeSegment(record: SegmentRecord): object {
  const { segment, dev, inode, path, nrPages, kind, extents } = record;
  return { segment, dev, inode, path, nrPages, kind, nrExtents: extents.length };
}

/** An images directory in one line. */
export function formatImages({ path, manifest, rounds, last }: ImageDirectory): string {
  const { pid, comm } = manifest.target;
  const bytes = rounds.reduce((sum, { pagesBytes }) => sum + pagesBytes, 0);
  const size = `${formatCount(rounds.length, 'round')}, ${formatBytes(bytes)}`;
  const nrMembers = last?.members.length ?? 1;
  const tree = nrMembers > 1 ? `, tree of ${nrMembers} processes` : '';
  return `${printable(path)}: ${printable(comm)}, pid ${pid}${tree}; ${size}`;
}
