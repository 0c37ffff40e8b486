import { ImageError } from '../../errors.js';
import { ImageDirectory } from '../../image/image-directory.js';
import { layoutAt } from '../../image/resolve-chain.js';
import type { RoundMeta } from '../../image/round-meta.js';
import { imageRoundColumns, pageColumns, vmaColumns } from '../../report/image-tables.js';
import { pageRanges } from '../../report/page-ranges.js';
import { formatTable } from '../../report/table.js';
import type { Outcome } from '../command.js';
import type { Output } from '../output.js';
import { describeImages, describeRound, formatImages } from './describe-images.js';

/** What of the images to show. */
export interface ShowOptions {
  vma: boolean;
  pages: boolean;
  round: number | undefined;
}

/**
 * Shows an images directory: its rounds, or their mappings and pages.
 * @throws ImageError what `ImageDirectory.open` throws, `IMAGES_ROUND_MISSING`
 */
export async function showImages(
  path: string,
  options: ShowOptions,
  output: Output,
): Promise<Outcome> {
  await using directory = await ImageDirectory.open(path);
  const chosen = chooseRounds(directory, options.round);
  output.print(formatImages(directory));
  if (!options.vma && !options.pages) output.print(formatTable(imageRoundColumns, chosen));
  const vmas = options.vma ? { vmas: showVmas(directory, chosen, output) } : {};
  const pages = options.pages ? { pages: showPages(chosen, output) } : {};
  const rounds = chosen.map(describeRound);
  return { document: { ...describeImages(directory), rounds, ...vmas, ...pages } };
}

function chooseRounds({ path, rounds }: ImageDirectory, number?: number): readonly RoundMeta[] {
  if (number === undefined) return rounds;
  const round = rounds[number];
  if (round) return [round];
  throw new ImageError(
    'IMAGES_ROUND_MISSING',
    `${path} has no round ${number}, its last round is ${rounds.at(-1)?.number ?? 'none'}`,
    { facts: { directory: path, round: number } },
  );
}

function showVmas(
  { rounds }: ImageDirectory,
  chosen: readonly RoundMeta[],
  output: Output,
): readonly object[] {
  const last = chosen.at(-1);
  const vmas = last ? layoutAt(rounds, last.number) : [];
  output.print(formatTable(vmaColumns, vmas));
  return vmas;
}

function showPages(chosen: readonly RoundMeta[], output: Output): object[] {
  const pages = chosen.map((meta) => ({ round: meta.number, ranges: pageRanges(meta) }));
  if (!output.isJson) {
    const rows = pages.flatMap(({ round, ranges }) => ranges.map((range) => ({ round, ...range })));
    output.print(formatTable(pageColumns, rows));
  }
  return pages;
}
