export { checkDirectory, type CheckReport } from './check-directory.js';
export {
  compareMemory,
  type CompareMemoryOptions,
  type MemoryComparison,
} from './compare-memory.js';
export { ExtentTable, type Extent } from './extent-table.js';
export { ImageChain, type ChainOptions, type ContentPiece } from './image-chain.js';
export { ImageDirectory, type CreateOptions, type OpenOptions } from './image-directory.js';
export type { Layer, LayerKind } from './layer.js';
export {
  LayerWriter,
  MemberWriter,
  type AppendAllOptions,
  type AppendOptions,
  type AppendResult,
  type StoredCounts,
} from './layer-writer.js';
export type { Manifest } from './manifest.js';
export type { MemberDetails, MemberRecord } from './member-record.js';
export type { OpenMappedFile } from './mapped-files.js';
export type { PageSource } from './native-page-copy.js';
export { PAGE_SIZE } from './page.js';
export type { PageJob } from './page-job.js';
export { PageMap, type StoredPiece } from './page-map.js';
export {
  pageSharing,
  type MemberSharing,
  type PageSharing,
  type SegmentSharing,
  type SharingGroup,
} from './page-sharing.js';
export { PageReader, type PageReaderOptions } from './page-reader.js';
export { findRoundFault } from './round-fault.js';
export { memberOf, segmentOf, type RoundDetails, type RoundMeta } from './round-meta.js';
export { RoundWriter } from './round-writer.js';
export { layoutAt } from './rounds-of.js';
export type { SegmentDetails, SegmentRecord } from './segment-record.js';
export { squash, type SquashOptions } from './squash.js';
export { planSquash, type SquashPlan } from './squash-plan.js';
export { findUnequal, type ImagesInWork } from './find-unequal.js';
export type { TargetIdentity } from './target-identity.js';
export { TreeResolver } from './tree-resolver.js';
export {
  isFileBacked,
  PROT_EXEC,
  PROT_READ,
  PROT_WRITE,
  type VmaKind,
  type VmaRecord,
} from './vma-record.js';
