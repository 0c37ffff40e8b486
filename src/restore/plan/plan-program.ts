import { mmFields } from '../../process/memory-record.js';
import { PAGE_SIZE } from '../../image/page.js';
import { open, prctl } from './constants.js';
import type { RestoreInput } from './input.js';
import { call, type KernelMapping, type Step } from './step.js';

const setMmMap = 14;
/** Bytes of `struct prctl_mm_map`. */
const mmMapBytes = 104;
/** In place of the program's descriptor. */
const unchanged = -1;

/** The kernel's own mappings that the process has. */
export function kernelMappingsOf({ vmas }: RestoreInput): KernelMapping[] {
  return vmas
    .filter(({ kind, path }) => kind === 'special' && path !== '[vsyscall]')
    .map(({ path, startPage, endPage }) => ({
      path,
      address: startPage * PAGE_SIZE,
      length: (endPage - startPage) * PAGE_SIZE,
    }));
}

/**
 * Where the kernel thinks that the program's parts are, and which program it is: before anything is
 * mapped, for a program of which a part is mapped cannot be replaced, and it may be tracker's own.
 * @param hasExe whether it is the right program already
 */
export function planProgram({ process }: RestoreInput, hasExe = false): Step[] {
  const { mm, auxv, exe } = process.memory;
  const file = { slot: 'exe' };
  const words = [
    ...mmFields.map((field) => mm[field]),
    { bytes: auxv },
    { halves: [auxv.byteLength, hasExe ? unchanged : file] as const },
  ];
  const set = call('prctl', [prctl.setMm, setMmMap, { words }, mmMapBytes, 0], 'PR_SET_MM_MAP');
  if (hasExe) return [set];
  const args = [{ text: exe.path }, open.readOnly | open.closeOnExec];
  return [
    call('open', args, exe.path, { result: file.slot }),
    set,
    call('close', [file], exe.path),
  ];
}

/** What else the kernel notes of a process' memory. */
export function planMemoryState({ process }: RestoreInput): Step[] {
  const { thpDisabled, barriers } = process.memory;
  const steps: Step[] = [];
  if (thpDisabled)
    steps.push(call('prctl', [prctl.setThpDisable, 1, 0, 0, 0], 'PR_SET_THP_DISABLE'));
  for (let bit = 1; bit <= barriers; bit *= 2)
    if ((barriers & bit) !== 0) steps.push(call('membarrier', [bit, 0, 0], 'barriers of memory'));
  return steps;
}

/** Takes the kernel's mappings from where they were put aside. */
export function planKernelMappings(input: RestoreInput, scratch: number): Step[] {
  const steps: Step[] = [];
  let from = scratch;
  for (const { path, address, length } of kernelMappingsOf(input)) {
    const mayMoveFixed = 3;
    const args = [from, length, length, mayMoveFixed, address];
    steps.push(call('mremap', args, path, { expect: address }));
    from += length;
  }
  return steps;
}
