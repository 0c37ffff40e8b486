import { ImageError } from '../../errors.js';
import { ImageDirectory } from '../../image/image-directory.js';
import { type PageSharing, pageSharing } from '../../image/page-sharing.js';
import { memberOf, type RoundMeta } from '../../image/round-meta.js';
import { layoutAt } from '../../image/rounds-of.js';
import { imageRoundColumns, pageColumns, vmaColumns } from '../../report/image-tables.js';
import { pageRanges } from '../../report/page-ranges.js';
import { formatSharing } from '../../report/sharing-tables.js';
import { formatTable } from '../../report/table.js';
import type { Outcome } from '../command.js';
import type { Output } from '../output.js';
import { describeImages, describeRound, formatImages } from './describe-images.js';

/** What of the images to show. */
export interface ShowOptions {
  vma: boolean;
  pages: boolean;
  sharing: boolean;
  round: number | undefined;
  /** whose mappings and pages; the first one's if absent */
  member: number | undefined;
}

/**
 * Shows an images directory: its rounds, or their mappings and pages, or who shares them.
 * @throws ImageError what `ImageDirectory.open` throws, `IMAGES_ROUND_MISSING`, `IMAGES_NO_MEMBER`
 */
export async function showImages(
  path: string,
  options: ShowOptions,
  output: Output,
): Promise<Outcome> {
  await using directory = await ImageDirectory.open(path);
  const chosen = chooseRounds(directory, options.round);
  output.print(formatImages(directory));
  const isDetailed = options.vma || options.pages || options.sharing;
  if (!isDetailed) output.print(formatTable(imageRoundColumns, chosen));
  const member = chooseMember(directory, chosen, options.member);
  const vmas = options.vma ? { vmas: showVmas(directory, chosen, member, output) } : {};
  const pages = options.pages ? { pages: showPages(chosen, member, output) } : {};
  const sharing = options.sharing ? { sharing: showSharing(directory, chosen, output) } : {};
  const rounds = chosen.map(describeRound);
  return { document: { ...describeImages(directory), rounds, ...vmas, ...pages, ...sharing } };
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

/** The member that lives in the last of the rounds, or in any of them if it is named. */
function chooseMember(
  { path }: ImageDirectory,
  chosen: readonly RoundMeta[],
  member?: number,
): number {
  const first = chosen.at(-1)?.members[0]?.member ?? 0;
  if (member === undefined || chosen.some((meta) => memberOf(meta, member))) return member ?? first;
  throw new ImageError(
    'IMAGES_NO_MEMBER',
    `${path} has no member ${member} in that round: see the members with tracker show --json`,
    { facts: { directory: path, member } },
  );
}

function showVmas(
  { rounds }: ImageDirectory,
  chosen: readonly RoundMeta[],
  member: number,
  output: Output,
): readonly object[] {
  const last = chosen.findLast((meta) => memberOf(meta, member));
  const vmas = last ? layoutAt(rounds, member, last.number) : [];
  output.print(formatTable(vmaColumns, vmas));
  return vmas;
}

function showPages(chosen: readonly RoundMeta[], member: number, output: Output): object[] {
  const pages = chosen.flatMap((meta) => {
    const record = memberOf(meta, member);
    return record ? [{ round: meta.number, ranges: pageRanges(record) }] : [];
  });
  if (!output.isJson) {
    const rows = pages.flatMap(({ round, ranges }) => ranges.map((range) => ({ round, ...range })));
    output.print(formatTable(pageColumns, rows));
  }
  return pages;
}

function showSharing(
  { rounds }: ImageDirectory,
  chosen: readonly RoundMeta[],
  output: Output,
): PageSharing | null {
  const last = chosen.at(-1);
  if (!last) return null;
  const sharing = pageSharing(rounds, last.number);
  output.print(formatSharing(sharing));
  return sharing;
}
