import { segmentKey } from '../../image/vma-record.js';
import type { VmaRecord } from '../../image/index.js';
import type { AddressSpace } from '../plan/address-space.js';
import { fcntl, open } from '../plan/constants.js';
import { MappedFilesPlan } from '../plan/mapped-files.js';
import { planSegments, segmentSlot } from '../plan/plan-segments.js';
import { call, type CheckStep, type Slot, type Step } from '../plan/step.js';
import { type CommonFiles } from './common-files.js';
import { inputOf, type TreeInput, type TreeMember } from './tree-input.js';

const limitDescriptors = 7;
/** Descriptors that steps have open on their way. */
const spareDescriptors = 64;

/**
 * What the root makes before it forks anything, so that all get it: shared memory with its content, the
 * files that are mapped, those of the images, and the open files that several have. All of it is open at
 * numbers that nobody uses.
 */
export class CommonPlan {
  readonly #tree: TreeInput;
  readonly #files: CommonFiles;
  readonly #mapped: MappedFilesPlan;
  readonly #segments: ReturnType<typeof planSegments>;
  readonly #sharedMemory: ReadonlyMap<string, VmaRecord>;
  readonly #sources = new Set<string>();

  constructor(tree: TreeInput, files: CommonFiles, space: AddressSpace) {
    this.#tree = tree;
    this.#files = files;
    this.#mapped = new MappedFilesPlan(files.above);
    const vmas = tree.members.flatMap((member) =>
      member.vmas.filter(({ kind }) => kind === 'anon-shared'),
    );
    this.#sharedMemory = new Map(vmas.map((vma) => [segmentKey(vma), vma]));
    this.#segments = planSegments({ ...inputOf(tree, rootOf(tree)), vmas }, space);
  }

  /** The file that a mapping shows. */
  fileOf(vma: VmaRecord): Slot {
    return vma.kind === 'anon-shared' ? highSlot(vma) : this.#mapped.of(vma);
  }

  /** A round's pages file, or a device. */
  contentOf(source: number | string): Slot {
    const path = typeof source === 'number' ? this.#tree.pagesPath(source) : source;
    this.#sources.add(path);
    return { slot: `content ${path}` };
  }

  /** When everybody has asked for what is needed. */
  get checks(): CheckStep[] {
    return [...this.#mapped.checks, ...this.#files.planned.checks];
  }

  /** When everybody has asked for what is needed. */
  get steps(): Step[] {
    const { planned, above } = this.#files;
    const memory = [...this.#sharedMemory.values()];
    return [
      this.#limitStep(),
      ...planned.firstSteps,
      ...this.#segments.steps,
      ...planned.keepSteps,
      ...memory.map((vma) =>
        call('fcntl', [segmentSlot(vma), fcntl.duplicateFrom, above], `shared memory ${vma.path}`, {
          result: highSlot(vma).slot,
        }),
      ),
      ...this.#segments.closeSteps,
      ...this.#mapped.openSteps,
      ...[...this.#sources].flatMap((path) => openSource(path, above)),
      ...planned.steps,
      ...planned.lateSteps,
    ];
  }

  #limitStep(): Step {
    const { members } = this.#tree;
    const hard = members.map(({ process }) => process.identity.limits[limitDescriptors * 2 + 1]);
    const nrCommon = this.#sharedMemory.size + this.#mapped.openSteps.length + this.#sources.size;
    const needed = BigInt(this.#files.above + nrCommon + spareDescriptors);
    const limit = hard.reduce<bigint>(
      (most, each) => ((each ?? 0n) > most ? (each ?? 0n) : most),
      needed,
    );
    const words = [limit, limit];
    return call('prlimit64', [0, limitDescriptors, { words }, 0], 'descriptors');
  }
}

function rootOf({ members: [root] }: TreeInput): TreeMember {
  if (!root) throw new RangeError('a tree without members');
  return root;
}

function highSlot(vma: VmaRecord): Slot {
  return { slot: `common ${segmentSlot(vma).slot}` };
}

function openSource(path: string, above: number): Step[] {
  const opened = { slot: 'a new source' };
  const args = [{ text: path }, open.readOnly | open.closeOnExec];
  return [
    call('open', args, path, { result: opened.slot }),
    call('fcntl', [opened, fcntl.duplicateFrom, above], path, { result: `content ${path}` }),
    call('close', [opened], path),
  ];
}
