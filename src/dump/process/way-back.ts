import { PAGE_SIZE } from '../../image/page.js';
import type { SmapsEntry } from '../../proc/smaps.js';

/** `syscall; ret` */
const callInstructions = Buffer.of(0x0f, 0x05, 0xc3);
/** `mov $15, %rax; syscall`: what the C library has its signal handlers return to */
const sigreturnInstructions = Buffer.of(0x48, 0xc7, 0xc0, 0x0f, 0, 0, 0, 0x0f, 0x05);
/** Of a file's code. A C library is smaller. */
const maxSearchedPages = 1024;
const chunkBytes = 32 * PAGE_SIZE;
const cLibrary = /\/(libc[.-]|ld-musl)[^/]*$/;

/**
 * Looks for what leads a thread back to where it stood from a call that its own code runs: the addon's
 * `targetCalls` says how. The C library has it, or else the program itself.
 * @returns addresses of both pieces of code, and of the stack's beginning and end; nothing where one
 *   of them is missing
 */
export function findWayBack(
  mappings: readonly SmapsEntry[],
  read: (address: number, length: number) => Buffer,
): BigUint64Array {
  const stack = mappings.find(({ path }) => path === '[stack]');
  const executable = mappings.filter(({ perms, path }) => perms[2] === 'x' && path.startsWith('/'));
  const isLibrary = ({ path }: SmapsEntry) => cLibrary.test(path);
  const [program] = executable;
  const searched = [...executable.filter(isLibrary), ...(program ? [program] : [])];
  for (const entry of stack ? searched : []) {
    const addresses = findCode(entry, read);
    const bounds = stack ? [stack.startPage * PAGE_SIZE, stack.endPage * PAGE_SIZE] : [];
    if (addresses) return BigUint64Array.from([...addresses, ...bounds].map(BigInt));
  }
  return new BigUint64Array();
}

/** The first of each in a file's code. Both are near its beginning, mostly: it is read bit by bit. */
function findCode(
  { startPage, endPage }: SmapsEntry,
  read: (address: number, length: number) => Buffer,
): number[] | undefined {
  const wanted = [callInstructions, sigreturnInstructions];
  const found: (number | undefined)[] = wanted.map(() => undefined);
  const end = Math.min(endPage, startPage + maxSearchedPages) * PAGE_SIZE;
  for (let at = startPage * PAGE_SIZE; at < end; at += chunkBytes) {
    const code = read(at, Math.min(chunkBytes + sigreturnInstructions.length, end - at));
    wanted.forEach((instructions, i) => {
      const offset = code.indexOf(instructions);
      if (offset >= 0) found[i] ??= at + offset;
    });
    const addresses = found.filter((address) => address !== undefined);
    if (addresses.length === wanted.length) return addresses;
  }
  return undefined;
}
