/** Address families. */
export const family = { unix: 1, inet: 2, inet6: 10, netlink: 16, packet: 17 } as const;

/** A `struct sockaddr` for a person: `127.0.0.1:80`, `[::1]:80`, `/run/x`, `@x`; else empty. */
export function formatAddress(address: Uint8Array): string {
  if (address.length < 2) return '';
  const bytes = Buffer.from(address);
  switch (bytes.readUInt16LE(0)) {
    case family.inet:
      return `${bytes.subarray(4, 8).join('.')}:${bytes.readUInt16BE(2)}`;
    case family.inet6:
      return `[${formatInet6(bytes.subarray(8, 24))}]:${bytes.readUInt16BE(2)}`;
    case family.unix:
      return pathOf(address) ?? bytes.subarray(2).toString().replace('\0', '@');
    default:
      return '';
  }
}

/** The path that a unix socket is bound to, which an abstract name is not. */
export function pathOf(address: Uint8Array): string | undefined {
  const name = Buffer.from(address.subarray(2));
  if (name.length === 0 || name[0] === 0) return undefined;
  const end = name.indexOf(0);
  return name.subarray(0, end < 0 ? name.length : end).toString();
}

function formatInet6(bytes: Buffer): string {
  const isMapped =
    bytes.subarray(0, 10).every((byte) => byte === 0) && bytes.readUInt16BE(10) === 0xffff;
  if (isMapped) return `::ffff:${bytes.subarray(12).join('.')}`;
  const groups = Array.from({ length: 8 }, (_, i) => bytes.readUInt16BE(i * 2).toString(16));
  // The URL parser knows how the zeros are left out.
  return new URL(`http://[${groups.join(':')}]/`).hostname.slice(1, -1);
}
