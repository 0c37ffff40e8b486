import type { VmaKind } from '../../image/index.js';
import type { MapsEntry } from '../../proc/maps.js';

/** Mappings that the kernel gives each program: their content is the kernel's own. */
const kernelMappings = new Set(['[vdso]', '[vvar]', '[vvar_vclock]', '[vsyscall]']);

/** Whether a mapping is part of the vdso, or of the page in front of it. */
export function isKernelMapping({ path }: Pick<MapsEntry, 'path'>): boolean {
  return kernelMappings.has(path);
}

/** What a mapping of a process that is not tracked is. */
export function kindOf(entry: MapsEntry): VmaKind {
  const { path, inode, isShared, isDeleted } = entry;
  if (isKernelMapping(entry)) return 'special';
  if (!isShared) return inode === 0 ? 'anon-private' : 'file-private';
  const isAnonymous = isDeleted && (path === '/dev/zero' || path.startsWith('/memfd:'));
  return isAnonymous ? 'anon-shared' : 'file-shared';
}
