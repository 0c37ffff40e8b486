import { ImageDirectory } from '../../image/image-directory.js';
import type { RoundMeta } from '../../image/round-meta.js';
import { imageRoundColumns } from '../../report/image-tables.js';
import { formatHeader, formatRow } from '../../report/table.js';
import type { Context, Outcome } from '../command.js';
import { describeImages, describeRound, formatImages } from './describe-images.js';
import { watchRounds } from './watch-rounds.js';

/**
 * Shows the rounds of an images directory and those that are added to it, until it is aborted.
 * @throws ImageError what `ImageDirectory.open` throws
 */
export async function showNewRounds(path: string, { output, signal }: Context): Promise<Outcome> {
  const shown: RoundMeta[] = [];
  let images = {};
  try {
    for await (const directory of openAgain(path, signal)) {
      if (shown.length === 0) {
        images = describeImages(directory);
        output.print(formatImages(directory));
        output.print(formatHeader(imageRoundColumns));
      }
      for (const round of directory.rounds.slice(shown.length)) {
        output.print(formatRow(imageRoundColumns, round));
        shown.push(round);
      }
    }
    return { document: { ...images, rounds: shown.map(describeRound) } };
  } catch (error) {
    return { document: { ...images, rounds: shown.map(describeRound) }, error };
  }
}

/** The directory at first, and whenever a round may have been added. */
async function* openAgain(path: string, signal: AbortSignal): AsyncGenerator<ImageDirectory> {
  // A path that holds no images is an error at once, not something to wait for.
  await (await ImageDirectory.open(path)).close();
  for await (const _ of watchRounds(path, signal)) {
    await using directory = await ImageDirectory.open(path);
    yield directory;
  }
}
