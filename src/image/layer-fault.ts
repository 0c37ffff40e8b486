import { EXTENT_REF } from './extent-table.js';
import type { Layer } from './layer.js';
import { PAGE_SIZE } from './page.js';
import type { RoundMeta } from './round-meta.js';
import { StoredExtents } from './stored-extents.js';

/**
 * What is wrong with a layer of round `meta`, or nothing.
 * @param layerBefore the same member's or segment's in the round before
 * @param before the rounds before
 */
export function findLayerFault(
  { kind, cleared, extents }: Layer,
  layerBefore: Layer | undefined,
  meta: RoundMeta,
  before: readonly RoundMeta[],
): string | undefined {
  if (kind === 'delta' && !layerBefore) return 'begins with a delta';
  for (let i = 0; i < cleared.length; i += 2) {
    if ((cleared[i] ?? 0) >= (cleared[i + 1] ?? 0)) return `cleared range ${i / 2} is empty`;
  }
  const nrFilePages = meta.pagesBytes / PAGE_SIZE;
  return (
    extents.findFault({ round: meta.number, nrFilePages }) ?? findRefFault(extents, meta, before)
  );
}

/** A ref to pages that no extent stores. */
function findRefFault(
  extents: Layer['extents'],
  meta: RoundMeta,
  before: readonly RoundMeta[],
): string | undefined {
  for (let i = 0; i < extents.length; i++) {
    if (extents.flags(i) !== EXTENT_REF) continue;
    const number = extents.round(i);
    const round = number === meta.number ? meta : before[number];
    if (round && StoredExtents.of(round).covers(extents.filePage(i), extents.nrPages(i))) continue;
    return `extent ${i} refers to pages that round ${number} does not store`;
  }
  return undefined;
}
