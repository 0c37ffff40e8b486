import { PAGE_SIZE } from '../../image/page.js';
import { segmentKey } from '../../image/vma-record.js';
import type { VmaRecord } from '../../image/index.js';
import type { AddressSpace } from './address-space.js';
import { map, open, PROT_WRITE } from './constants.js';
import type { RestoreInput } from './input.js';
import { ContentReads } from './plan-content.js';
import { call, type Slot, type Step } from './step.js';

const protRead = 1;
const memfdPrefix = '/memfd:';
const mfdAllowSealing = 2;

/** Shared memory without a file that anybody could open. */
export interface PlannedSegments {
  /** makes them, with their content */
  steps: Step[];
  /** closes what the mappings do not need any more */
  closeSteps: Step[];
  /** the file that a mapping shows */
  fileOf: (vma: VmaRecord) => Slot;
}

/** A segment, and one of its mappings. */
interface Segment {
  slot: string;
  vma: VmaRecord;
  nrPages: number;
  isReserved: boolean;
}

/**
 * Shared anonymous memory is made by a mapping of all of it at a place that nothing else needs, and
 * opened through that; a memfd by its name. Both get their content there.
 */
export function planSegments(input: RestoreInput, space: AddressSpace): PlannedSegments {
  const segments = findSegments(input);
  const largest = Math.max(0, ...[...segments.values()].map(({ nrPages }) => nrPages));
  const staging = largest > 0 ? space.take(largest * PAGE_SIZE) : 0;
  const all = [...segments.values()];
  return {
    steps: all.flatMap((segment) => makeSegment(input, segment, staging)),
    closeSteps: all.map(({ slot, vma }) => call('close', [{ slot }], vma.path)),
    fileOf: (vma) => ({ slot: segments.get(segmentKey(vma))?.slot ?? '' }),
  };
}

/** Where the file of shared memory is, until it is closed for the open files to come. */
export function segmentSlot(vma: VmaRecord): Slot {
  return { slot: `segment ${segmentKey(vma)}` };
}

function findSegments({ vmas, segments }: RestoreInput): Map<string, Segment> {
  const found = new Map<string, Segment>();
  for (const vma of vmas) {
    if (vma.kind !== 'anon-shared') continue;
    const mapped = vma.offset / PAGE_SIZE + vma.endPage - vma.startPage;
    const known = found.get(segmentKey(vma));
    const stored = segments.get(vma.segment ?? -1)?.nrPages ?? 0;
    const nrPages = Math.max(mapped, stored, known?.nrPages ?? 0);
    const isReserved = !(vma.flags ?? '').split(' ').includes('nr');
    if (known) known.nrPages = nrPages;
    else found.set(segmentKey(vma), { ...segmentSlot(vma), vma, nrPages, isReserved });
  }
  return found;
}

function makeSegment(input: RestoreInput, segment: Segment, staging: number): Step[] {
  const { vma } = segment;
  const isMemfd = vma.path.startsWith(memfdPrefix);
  const make = isMemfd ? makeMemfd(segment, staging) : makeAnonymous(segment, staging);
  const content = input.segments.get(vma.segment ?? -1);
  const reads = new ContentReads();
  if (content?.pages) reads.add(content.pages, 0, content.nrPages, staging / PAGE_SIZE, false);
  const about = `shared memory ${vma.path}`;
  return [
    ...make,
    ...reads.take(input.pagesPath, about),
    call('munmap', [staging, segment.nrPages * PAGE_SIZE], about),
  ];
}

function makeAnonymous({ slot, nrPages, vma, isReserved }: Segment, staging: number): Step[] {
  const length = nrPages * PAGE_SIZE;
  const reserve = isReserved ? 0 : map.noReserve;
  const flags = map.shared | map.anonymous | map.fixedNoReplace | reserve;
  const range = [staging, staging + length].map((address) => address.toString(16)).join('-');
  const path = `/proc/self/map_files/${range}`;
  const expect = staging;
  return [
    call('mmap', [staging, length, protRead | PROT_WRITE, flags, -1, 0], vma.path, { expect }),
    call('open', [{ text: path }, open.readWrite | open.closeOnExec], vma.path, { result: slot }),
  ];
}

function makeMemfd({ slot, nrPages, vma }: Segment, staging: number): Step[] {
  const length = nrPages * PAGE_SIZE;
  const name = vma.path.slice(memfdPrefix.length);
  const file = { slot };
  const flags = map.shared | map.fixedNoReplace;
  return [
    call('memfd_create', [{ text: name }, mfdAllowSealing], vma.path, { result: slot }),
    call('ftruncate', [file, length], vma.path),
    call('mmap', [staging, length, protRead | PROT_WRITE, flags, file, 0], vma.path, {
      expect: staging,
    }),
  ];
}
