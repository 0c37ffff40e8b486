import type { ImageDirectory } from '../../image/image-directory.js';
import type { RoundMeta } from '../../image/round-meta.js';
import { printable } from '../../report/printable.js';
import { formatBytes, formatCount } from '../../report/units.js';

/** An images directory, for `--json`. */
export function describeImages({ path, manifest }: ImageDirectory): object {
  const { id, created, target } = manifest;
  return { directory: path, id, created, target };
}

/** A round, for `--json`. */
export function describeRound({ extents, vmas, ...meta }: RoundMeta): object {
  const { cleared: _cleared, unknownFields: _unknown, pagesBytes, ...fields } = meta;
  return { ...fields, bytes: pagesBytes, nrExtents: extents.length, nrVmas: vmas?.length ?? null };
}

/** An images directory in one line. */
export function formatImages({ path, manifest, rounds }: ImageDirectory): string {
  const { pid, comm } = manifest.target;
  const bytes = rounds.reduce((sum, { pagesBytes }) => sum + pagesBytes, 0);
  const size = `${formatCount(rounds.length, 'round')}, ${formatBytes(bytes)}`;
  return `${printable(path)}: ${printable(comm)}, pid ${pid}; ${size}`;
}
