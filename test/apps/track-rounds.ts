import { expect } from 'chai';
import type { RoundReport } from '../../src/index.js';
import { type Column, formatHeader, formatRow } from '../../src/report/table.js';
import { formatDuration } from '../../src/report/units.js';
import { Tracker } from '../../src/tracker.js';
import { newImagesPath } from '../support/vm.js';

export const nrRounds = 20;
export const intervalMs = 300;

/** What rounds of a process and of a tree have in common. */
type AnyRound = Pick<RoundReport, 'round' | 'dirtyPages' | 'pages' | 'durationMs' | 'freezeMs'>;

export const roundColumn: Column<AnyRound> = {
  title: 'round',
  value: ({ round }) => `${round}`,
};
export const pagesColumns: Column<AnyRound>[] = [
  { title: 'dirty pages', value: ({ dirtyPages }) => `${dirtyPages}` },
  { title: 'pages', value: ({ pages }) => `${pages}`, width: 7 },
];
export const timeColumns: Column<AnyRound>[] = [
  { title: 'time', value: ({ durationMs }) => formatDuration(durationMs), width: 8 },
  { title: 'freeze', value: ({ freezeMs }) => formatDuration(freezeMs), width: 8 },
];

const columns = [roundColumn, ...pagesColumns, ...timeColumns];

/**
 * Tracks a program through 20 rounds and a verified stop, and prints a table of them as they come.
 * @param onRound called after each round, e.g. to make the program fork
 */
export async function trackRounds(
  pid: number,
  onRound: (round: number) => void | Promise<void> = () => undefined,
): Promise<RoundReport[]> {
  const images = newImagesPath();
  const { tracker, round: first } = await Tracker.start({
    ...{ pid, images },
    allowExternalSharing: true,
  });
  const rounds: RoundReport[] = [];
  const show = (round: RoundReport) => {
    rounds.push(round);
    console.log(formatRow(columns, round));
  };
  console.log(formatHeader(columns));
  show(first);
  for await (const round of tracker.rounds({ count: nrRounds, intervalMs })) {
    show(round);
    await onRound(round.round);
  }
  const { final, verify } = await tracker.stop({ verify: true });
  show(final);
  console.log(`verify: ${JSON.stringify(verify)}`);
  expect(verify).to.deep.include({ lostWrites: 0, unreadable: 0 });
  expect(verify?.pages).to.be.greaterThan(1000);
  return rounds;
}
