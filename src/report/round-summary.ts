import type { RoundMeta } from '../image/round-meta.js';

/** `full` where it is full for everybody: no older round counts. */
export function kindOf({ members }: RoundMeta): 'full' | 'delta' {
  return members.every(({ kind }) => kind === 'full') ? 'full' : 'delta';
}

/** Extents of all members and segments. */
export function nrExtentsOf({ members, segments }: RoundMeta): number {
  return [...members, ...segments].reduce((sum, { extents }) => sum + extents.length, 0);
}

/** Mappings in the layouts that a round has; null where they are all those of the round before. */
export function nrVmasOf({ members }: RoundMeta): number | null {
  if (members.every(({ vmas }) => !vmas)) return null;
  return members.reduce((sum, { vmas }) => sum + (vmas?.length ?? 0), 0);
}
