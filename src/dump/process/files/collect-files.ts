import { native } from '../../../native.js';
import type {
  DescriptorRecord,
  FilesRecord,
  OpenFileRecord,
} from '../../../process/file-record.js';
import { locksOf, refusedLocks } from './file-locks.js';
import { ownerOf, refusedOwner } from './file-owner.js';
import type { FileContext } from './file-handler.js';
import { handlerOf } from './file-table.js';
import { nameOf, type OpenDescriptor } from './open-descriptor.js';
import { ownTerminalOf } from './ptys.js';
import { outerTerminalOf } from './terminals.js';

const kcmpFile = 0;

/** What cannot be dumped: `fd 7 of pid 12: socket:[1234]`, each. Looks at procfs only. */
export function refusedFiles(context: FileContext): string[] {
  return context.descriptors.flatMap((descriptor) => {
    const { refusal, isOutside = false } = handlerOf(descriptor, context);
    const reason =
      refusal?.(descriptor, context) ??
      (isOutside ? undefined : (refusedLocks(descriptor) ?? refusedOwner(descriptor)));
    return reason === undefined ? [] : [`${nameOf(descriptor)}: ${reason}`];
  });
}

/** The open files of a process that stands. */
export function collectFiles(context: FileContext): FilesRecord {
  const open: OpenFileRecord[] = [];
  const descriptors: DescriptorRecord[] = [];
  const known = new KnownFiles();
  for (const descriptor of context.descriptors) {
    const { fd, closeOnExec, flags } = descriptor;
    const { id, isNew } = known.idOf(descriptor);
    if (isNew) {
      const { collect, isOutside = false } = handlerOf(descriptor, context);
      const details = collect(descriptor, context);
      open.push({ id, flags, ...details, ...(isOutside ? {} : attributesOf(descriptor)) });
    }
    descriptors.push({ fd, file: id, closeOnExec });
  }
  const [{ pid } = { pid: 0 }] = context.descriptors;
  const ownTerminal = pid === 0 ? undefined : ownTerminalOf(pid, context);
  const outerTerminal = outerTerminalOf(context);
  return {
    open,
    descriptors,
    ...(ownTerminal === undefined ? {} : { ownTerminal }),
    ...(outerTerminal ? { outerTerminal } : {}),
  };
}

/** What any open file may have; the kernel shows it at each of its descriptors. */
function attributesOf(descriptor: OpenDescriptor): Pick<OpenFileRecord, 'locks' | 'owner'> {
  const locks = locksOf(descriptor);
  const owner = ownerOf(descriptor);
  return { ...(locks.length > 0 ? { locks } : {}), ...(owner ? { owner } : {}) };
}

/** Tells which descriptors share one open file, by the kernel's word. */
class KnownFiles {
  /** by what descriptors of one open file have in common: one of each, sorted as the kernel does */
  readonly #groups = new Map<string, { descriptor: OpenDescriptor; id: number }[]>();
  #next = 0;

  idOf(descriptor: OpenDescriptor): { id: number; isNew: boolean } {
    const { link, flags, offset } = descriptor;
    const key = `${flags} ${offset} ${link}`;
    const group = this.#groups.get(key) ?? [];
    this.#groups.set(key, group);
    let low = 0;
    let high = group.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const other = group[middle];
      const order = other ? compare(descriptor, other.descriptor) : 0;
      if (other && order === 0) return { id: other.id, isNew: false };
      if (order === 2) low = middle + 1;
      else high = middle;
    }
    const id = this.#next++;
    group.splice(low, 0, { descriptor, id });
    return { id, isNew: true };
  }
}

/** 0: one open file; 1: less; 2: greater */
function compare(a: OpenDescriptor, b: OpenDescriptor): number {
  return native.kcmp(a.pid, b.pid, kcmpFile, a.fd, b.fd);
}
