const noteType = 4;
const builtinTypes = { buildId: 3 } as const;
const programHeader = { offset: 8, fileSize: 32 } as const;

/** The build id of an ELF file as it is in memory, in hexadecimal; '' where it has none. */
export function findBuildId(elf: Buffer): string {
  if (elf.length < 64 || elf.readUInt32BE(0) !== 0x7f454c46) return '';
  const tableOffset = Number(elf.readBigUInt64LE(32));
  const entryBytes = elf.readUInt16LE(54);
  const nrEntries = elf.readUInt16LE(56);
  for (let i = 0; i < nrEntries; i++) {
    const entry = tableOffset + i * entryBytes;
    if (entry + 56 > elf.length) return '';
    if (elf.readUInt32LE(entry) !== noteType) continue;
    const start = Number(elf.readBigUInt64LE(entry + programHeader.offset));
    const length = Number(elf.readBigUInt64LE(entry + programHeader.fileSize));
    const id = buildIdIn(elf.subarray(start, start + length));
    if (id !== '') return id;
  }
  return '';
}

/** Notes are name and description, each padded to four bytes, behind three words. */
function buildIdIn(notes: Buffer): string {
  for (let at = 0; at + 12 <= notes.length;) {
    const nameBytes = notes.readUInt32LE(at);
    const bytes = notes.readUInt32LE(at + 4);
    const description = at + 12 + padded(nameBytes);
    const isGnu = notes.toString('latin1', at + 12, at + 16) === 'GNU\0';
    if (isGnu && notes.readUInt32LE(at + 8) === builtinTypes.buildId)
      return notes.toString('hex', description, description + bytes);
    at = description + padded(bytes);
  }
  return '';
}

function padded(bytes: number): number {
  return (bytes + 3) & ~3;
}
