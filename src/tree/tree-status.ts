import { ImageDirectory, type MemberRecord, type RoundMeta } from '../image/index.js';
import type { Device } from '../kernel/device.js';
import type { SessionStatus } from '../native.js';
import { readStat } from '../proc/stat.js';
import { Candidates } from './candidates.js';
import { isSameProcess } from './members.js';
import { decodeSelection, type Selection } from './selection.js';
import { isGoneError } from './tree-member.js';

/** A process of a tree as it is now. */
export interface MemberStatus {
  /** number in the images; null of one that is in no round yet */
  member: number | null;
  pid: number;
  comm: string;
  /** of the member whose child it is, or null */
  parent: number | null;
  /** `new`: it joins in the next round; `untracked`: it lives, without the memory of then */
  state: 'tracked' | 'ended' | 'untracked' | 'new';
  /** its first round, and when that was taken */
  firstRound: number | null;
  since: string | null;
  /** null where it is not tracked */
  session: Omit<SessionStatus, 'after'> | null;
}

/** A tree as its images and the module know it. */
export interface TreeStatus {
  images: string;
  created: string;
  /** null for images of a process alone */
  selection: Selection | null;
  /** rounds that the images have */
  nrRounds: number;
  members: MemberStatus[];
}

/** What the module says of a process. */
type AskDevice = Pick<Device, 'status'>;

/**
 * Tells who is in a tree: the members of the last round, whatever has become of them, and processes
 * that have come since. An orphan that nobody has seen is found by the next round.
 * @throws ImageError as `ImageDirectory.open`
 */
export async function treeStatus(directory: string, device: AskDevice): Promise<TreeStatus> {
  await using images = await ImageDirectory.open(directory);
  const { manifest, rounds, last, path } = images;
  const selection = decodeSelection(manifest.unknownFields) ?? null;
  const firstRounds = firstRoundsOf(rounds);
  const records = last?.members ?? [];
  const members = records.map((record) => statusOf(record, firstRounds.get(record.member), device));
  // After a stop there is no next round.
  const goesOn = !last?.isFrozen || members.some(({ state }) => state === 'tracked');
  const isOpen = selection !== null && goesOn;
  return {
    images: path,
    created: manifest.created,
    selection,
    nrRounds: rounds.length,
    members: [...members, ...(isOpen ? newcomersOf(selection, records, device) : [])],
  };
}

/** By member. */
function firstRoundsOf(rounds: readonly RoundMeta[]): Map<number, RoundMeta> {
  const first = new Map<number, RoundMeta>();
  for (const meta of rounds)
    for (const { member } of meta.members) if (!first.has(member)) first.set(member, meta);
  return first;
}

function statusOf(
  { member, target, parent, sessionId }: MemberRecord,
  first: RoundMeta | undefined,
  device: AskDevice,
): MemberStatus {
  const { pid, comm } = target;
  const isAlive = isSameProcess(target);
  const session = isAlive ? sessionOf(pid, device) : null;
  const isTracked = session?.id === sessionId;
  return {
    member,
    pid,
    comm,
    parent,
    state: isTracked ? 'tracked' : isAlive ? 'untracked' : 'ended',
    firstRound: first?.number ?? null,
    since: first?.time ?? null,
    session: isTracked ? session : null,
  };
}

/** Processes that the next round would find. */
function newcomersOf(
  selection: Selection,
  records: readonly MemberRecord[],
  device: AskDevice,
): MemberStatus[] {
  const living = records.map(({ target }) => target).filter(isSameProcess);
  const seen = new Map(living.map(({ pid, startTime }) => [pid, startTime]));
  return new Candidates(selection)
    .find(seen, false)
    .candidates.filter(({ pid, isOrphan }) => !isOrphan && pid !== process.pid)
    .flatMap(({ pid }) => {
      const comm = nameOf(pid);
      if (comm === undefined) return [];
      const place = { member: null, parent: null, firstRound: null, since: null };
      return [{ ...place, pid, comm, state: 'new' as const, session: sessionOf(pid, device) }];
    });
}

function sessionOf(pid: number, device: AskDevice): MemberStatus['session'] {
  try {
    const status = device.status(pid);
    if (!status) return null;
    const { after: _cursor, ...session } = status;
    return session;
  } catch (error) {
    // It is exiting.
    if (isGoneError(error)) return null;
    throw error;
  }
}

function nameOf(pid: number): string | undefined {
  try {
    return readStat(pid).comm;
  } catch {
    return undefined;
  }
}
