import type { VmaRecord } from '../../image/index.js';
import { fcntl, open } from './constants.js';
import { hasFlag } from './mapping-steps.js';
import { call, type CheckFileStep, type Slot, type Step, type Value } from './step.js';

/** The files that are mapped, each opened once for reading and once for writing. */
export class MappedFilesPlan {
  readonly checks: CheckFileStep[] = [];
  readonly openSteps: Step[] = [];
  readonly closeSteps: Step[] = [];
  readonly #known = new Set<string>();
  readonly #above: number | undefined;

  /** @param above a number that no descriptor shall be below; any number if absent */
  constructor(above?: number) {
    this.#above = above;
  }

  of(vma: VmaRecord): Slot {
    const isWritable = vma.shared && hasFlag(vma)('mw');
    const { path } = vma;
    const slot = `${isWritable ? 'writable' : 'readable'} ${path}`;
    if (this.#known.has(slot)) return { slot };
    this.#known.add(slot);
    const mode = isWritable ? open.readWrite : open.readOnly;
    const args = [{ text: path }, mode | open.closeOnExec];
    this.openSteps.push(...this.#openSteps(args, path, slot));
    this.closeSteps.push(call('close', [{ slot }], path));
    const check = checkOf(vma);
    if (check) this.checks.push(check);
    return { slot };
  }

  #openSteps(args: readonly Value[], path: string, slot: string): Step[] {
    if (this.#above === undefined) return [call('open', args, path, { result: slot })];
    const opened = { slot: `new ${slot}` };
    return [
      call('open', args, path, { result: opened.slot }),
      call('fcntl', [opened, fcntl.duplicateFrom, this.#above], path, { result: slot }),
      call('close', [opened], path),
    ];
  }
}

/** Nothing where the file was not looked at. */
function checkOf({ path, inode, fileSize, fileMtimeNs }: VmaRecord): CheckFileStep | undefined {
  if (fileSize === undefined || fileMtimeNs === undefined) return undefined;
  const file = { path, inode, size: fileSize, mtimeNs: fileMtimeNs };
  return { op: 'check-file', file, about: 'a mapped file' };
}
