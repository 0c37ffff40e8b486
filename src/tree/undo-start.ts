import { TargetError } from '../errors.js';
import type { ImageDirectory } from '../image/index.js';
import { FrozenMembers } from './frozen-members.js';
import type { Members } from './members.js';

/**
 * Puts the memory of all members back whose round 0 has failed.
 * @throws TargetError `STILL_TRACKED` where that fails; a member that is gone needs nothing
 */
export async function undoStart(
  members: Members,
  images: ImageDirectory,
  reason: unknown,
): Promise<void> {
  const failed: { pid: number; cause: unknown }[] = [];
  using frozen = new FrozenMembers();
  for (const member of members.all) {
    try {
      if (member.context.session.status().nrRegions === 0) continue;
      await frozen.hold(member);
      await member.context.session.revert(frozen.of(member));
    } catch (cause) {
      if (!(await member.isGone())) failed.push({ pid: member.pid, cause });
    }
  }
  const [first] = failed;
  if (!first) return;
  await images.close();
  const pids = failed.map(({ pid }) => pid).join(', ');
  throw new TargetError(
    'STILL_TRACKED',
    `${messageOf(reason)}; and the memory of pid ${pids} could not be put back ` +
      `(${messageOf(first.cause)}): it stays tracked and intact, end it with tracker stop ` +
      `--images ${images.path}`,
    { cause: reason, facts: { pids, images: images.path } },
  );
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
