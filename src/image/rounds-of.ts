import type { Layer } from './layer.js';
import { memberOf, type RoundMeta } from './round-meta.js';
import type { VmaRecord } from './vma-record.js';

/** The VMAs of a member in a round: its own list, or that of the last round before that has one. */
export function layoutAt(
  rounds: readonly RoundMeta[],
  member: number,
  round = rounds.length - 1,
): readonly VmaRecord[] {
  for (let i = round; i >= 0; i--) {
    const meta = rounds[i];
    const record = meta && memberOf(meta, member);
    if (!record) break;
    if (record.vmas) return record.vmas;
  }
  return [];
}

/**
 * The layers that count for a member or segment in a round: from its last full one on, oldest first.
 * @returns the number of the first one's round besides; no layers if there are none in `round`
 */
export function layersAt<T extends Layer>(
  rounds: readonly RoundMeta[],
  layerOf: (meta: RoundMeta) => T | undefined,
  round: number,
): { first: number; layers: T[] } {
  const layers: T[] = [];
  for (let i = round; i >= 0; i--) {
    const meta = rounds[i];
    const layer = meta && layerOf(meta);
    if (!layer) break;
    layers.push(layer);
    if (layer.kind === 'full') break;
  }
  return { first: round - layers.length + 1, layers: layers.reverse() };
}
