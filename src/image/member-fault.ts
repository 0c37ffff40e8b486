import { MAX_PAGE } from './extent-table.js';
import { findLayerFault } from './layer-fault.js';
import { INHERITED_STRIDE, type MemberRecord } from './member-record.js';
import { PAGE_SIZE } from './page.js';
import { memberOf, type RoundMeta, segmentOf } from './round-meta.js';
import type { VmaRecord } from './vma-record.js';

/** What is wrong with a member of round `meta`, or nothing; `before` are the rounds before. */
export function findMemberFault(
  record: MemberRecord,
  meta: RoundMeta,
  before: readonly RoundMeta[],
): string | undefined {
  const last = before.at(-1);
  const recordBefore = last && memberOf(last, record.member);
  const { kind, vmas, member } = record;
  if (!recordBefore && member < (last?.nextMember ?? 0)) return 'had ended, or never lived';
  if (kind === 'full' && !vmas) return 'a full round has no list of VMAs';
  return (
    findLayerFault(record, recordBefore, meta, before) ??
    findLayoutFault(vmas ?? []) ??
    findMissingSegment(vmas ?? [], meta) ??
    findInheritedFault(record, recordBefore, meta)
  );
}

/** A segment that a layout names and a round does not have. */
export function findMissingSegment(
  vmas: readonly VmaRecord[],
  meta: RoundMeta,
): string | undefined {
  const missing = vmas.find(
    ({ segment }) => segment !== undefined && !segmentOf(meta, segment),
  )?.segment;
  return missing === undefined ? undefined : `maps segment ${missing}, which is not there`;
}

function findLayoutFault(vmas: readonly VmaRecord[]): string | undefined {
  let end = 0;
  for (const { startPage, endPage, segment, shared, offset } of vmas) {
    const name = `the VMA of pages ${startPage} to ${endPage}`;
    if (startPage < end || endPage <= startPage) return `${name} is empty or not sorted`;
    if (segment !== undefined && !(shared && offset % PAGE_SIZE === 0))
      return `${name} cannot show segment ${segment}`;
    end = endPage;
  }
  return undefined;
}

function findInheritedFault(
  { member, inherited }: MemberRecord,
  recordBefore: MemberRecord | undefined,
  meta: RoundMeta,
): string | undefined {
  if (inherited.length > 0 && recordBefore) return 'inherits, but not in its first round';
  for (let i = 0; i < inherited.length; i += INHERITED_STRIDE) {
    const [page = 0, nrPages = 0, from = 0, fromPage = 0] = inherited.subarray(i);
    const name = `inherited range ${i / INHERITED_STRIDE}`;
    if (nrPages === 0) return `${name} is empty`;
    if (Math.max(page, fromPage) + nrPages > MAX_PAGE)
      return `${name} ends behind the address space`;
    if (from === member) return `${name} is inherited from itself`;
    if (!memberOf(meta, from)) return `${name} is of member ${from}, which does not live`;
  }
  return undefined;
}
