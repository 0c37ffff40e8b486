import { readFileSync } from 'node:fs';

const typeLoad = 1;

/** A part of a process' memory that a core file says something about. */
export interface Segment {
  address: number;
  /** empty where the kernel has left the content out */
  content: Buffer;
}

/** The memory in a core file (64-bit ELF, little-endian). */
export function readCore(path: string): Segment[] {
  const file = readFileSync(path);
  if (file.toString('latin1', 0, 4) !== '\x7fELF') throw new Error(`${path} is not ELF`);
  const headers = Number(file.readBigUInt64LE(32));
  const headerBytes = file.readUInt16LE(54);
  const segments: Segment[] = [];
  for (let i = 0; i < file.readUInt16LE(56); i++) {
    const at = headers + i * headerBytes;
    if (file.readUInt32LE(at) !== typeLoad) continue;
    const offset = Number(file.readBigUInt64LE(at + 8));
    const bytes = Number(file.readBigUInt64LE(at + 32));
    const content = file.subarray(offset, offset + bytes);
    if (content.length !== bytes) throw new Error(`${path} ends within segment ${i}`);
    segments.push({ address: Number(file.readBigUInt64LE(at + 16)), content });
  }
  return segments;
}

/** The content of an address range, undefined where the file does not have all of it. */
export function readSegments(
  segments: readonly Segment[],
  address: number,
  bytes: number,
): Buffer | undefined {
  const segment = segments.find(
    ({ address: start, content }) => start <= address && address + bytes <= start + content.length,
  );
  return segment?.content.subarray(address - segment.address, address - segment.address + bytes);
}
