import type {
  DescriptorRecord,
  FilesRecord,
  OpenFileRecord,
} from '../../../process/file-record.js';
import { locksOf, refusedLocks } from './file-locks.js';
import { ownerOf, refusedOwner } from './file-owner.js';
import type { FileContext } from './file-handler.js';
import { handlerOf } from './file-table.js';
import { Holders } from './holders.js';
import { KnownFiles } from './known-files.js';
import { nameOf, type OpenDescriptor } from './open-descriptor.js';
import { ownTerminalOf } from './ptys.js';
import { outerTerminalOf } from './terminals.js';

/** What cannot be dumped: `fd 7 of pid 12: socket:[1234]`, each. Looks at procfs only. */
export function refusedFiles(fileContext: FileContext): string[] {
  const holders = fileContext.tree?.holders ?? new Holders();
  const context = { ...fileContext, holders };
  return context.descriptors.flatMap((descriptor) => {
    const { refusal, isOutside = false, isSharable = false } = handlerOf(descriptor, context);
    const reason =
      refusal?.(descriptor, context) ??
      (isSharable || isOutside ? undefined : refusedSharers(descriptor, context)) ??
      (isOutside ? undefined : (refusedLocks(descriptor, holders) ?? refusedOwner(descriptor)));
    return reason === undefined ? [] : [`${nameOf(descriptor)}: ${reason}`];
  });
}

/** Of its kind, only one process can get an open file. */
function refusedSharers(descriptor: OpenDescriptor, { tree }: FileContext): string | undefined {
  const pids = tree?.sharersOf(descriptor) ?? [];
  if (pids.length === 0) return undefined;
  return `${descriptor.link}, which pid ${pids.join(', ')} has by the same open file`;
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
      const shared = context.tree?.sharedNumber(descriptor);
      open.push({
        ...{ id, flags, ...details },
        ...(shared === undefined ? {} : { shared }),
        ...(isOutside ? {} : attributesOf(descriptor)),
      });
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
