export { checkDirectory, type CheckReport } from './check-directory.js';
export { compareMemory, type CompareMemoryOptions } from './compare-memory.js';
export { ExtentTable, type Extent } from './extent-table.js';
export { ImageChain, type ContentPiece } from './image-chain.js';
export { ImageDirectory, type CreateOptions, type OpenOptions } from './image-directory.js';
export type { Manifest } from './manifest.js';
export type { OpenMappedFile } from './mapped-files.js';
export type { ComparePagesResult } from './native-page-copy.js';
export { PAGE_SIZE } from './page.js';
export type { PageJob } from './page-job.js';
export { PageMap, type StoredPiece } from './page-map.js';
export { PageReader, type PageReaderOptions } from './page-reader.js';
export { layoutAt, resolveChain } from './resolve-chain.js';
export type { RoundDetails, RoundMeta } from './round-meta.js';
export { RoundWriter, type AppendOptions, type AppendResult } from './round-writer.js';
export { squash, type SquashOptions } from './squash.js';
export type { TargetIdentity } from './target-identity.js';
export {
  isFileBacked,
  PROT_EXEC,
  PROT_READ,
  PROT_WRITE,
  type VmaKind,
  type VmaRecord,
} from './vma-record.js';
