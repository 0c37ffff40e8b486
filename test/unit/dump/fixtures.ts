import type { VmaRecord } from '../../../src/image/index.js';
import { Layout, vmaKinds, vmaStates, type VmaState } from '../../../src/kernel/layout.js';
import { Session } from '../../../src/kernel/session.js';
import { anonVma } from '../image/fixtures.js';
import { layoutBytes } from '../kernel/layout-bytes.js';

/** A record of an untracked mapping. */
export function vma(startPage: number, endPage: number, more: Partial<VmaRecord> = {}): VmaRecord {
  return anonVma(startPage, endPage, { state: 'readonly', ...more });
}

export function tracked(
  startPage: number,
  endPage: number,
  region: number,
  regionPage = 0,
  more: Partial<VmaRecord> = {},
): VmaRecord {
  return vma(startPage, endPage, { state: 'tracked', region, regionPage, ...more });
}

/** The layout that a module would give for such records; `file` is the inode. */
export function layoutOf(...vmas: VmaRecord[]): Layout {
  return new Layout(bytesOf(...vmas));
}

/** The same as the addon returns it. */
export function bytesOf(...vmas: VmaRecord[]): Uint8Array {
  return layoutBytes(
    ...vmas.map(({ startPage, endPage, region, regionPage, prot, kind, state, inode }) => ({
      start: BigInt(startPage) * 4096n,
      end: BigInt(endPage) * 4096n,
      region: region ?? 0,
      regionPage: BigInt(regionPage ?? 0),
      prot,
      kind: vmaKinds.indexOf(kind),
      state: vmaStates.indexOf(state as VmaState),
      file: inode,
    })),
  );
}

/** A session of which only some calls are answered. */
export function fakeSession(calls: Partial<Session>): Session {
  return Object.assign(Object.create(Session.prototype) as Session, { pid: 12 }, calls);
}
