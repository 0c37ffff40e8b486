import { readFileSync } from 'node:fs';
import { ImageError } from '../errors.js';
import { PAGE_SIZE } from '../image/page.js';
import { type MapsEntry, parseMaps } from '../proc/maps.js';
import { findBuildId } from '../process/build-id.js';
import { isKernelMapping } from '../dump/process/vma-kind.js';
import { TASK_END } from './plan/constants.js';
import { call, type ClearStep, type KernelMapping, type StartStep } from './plan/step.js';
import { readOwnMemory } from './own-memory.js';
import type { Stub } from './stub.js';

const mayMoveFixed = 3;

/**
 * Puts the kernel's mappings aside and unmaps all else but the trampoline.
 * @throws ImageError `OTHER_VDSO`
 */
export function clearStub(stub: Stub, step: ClearStep, { base, areaBytes }: StartStep): void {
  const maps = parseMaps(readFileSync(`/proc/${stub.hostPid}/maps`, 'utf8'));
  const own = maps.filter((entry) => isKernelMapping(entry) && entry.path !== '[vsyscall]');
  checkKernelMappings(step, own);
  let to = step.scratch;
  for (const { address, length } of step.kernelMappings.length > 0 ? own.map(rangeOf) : []) {
    const args = [address, length, length, mayMoveFixed, to];
    stub.call(call('mremap', args, 'the vdso', { expect: to }));
    to += length;
  }
  const kept = [
    { start: base, end: base + PAGE_SIZE + areaBytes },
    { start: step.scratch, end: to },
  ].sort((a, b) => a.start - b.start);
  let start = 0;
  for (const range of [...kept, { start: TASK_END, end: TASK_END }]) {
    if (start < range.start)
      stub.call(call('munmap', [start, range.start - start], 'what the stub began with'));
    start = range.end;
  }
  stub.flush();
}

function rangeOf({ path, startPage, endPage }: MapsEntry): KernelMapping {
  return { path, address: startPage * PAGE_SIZE, length: (endPage - startPage) * PAGE_SIZE };
}

/** The program has the vdso's addresses in its memory: only the very same one will do. */
function checkKernelMappings({ vdsoBuildId, kernelMappings }: ClearStep, own: MapsEntry[]): void {
  if (kernelMappings.length === 0) return;
  const vdso = own.find(({ path }) => path === '[vdso]');
  const ownId = vdso ? findBuildId(readOwnMemory(rangeOf(vdso))) : '';
  const isSame = describe(kernelMappings) === describe(own.map(rangeOf));
  if (ownId === vdsoBuildId && isSame) return;
  throw new ImageError(
    'OTHER_VDSO',
    `the images are of a process with the vdso ${vdsoBuildId}, and this kernel has ${ownId}: restore ` +
      'on a machine with the kernel of the dump',
    { facts: { imagesBuildId: vdsoBuildId, kernelBuildId: ownId } },
  );
}

function describe(mappings: readonly KernelMapping[]): string {
  return mappings.map(({ path, length }) => `${path} ${length}`).join();
}
