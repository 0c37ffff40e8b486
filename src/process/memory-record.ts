import type { FieldReader } from '../image/field-reader.js';
import { type FileIdentity, readFileIdentity } from './file-identity.js';

/** Addresses that the kernel keeps of a program, by their names in `struct prctl_mm_map`. */
export const mmFields = [
  'startCode',
  'endCode',
  'startData',
  'endData',
  'startBrk',
  'brk',
  'startStack',
  'argStart',
  'argEnd',
  'envStart',
  'envEnd',
] as const;
export type MmAddresses = Record<(typeof mmFields)[number], number>;

/** What a process' memory is besides its mappings, which the round has. */
export interface MemoryRecord {
  mm: MmAddresses;
  /** what the kernel told the program at its start: pairs of 64-bit numbers */
  auxv: Uint8Array;
  exe: FileIdentity;
  /** build id of the vdso in hexadecimal; '' where none is mapped */
  vdsoBuildId: string;
  thpDisabled: boolean;
}

/** @throws ImageError `IMAGES_DAMAGED` */
export function readMemory(reader: FieldReader): MemoryRecord {
  const addresses = reader.inner(reader.map('mm'), 'mm');
  const mm = Object.fromEntries(mmFields.map((field) => [field, addresses.count(field)]));
  return {
    mm: mm as MmAddresses,
    auxv: reader.bytes('auxv'),
    exe: readFileIdentity(reader.inner(reader.map('exe'), 'exe')),
    vdsoBuildId: reader.string('vdsoBuildId'),
    thpDisabled: reader.boolean('thpDisabled'),
  };
}
