/** Levels of options: SOL_SOCKET, IPPROTO_IP, IPPROTO_IPV6, IPPROTO_TCP, IPPROTO_UDP. */
const level = { socket: 1, ip: 0, ipv6: 41, tcp: 6, udp: 17 } as const;

/**
 * Options that can be read and set: what a program is likely to use. Not here are those that change
 * by themselves (SO_INCOMING_CPU, TCP_QUICKACK), and what can be set only (memberships of groups).
 * Of SOL_SOCKET: REUSEADDR, DONTROUTE, BROADCAST, SNDBUF, RCVBUF, KEEPALIVE, OOBINLINE, NO_CHECK,
 * PRIORITY, LINGER, REUSEPORT, PASSCRED, RCVLOWAT, RCVTIMEO, SNDTIMEO, BINDTODEVICE, TIMESTAMP,
 * PASSSEC, TIMESTAMPNS, MARK, TIMESTAMPING, RXQ_OVFL, PEEK_OFF, BUSY_POLL, the new time stamps,
 * PREFER_BUSY_POLL, TXREHASH, PASSPIDFD.
 */
const general = [
  2, 5, 6, 7, 8, 9, 10, 11, 12, 13, 15, 16, 18, 20, 21, 25, 29, 34, 35, 36, 37, 40, 42, 46, 63, 64,
  65, 69, 74, 76,
] as const;

const names: Readonly<Record<keyof typeof level, readonly number[]>> = {
  socket: general,
  // TOS, TTL, RECVOPTS, PKTINFO, MTU_DISCOVER, RECVERR, RECVTTL, RECVTOS, FREEBIND, TRANSPARENT,
  // RECVORIGDSTADDR, MINTTL, NODEFRAG, BIND_ADDRESS_NO_PORT, MULTICAST_IF, _TTL, _LOOP, _ALL, UNICAST_IF
  ip: [1, 2, 6, 8, 10, 11, 12, 13, 15, 19, 20, 21, 22, 24, 32, 33, 34, 49, 50],
  // UNICAST_HOPS, MULTICAST_IF, _HOPS, _LOOP, MTU_DISCOVER, RECVERR, V6ONLY, MULTICAST_ALL,
  // RECVPKTINFO, RECVHOPLIMIT, DONTFRAG, RECVTCLASS, TCLASS, AUTOFLOWLABEL, MINHOPCOUNT,
  // RECVORIGDSTADDR, TRANSPARENT, FREEBIND
  ipv6: [16, 17, 18, 19, 23, 25, 26, 29, 49, 51, 62, 66, 67, 70, 73, 74, 75, 78],
  // NODELAY, MAXSEG, CORK, KEEPIDLE, KEEPINTVL, KEEPCNT, SYNCNT, LINGER2, DEFER_ACCEPT,
  // WINDOW_CLAMP, CONGESTION, USER_TIMEOUT, FASTOPEN, NOTSENT_LOWAT, SAVE_SYN, FASTOPEN_CONNECT
  tcp: [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 13, 18, 23, 25, 27, 30],
  // CORK, ENCAP, NO_CHECK6_TX, NO_CHECK6_RX, SEGMENT, GRO
  udp: [1, 100, 101, 102, 103, 104],
};

function pairsOf(...levels: (keyof typeof level)[]): Int32Array {
  return Int32Array.from(
    levels.flatMap((each) => names[each].flatMap((name) => [level[each], name])),
  );
}

/** Level and name of each option that is kept, by kind of socket. */
export const socketOptions = {
  none: new Int32Array(0),
  unix: pairsOf('socket'),
  tcp: pairsOf('socket', 'ip', 'ipv6', 'tcp'),
  udp: pairsOf('socket', 'ip', 'ipv6', 'udp'),
} as const;
