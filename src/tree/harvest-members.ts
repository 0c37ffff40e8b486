import { harvestsOf, type Outcome } from '../kernel/session-batch.js';
import type { Harvest } from '../native.js';
import { mappersOf, type MemberRound } from './member-round.js';
import type { Segments } from './segments.js';

/**
 * Harvests members, in one go. What was written to a segment is in the log of everybody who maps
 * it: the harvest of one of them reports it, which has to be taken after the others.
 * @returns of each; those that have succeeded are in the rounds, too
 */
export async function harvestMembers(
  rounds: readonly MemberRound[],
  segments: Segments,
): Promise<Map<MemberRound, Outcome<Harvest>>> {
  const harvesters = segments.harvesters(mappersOf(rounds));
  for (const round of rounds) round.isHarvester = harvesters.has(round.member.number);
  const order = [...rounds].sort((a, b) => Number(a.isHarvester) - Number(b.isHarvester));
  const outcomes = await harvestsOf(
    order.map(({ member: { context }, isHarvester }) => ({
      session: context.session,
      isPrivate: !isHarvester,
    })),
  );
  const byRound = new Map<MemberRound, Outcome<Harvest>>();
  for (const [i, round] of order.entries()) {
    const outcome = outcomes[i];
    if (!outcome) continue;
    byRound.set(round, outcome);
    const harvest = ifAny(outcome);
    if (harvest) round.harvest = harvest;
  }
  return byRound;
}

function ifAny<T>(outcome: Outcome<T>): T | undefined {
  try {
    return outcome();
  } catch {
    return undefined;
  }
}
