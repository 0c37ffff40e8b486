import type { VmaRecord } from '../../image/index.js';
import type { OpenFileRecord } from '../../process/file-record.js';
import { handedIn } from '../plan/files/inherited-file.js';
import { type InheritedFiles, type PlannedFiles, planFiles } from '../plan/files/plan-files.js';
import type { RestoreInput } from '../plan/input.js';
import { notRestorable } from './tree-error.js';
import { inputOf, pidOf, type TreeInput, type TreeMember } from './tree-input.js';

/** Open files that are made before anything is forked. */
export interface CommonFiles {
  /** of the root, at numbers that no member uses */
  planned: PlannedFiles;
  /** what each member gets by fork */
  got: ReadonlyMap<TreeMember, InheritedFiles>;
  /** their numbers are from here on, and no member uses any */
  first: number;
  /** a number above all of them */
  above: number;
  /** our own descriptors that the root has to begin with */
  keptFds: number[];
}

/** Kinds of which several members can have one open file. */
const sharable = new Set<OpenFileRecord['kind']>([
  ...(['regular', 'directory', 'device', 'kernel', 'inherited', 'pipe', 'fifo'] as const),
  ...(['eventfd', 'timerfd', 'signalfd', 'memfd', 'unix-socket', 'inet-socket'] as const),
]);

/** An open file, whoever has it. */
interface CommonFile {
  record: OpenFileRecord;
  fds: readonly number[];
  owner: TreeMember;
  number: number;
}

/**
 * What several members have is made once, by the root, from the record of the first one that has it:
 * the very same open file, and the ends of one pipe, FIFO or pair of sockets. What is handed in, and
 * memory that is open and mapped, is only there at the beginning.
 * @throws ImageError `TREE_NOT_RESTORABLE`, `FD_NOT_INHERITED`
 */
export function planCommonFiles(tree: TreeInput): CommonFiles {
  const { members } = tree;
  const first = firstFreeNumber(tree);
  const isCommon = commonRule(members);
  const files: CommonFile[] = [];
  const shared = new Map<number, CommonFile>();
  const got = new Map<TreeMember, InheritedFiles>();
  for (const member of members) {
    const numbers = new Map<number, number>();
    const own = new Set<number>();
    const descriptors = descriptorsByFile(member);
    for (const record of member.process.files.open) {
      if (!isCommon(record)) continue;
      let file = record.shared === undefined ? undefined : shared.get(record.shared);
      if (!file) {
        const fds = descriptors.get(record.id) ?? [];
        checkSharable(record, fds, member, tree.inherited);
        file = { record, fds, owner: member, number: first + files.length };
        files.push(file);
        if (record.shared !== undefined) shared.set(record.shared, file);
        own.add(record.id);
      }
      numbers.set(record.id, file.number);
    }
    got.set(member, { numbers, own, above: 0 });
  }
  const above = first + files.length;
  for (const each of got.values()) each.above = above;
  const input = inputOfFiles(tree, files);
  return {
    planned: planFiles(input),
    got,
    first,
    above,
    keptFds: [...new Set(input.inherited.values())],
  };
}

/** Above all numbers that a member has, or that are handed in. */
function firstFreeNumber({ members, inherited }: TreeInput): number {
  let largest = 2;
  for (const { process } of members)
    for (const { fd } of process.files.descriptors) largest = Math.max(largest, fd);
  for (const fd of inherited.values()) largest = Math.max(largest, fd);
  return largest + 1;
}

function descriptorsByFile({ process }: TreeMember): Map<number, number[]> {
  const byFile = new Map<number, number[]>();
  for (const { fd, file } of process.files.descriptors) {
    const fds = byFile.get(file);
    if (fds) fds.push(fd);
    else byFile.set(file, [fd]);
  }
  return byFile;
}

function commonRule(members: readonly TreeMember[]): (file: OpenFileRecord) => boolean {
  const holders = new Map<string, TreeMember>();
  const common = new Set<string>();
  for (const member of members)
    for (const file of member.process.files.open) {
      const object = objectOf(file);
      if (object === undefined) continue;
      const holder = holders.get(object) ?? member;
      holders.set(object, holder);
      if (holder !== member || file.shared !== undefined) common.add(object);
    }
  return (file) =>
    file.shared !== undefined ||
    file.kind === 'inherited' ||
    file.kind === 'memfd' ||
    common.has(objectOf(file) ?? '');
}

/** What several open files can be of. */
function objectOf(file: OpenFileRecord): string | undefined {
  switch (file.kind) {
    case 'pipe':
      return `pipe ${file.pipe}`;
    case 'fifo':
      return `FIFO ${file.path}`;
    case 'pty-master':
    case 'pty-slave':
      return `pty ${file.index}`;
    case 'unix-socket': {
      const { socket, peer } = file;
      return peer ? `sockets ${Math.min(socket, peer)} ${Math.max(socket, peer)}` : undefined;
    }
    default:
      return undefined;
  }
}

function checkSharable(
  record: OpenFileRecord,
  fds: readonly number[],
  member: TreeMember,
  inherited: RestoreInput['inherited'],
): void {
  if (record.kind === 'inherited') handedIn(record.what, fds, inherited);
  const isHandedIn = record.kind === 'terminal' && fds.some((fd) => inherited.has(fd));
  if (sharable.has(record.kind) || isHandedIn) return;
  const pid = pidOf(member);
  throw notRestorable(pid, `fd ${fds.join(', ')}, ${record.kind}, is shared with another process`);
}

/** A process that has the common files alone, each at its number. */
function inputOfFiles(tree: TreeInput, files: readonly CommonFile[]): RestoreInput {
  const [root] = tree.members;
  if (!root) throw new RangeError('a tree without members');
  const inherited = new Map<number, number>();
  const open = files.map(({ record, fds, number }): OpenFileRecord => {
    const { shared: _shared, locks: _locks, owner: _owner, ...file } = record;
    const fd = fds.find((each) => tree.inherited.has(each));
    const isTaken = file.kind === 'inherited' || file.kind === 'terminal';
    if (fd !== undefined && isTaken) inherited.set(number, tree.inherited.get(fd) ?? fd);
    return { ...file, id: number };
  });
  const descriptors = files.map(({ number }) => ({ fd: number, file: number, closeOnExec: false }));
  return {
    ...inputOf(tree, root),
    process: { ...root.process, files: { open, descriptors } },
    vmas: memoryFiles(tree),
    inherited,
  };
}

/** Mappings of memfds, one of each. */
function memoryFiles({ members }: TreeInput): VmaRecord[] {
  const found = new Map<number, VmaRecord>();
  for (const { vmas } of members)
    for (const vma of vmas)
      if (vma.kind === 'anon-shared' && vma.path.startsWith('/memfd:') && !found.has(vma.inode))
        found.set(vma.inode, vma);
  return [...found.values()];
}
