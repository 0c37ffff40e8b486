/** A `struct tracker_vma` as include/uapi/linux/tracker.h has it. */
export interface Vma {
  start: bigint;
  end: bigint;
  regionPage?: bigint;
  region?: number;
  prot?: number;
  kind?: number;
  state?: number;
  file?: number;
}

/** An array of `struct tracker_vma`. */
export function layoutBytes(...vmas: Vma[]): Uint8Array {
  const view = new DataView(new ArrayBuffer(vmas.length * 40));
  vmas.forEach((vma, i) => {
    const { start, end, regionPage = 0n, region = 0, prot = 0 } = vma;
    const { kind = 0, state = 0, file = 0 } = vma;
    const at = i * 40;
    view.setBigUint64(at, start, true);
    view.setBigUint64(at + 8, end, true);
    view.setBigUint64(at + 16, regionPage, true);
    view.setUint32(at + 24, region, true);
    view.setUint32(at + 28, prot, true);
    view.setUint16(at + 32, kind, true);
    view.setUint16(at + 34, state, true);
    view.setUint32(at + 36, file, true);
  });
  return new Uint8Array(view.buffer);
}
