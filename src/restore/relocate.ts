import path from 'node:path';
import type { VmaRecord } from '../image/index.js';
import type { OpenFileRecord } from '../process/file-record.js';
import type { ProcessRecord } from '../process/process-record.js';

/** Kinds of open files that are the machine's, wherever the process' own files are. */
const ofTheMachine = new Set<string>(['device', 'inherited']);

/**
 * A process whose files are all below another directory: its program, what it maps and has open, its
 * working directory and its root. Devices, and names that sockets are bound to, stay.
 */
export function relocateProcess(process: ProcessRecord, root: string): ProcessRecord {
  const { identity, memory, files } = process;
  const below = (file: string) => belowRoot(root, file);
  return {
    ...process,
    identity: {
      ...identity,
      cwd: below(identity.cwd),
      root: identity.root === '/' ? '/' : below(identity.root),
    },
    memory: { ...memory, exe: { ...memory.exe, path: below(memory.exe.path) } },
    files: { ...files, open: files.open.map((file) => relocateFile(file, below)) },
  };
}

/** Mappings of files with a name; nothing else has a path that is looked up. */
export function relocateMappings(vmas: readonly VmaRecord[], root: string): VmaRecord[] {
  return vmas.map((vma) =>
    ['file-private', 'file-shared'].includes(vma.kind)
      ? { ...vma, path: belowRoot(root, vma.path) }
      : vma,
  );
}

function relocateFile(file: OpenFileRecord, below: (path: string) => string): OpenFileRecord {
  if (ofTheMachine.has(file.kind)) return file;
  if ('file' in file) return { ...file, file: { ...file.file, path: below(file.file.path) } };
  if ('path' in file) return { ...file, path: below(file.path) };
  return file;
}

function belowRoot(root: string, file: string): string {
  return file.startsWith('/') ? path.join(root, file) : file;
}
